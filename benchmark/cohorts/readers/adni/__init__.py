"""ADNI as LONI's archive (IDA) gives it."""

from longibench.benchmark.cohorts.readers.adni.reader import Adni

__all__ = ["Adni"]
