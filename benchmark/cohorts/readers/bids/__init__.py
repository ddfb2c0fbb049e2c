"""BIDS datasets with several sessions per participant."""

from longibench.benchmark.cohorts.readers.bids.reader import Bids

__all__ = ["Bids"]
