"""ADNI as LONI's archive (IDA) gives it."""

from benchmark.cohorts.readers.adni.reader import Adni

__all__ = ["Adni"]
