"""Cohorts: each reader turns a folder or file into a visit table.

May import settings and core.
"""
