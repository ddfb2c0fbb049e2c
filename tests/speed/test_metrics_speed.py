"""Speed of the metrics; run with ``pytest tests/speed --benchmark-only``.

What is in one group does the same with other code, all on one thread, as volumes are scored.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from scipy import ndimage
from skimage.metrics import structural_similarity
from threadpoolctl import threadpool_limits

from longibench.metrics.change_map import ChangeCorrelation
from longibench.metrics.masks import head_mask
from longibench.metrics.metric import PairMetric, Scan
from longibench.metrics.ms_ssim import MultiScaleSSIM, scales
from longibench.metrics.sharpness import Sharpness
from longibench.metrics.skill import HeadSkill
from longibench.metrics.ssim import SSIM
from longibench.metrics.ssim_skimage import ScikitSSIM
from longibench.metrics.statistics import bootstrap_interval
from longibench.metrics.voxelwise import HeadNCC, HeadPSNR

PAPER = (128, 160, 128)
DEMO = (32, 40, 32)

WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def blob(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A smooth random volume in [-1, 1]."""
    volume = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return (volume / np.abs(volume).max()).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def volumes() -> tuple[np.ndarray, np.ndarray]:
    return blob(PAPER, 0), blob(PAPER, 1)


def time_metric(benchmark: BenchmarkFixture, metric: PairMetric, *given: np.ndarray) -> float:
    """Each round sees scans of which nothing was derived yet."""

    def scans() -> tuple[tuple[()], dict[str, Any]]:
        generated, reference = (Scan(volume) for volume in given)
        roles = {"generated": generated, "reference": reference, "source": reference}
        return (), roles | {"interval_years": 1.0}

    value: float = benchmark.pedantic(metric, setup=scans, rounds=5, warmup_rounds=1)
    return value


def time_function(benchmark: BenchmarkFixture, function: Callable[..., Any], *given: Any) -> Any:
    return benchmark.pedantic(function, args=given, rounds=3, warmup_rounds=1)


def scikit_ssim(x: np.ndarray, y: np.ndarray, settings: dict[str, Any]) -> float:
    unit = [(volume.astype(np.float64) + 1) / 2 for volume in (x, y)]
    return float(structural_similarity(*unit, data_range=1, **settings))


def monai_metric(metric: Any, x: np.ndarray, y: np.ndarray) -> float:
    unit = [torch.from_numpy((volume + 1) / 2)[None, None] for volume in (x, y)]
    return float(metric(*unit).item())


@pytest.mark.benchmark(group="SSIM, Wang's window, 128 x 160 x 128")
class TestWang:
    def test_longibench(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        time_metric(benchmark, SSIM(), *volumes)

    def test_scikit_image(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        found = time_function(benchmark, scikit_ssim, *volumes, WANG)
        assert found == pytest.approx(value(SSIM(), *volumes), abs=1e-8)

    def test_monai(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        from monai.metrics import SSIMMetric

        metric = SSIMMetric(spatial_dims=3, data_range=1.0)
        found = time_function(benchmark, monai_metric, metric, *volumes)
        assert found == pytest.approx(value(SSIM(), *volumes), abs=1e-3)


@pytest.mark.benchmark(group="SSIM, scikit-image's defaults, 128 x 160 x 128")
class TestUniform:
    def test_longibench(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        time_metric(benchmark, ScikitSSIM(), *volumes)

    def test_scikit_image(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        found = time_function(benchmark, scikit_ssim, *volumes, {})
        assert found == pytest.approx(value(ScikitSSIM(), *volumes), abs=1e-8)


@pytest.mark.benchmark(group="MS-SSIM, window of 7, 128 x 160 x 128")
class TestMultiScale:
    def test_longibench(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        time_metric(benchmark, MultiScaleSSIM(), *volumes)

    def test_monai(self, benchmark: BenchmarkFixture, volumes: Any) -> None:
        from monai.metrics import MultiScaleSSIMMetric

        assert scales(PAPER) == 5
        metric = MultiScaleSSIMMetric(spatial_dims=3, data_range=1.0, kernel_size=7)
        found = time_function(benchmark, monai_metric, metric, *volumes)
        assert found == pytest.approx(value(MultiScaleSSIM(), *volumes), abs=1e-3)


def value(metric: PairMetric, x: np.ndarray, y: np.ndarray) -> float:
    reference = Scan(y)
    return metric(generated=Scan(x), reference=reference, source=reference, interval_years=1.0)


@pytest.mark.benchmark(group="Pair metrics, 128 x 160 x 128, mask included")
@pytest.mark.parametrize("metric", [HeadPSNR, HeadNCC, Sharpness, HeadSkill, ChangeCorrelation])
def test_pair_metric(
    benchmark: BenchmarkFixture, metric: type[PairMetric], volumes: tuple[np.ndarray, np.ndarray]
) -> None:
    generated, reference = volumes
    source = (generated + reference) / 2

    def scans() -> tuple[tuple[()], dict[str, Any]]:
        roles = {"generated": generated, "reference": reference, "source": source}
        return (), {role: Scan(v) for role, v in roles.items()} | {"interval_years": 1.0}

    benchmark.pedantic(metric(), setup=scans, rounds=3, warmup_rounds=1)


def test_ssim_of_the_demo(benchmark: BenchmarkFixture) -> None:
    time_metric(benchmark, SSIM(), blob(DEMO, 0), blob(DEMO, 1))


def test_head_mask(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(head_mask, args=(blob(PAPER, 0),), rounds=3)


def test_bootstrap(benchmark: BenchmarkFixture) -> None:
    means = np.random.default_rng(0).normal(size=114)
    benchmark.pedantic(bootstrap_interval, args=(means,), rounds=5)
