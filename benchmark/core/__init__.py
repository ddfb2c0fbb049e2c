"""Files, console, errors, signals, seeds, paths and identity of code; nothing MRI-specific.

Imports nothing from this project.
"""
