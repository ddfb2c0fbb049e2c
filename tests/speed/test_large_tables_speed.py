"""Speed of reading cohorts and of intervals of a report, ``pytest tests/speed --benchmark-only``.

``docs/examples/measure_cohort.py`` and ``measure_report.py`` measure whole commands at full size.
"""

from pathlib import Path

import numpy as np
import pytest
from measure_cohort import write_bids, write_table
from pytest_benchmark.fixture import BenchmarkFixture

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.reader import find_reader
from longibench.metrics.statistics import bootstrap_interval

SUBJECTS = 1000


@pytest.mark.benchmark(group="a cohort of 5,000 scans")
@pytest.mark.parametrize("kind", ["bids", "table"])
def test_reading(benchmark: BenchmarkFixture, kind: str, tmp_path: Path) -> None:
    place = tmp_path / kind
    if kind == "bids":
        write_bids(place, SUBJECTS)
    else:
        place = write_table(place, SUBJECTS)
    found = benchmark.pedantic(read_cohort, args=(find_reader(kind), place, kind), rounds=3)
    assert len(found.visits) == 5 * SUBJECTS


@pytest.mark.benchmark(group="an interval over 1,000 subjects")
def test_interval(benchmark: BenchmarkFixture) -> None:
    means = np.random.default_rng(0).normal(size=SUBJECTS)
    benchmark.pedantic(bootstrap_interval, args=(means,), rounds=5, warmup_rounds=1)
