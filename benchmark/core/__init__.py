"""Files, console, errors, signals, seeds, paths and identity of code: nothing of MRI.

May import nothing of this project.
"""
