"""Where scans come from: each reader turns a place on disk into a visit table.

May import settings and core.
"""
