"""What is compared: cohort, split, pairs, grid, preparation, and the definitions of metrics.

May import preparation, cohorts, settings and core, and the interface of metrics.
"""
