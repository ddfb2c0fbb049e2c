"""The embedded cohort: a longitudinal T1 study simulated from the MNI152 template.

``docs/phantom.md`` describes what is simulated, from which published numbers, and what is not.
"""
