"""From raw scans to volumes on the grid, and the store of these volumes.

May import cohorts, settings and core.
"""
