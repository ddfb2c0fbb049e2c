"""What every registered metric must keep, whichever file it stands in."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

import metrics
from metrics.metric import REGISTRY, Metric, PairMetric, SetMetric

SHAPE = (16, 18, 16)
WEIGHTS = "random:0"


def registered() -> list[str]:
    for module in pkgutil.iter_modules(metrics.__path__):
        importlib.import_module(f"metrics.{module.name}")
    return sorted(REGISTRY)


def build(name: str) -> Metric:
    metric = REGISTRY[name]
    return metric(WEIGHTS) if issubclass(metric, SetMetric) else metric()


@pytest.fixture(scope="module", params=registered())
def metric(request: pytest.FixtureRequest) -> Metric:
    return build(request.param)


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    """Six smooth blobs that differ, in [-1, 1]."""
    rng = np.random.default_rng(0)
    grid = np.indices(SHAPE) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    ball = np.sqrt((grid**2).sum(axis=0)) < 6
    texture = np.stack([ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.5) for _ in range(6)])
    return np.where(ball, texture / np.abs(texture).max() * 0.8, -1).astype(np.float32)


@pytest.fixture(scope="module")
def value(metric: Metric, volumes: np.ndarray) -> Callable[[float], float]:
    """The metric's value at a level of noise."""

    def at(level: float) -> float:
        added = level * np.random.default_rng(1).normal(size=volumes.shape)
        noisy = np.clip(volumes + added, -1, 1).astype(np.float32)
        if isinstance(metric, PairMetric):
            return metric(generated=noisy[0], reference=volumes[0], source=volumes[0])
        assert isinstance(metric, SetMetric)
        features = [np.stack([metric.features(v) for v in batch]) for batch in (noisy, volumes)]
        return metric(generated=features[0], reference=features[1])

    return at


def test_the_paper_s_metrics_are_there() -> None:
    assert {"fid", "ssim", "ssim-head"} <= set(registered())


def test_tells_what_it_is(metric: Metric) -> None:
    assert metric.title
    assert metric.source
    assert metric.kind in ("pair", "set")
    assert isinstance(metric.higher_is_better, bool)
    assert 0 <= metric.decimals <= 6
    assert metric.name == metric.name.lower()
    assert inspect.getdoc(type(metric))


def test_title_says_more_than_the_name(metric: Metric) -> None:
    assert "[" in metric.title  # what changes the value, in brackets
    assert metric.title == build(metric.name).title


def test_arguments_are_named(metric: Metric) -> None:
    parameters = inspect.signature(metric.__call__).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    assert {"generated", "reference"} <= {p.name for p in parameters}


def test_value_is_a_finite_float(value: Callable[[float], float]) -> None:
    found = value(0.2)
    assert type(found) is float
    assert np.isfinite(found)


def test_same_input_same_value(value: Callable[[float], float]) -> None:
    assert value(0.2) == value(0.2)


def test_identity_is_best_and_noise_worsens(
    metric: Metric, value: Callable[[float], float]
) -> None:
    values = [value(level) for level in (0, 0.1, 0.4, 1)]
    assert values == sorted(values, reverse=metric.higher_is_better)
    assert len(set(values)) == len(values)


def test_inputs_are_left_as_they_were(value: Callable[[float], float], volumes: np.ndarray) -> None:
    before = volumes.copy()
    value(0.2)
    np.testing.assert_array_equal(volumes, before)
