"""Many cells as one job: their order, launchers, estimates of time and memory.

May import every other package of the harness.
"""
