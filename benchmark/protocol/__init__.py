"""What is compared: cohort, split, pairs, grid and preparation, and what defines a metric.

May import preparation, cohorts, settings and core, and the interface of metrics.
"""
