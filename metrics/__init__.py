"""Metrics: one file per metric, registered by subclassing ``PairMetric`` or ``SetMetric``."""

from longibench import be_one_object

be_one_object(__name__)
