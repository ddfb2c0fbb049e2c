"""The engine against a plain loop with MONAI; run with ``pytest tests/speed --benchmark-only``.

The tests of one group handle the same volumes with the same weights, so their times can be
compared; ``docs/examples/compare_speed.py`` prints the ratios. Equality is tested in
``tests/benchmark/training/test_plain_loop.py``.
"""

from collections.abc import Callable

import pytest
from contenders import CASES, Contenders, generation, training
from engine_loop import Case
from pytest_benchmark.fixture import BenchmarkFixture

SIZES = [
    (size, case, gather)
    for size in CASES
    for case in CASES[size]
    for gather in (training, generation)
]
ROUNDS = {"demo": 5, "64": 2, "published": 3}
ALL = [
    pytest.param(size, case, gather, name, id=f"{size}-{case.method}-{gather.__name__}-{name}")
    for size, case, gather in SIZES
    for name in gather(case).works
]


@pytest.mark.parametrize(("size", "case", "gather", "name"), ALL)
def test_engine(
    benchmark: BenchmarkFixture,
    size: str,
    case: Case,
    gather: Callable[[Case], Contenders],
    name: str,
) -> None:
    contenders = gather(case)
    where = "x".join(map(str, case.shape))
    benchmark.group = f"{case.method}, {where}, {gather.__name__}"
    benchmark.extra_info["samples"] = contenders.samples
    with contenders.work(name) as work:
        benchmark.pedantic(work, rounds=ROUNDS[size], warmup_rounds=1)
