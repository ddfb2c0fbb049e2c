"""Many cells as one job: matrix, launchers, estimates of time and memory.

May import every other package of the harness, and the interfaces of methods and metrics.
"""
