"""BIDS datasets with several sessions a participant."""

from longibench.benchmark.cohorts.readers.bids.reader import Bids

__all__ = ["Bids"]
