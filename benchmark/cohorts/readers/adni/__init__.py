"""ADNI as downloaded from LONI's archive (IDA)."""

from longibench.benchmark.cohorts.readers.adni.reader import Adni

__all__ = ["Adni"]
