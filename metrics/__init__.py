"""Metrics: one file a metric, registered by subclassing ``PairMetric`` or ``SetMetric``."""
