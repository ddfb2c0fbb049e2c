"""From scans as found to volumes on the grid, and the store that keeps them.

May import cohorts, settings and core.
"""
