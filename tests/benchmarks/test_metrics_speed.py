"""Speed of the metrics; run with ``pytest tests/benchmarks --benchmark-only``."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from scipy import ndimage
from skimage.metrics import structural_similarity

from metrics.masks import head_mask
from metrics.ssim import SSIM
from metrics.statistics import bootstrap_interval

PAPER = (128, 160, 128)
DEMO = (32, 40, 32)


def blob(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A smooth random volume in [-1, 1]."""
    volume = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return (volume / np.abs(volume).max()).astype(np.float32)


@pytest.mark.parametrize("shape", [DEMO, PAPER])
def test_ssim(benchmark: BenchmarkFixture, shape: tuple[int, int, int]) -> None:
    x, y = blob(shape, 0), blob(shape, 1)
    metric = SSIM()
    benchmark.pedantic(
        metric, kwargs={"generated": x, "reference": y, "source": y}, rounds=3, warmup_rounds=1
    )


def test_ssim_by_scikit_image(benchmark: BenchmarkFixture) -> None:
    x, y = ((blob(PAPER, seed).astype(float) + 1) / 2 for seed in (0, 1))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    benchmark.pedantic(
        structural_similarity,
        args=(x, y),
        kwargs=settings | {"data_range": 1},
        rounds=3,
        warmup_rounds=1,
    )


def test_head_mask(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(head_mask, args=(blob(PAPER, 0),), rounds=3)


def test_bootstrap(benchmark: BenchmarkFixture) -> None:
    values = np.random.default_rng(0).normal(size=500)
    benchmark.pedantic(bootstrap_interval, args=(values, np.arange(500) % 114), rounds=5)
