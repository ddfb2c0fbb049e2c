"""BIDS datasets with several sessions a participant."""

from benchmark.cohorts.readers.bids.reader import Bids

__all__ = ["Bids"]
