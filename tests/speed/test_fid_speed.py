"""Speed of FID, KID and features; run with ``pytest tests/speed --benchmark-only``.

Groups stand side by side in one run, on the same machine under the same load.
"""

import warnings

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from scipy import ndimage

from longibench.metrics.extractors import extractor
from longibench.metrics.fid import FID, frechet_distance
from longibench.metrics.fid_infinity import FIDInfinity
from longibench.metrics.kid import KID
from longibench.metrics.metric import Features, Scan, SetMetric

DEMO = (32, 40, 32)
JACKKNIFE = 500
Sets = tuple[Features, Features]


def sample(count: int, dimension: int) -> Sets:
    generated, reference = np.random.default_rng(0).normal(size=(2, count, dimension))
    return generated, reference


@pytest.fixture(scope="module")
def features() -> Sets:
    """N = 400, d = 2048."""
    return sample(400, 2048)


@pytest.mark.benchmark(group="Fréchet distance, N = 400, d = 2048")
def test_frechet_distance(benchmark: BenchmarkFixture, features: Sets) -> None:
    generated, reference = features
    given = {"generated": generated, "reference": reference}
    benchmark.pedantic(FID(), kwargs=given, rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="Fréchet distance, N = 400, d = 2048")
def test_frechet_distance_by_monai(benchmark: BenchmarkFixture, features: Sets) -> None:
    from monai.metrics import FIDMetric

    generated, reference = map(torch.from_numpy, features)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*disp", category=DeprecationWarning)
        value = benchmark.pedantic(FIDMetric(), args=(generated, reference), rounds=1)
    ours = frechet_distance(generated=features[0], reference=features[1])
    assert ours == pytest.approx(float(value), rel=1e-5)


@pytest.mark.parametrize("subjects", [114, JACKKNIFE])
@pytest.mark.parametrize("metric", [FID, KID], ids=["fid", "kid"])
@pytest.mark.benchmark(group=f"without each subject, N = {JACKKNIFE}, d = 2048")
def test_leave_one_out(benchmark: BenchmarkFixture, metric: type[SetMetric], subjects: int) -> None:
    generated, reference = sample(JACKKNIFE, 2048)
    given = {
        "generated": generated,
        "reference": reference,
        "groups": [f"{row % subjects:03d}" for row in range(JACKKNIFE)],
    }
    benchmark.pedantic(metric().leave_one_out, kwargs=given, rounds=1)


@pytest.mark.benchmark(group=f"without each subject, N = {JACKKNIFE}, d = 2048")
def test_leave_one_out_recomputed(benchmark: BenchmarkFixture) -> None:
    """The distance from the features, without 5 of the 114 subjects only."""
    generated, reference = sample(JACKKNIFE, 2048)
    subjects = np.arange(JACKKNIFE) % 114

    def recompute() -> list[float]:
        return [
            frechet_distance(
                generated=generated[subjects != subject], reference=reference[subjects != subject]
            )
            for subject in range(5)
        ]

    benchmark.pedantic(recompute, rounds=1)


@pytest.mark.parametrize("metric", [FID, KID], ids=["fid", "kid"])
@pytest.mark.benchmark(group=f"floor of 10 splits, N = {JACKKNIFE}, d = 2048")
def test_floor(benchmark: BenchmarkFixture, metric: type[SetMetric]) -> None:
    generated, reference = sample(JACKKNIFE, 2048)
    groups = [f"{row % 114:03d}" for row in range(JACKKNIFE)]
    given = {"generated": generated, "reference": reference, "groups": groups}
    benchmark.pedantic(metric().floor, kwargs=given, rounds=1)


@pytest.mark.parametrize("metric", [KID, FIDInfinity], ids=["kid", "fid-infinity"])
@pytest.mark.benchmark(group="other distances, N = 400, d = 2048")
def test_other_distances(
    benchmark: BenchmarkFixture, features: Sets, metric: type[SetMetric]
) -> None:
    subjects = (np.arange(400) % 114)[:, None]
    generated, reference = (np.hstack([subjects, part]) for part in features)
    given = {"generated": generated, "reference": reference}
    benchmark.pedantic(metric(), kwargs=given, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("weights", ["embedded", "random:0"])
@pytest.mark.benchmark(group="features of one volume of 32x40x32")
def test_features(benchmark: BenchmarkFixture, weights: str) -> None:
    volume = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=DEMO), 3)
    voxels = (volume / np.abs(volume).max()).astype(np.float32)
    network = extractor(weights, "as-is")
    benchmark.pedantic(
        lambda: network.pooled(Scan(voxels, (5.0, 5.0, 5.0))), rounds=20, warmup_rounds=2
    )
