"""The Fréchet distance: known answers, independent implementations, both sides of N = d."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from longibench.metrics.frechet import (
    Statistics,
    features_to_statistics,
    frechet_distance,
    frechet_parts,
    statistics_to_parts,
)
from longibench.metrics.metric import MetricError, TooFewVolumes


def draw(count: int, dimension: int, seed: int, shift: float = 0) -> np.ndarray:
    """Correlated features with a few strong directions, like pooled activations."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(dimension, dimension)) / np.arange(
        1, dimension + 1
    )
    return rng.normal(size=(count, dimension)) @ mixing.T + shift


@pytest.mark.parametrize(("count", "dimension"), [(40, 64), (64, 64), (200, 32)])
def test_agrees_with_monai(count: int, dimension: int) -> None:
    import torch
    from monai.metrics import FIDMetric

    generated, reference = draw(count, dimension, 1, 0.1), draw(count + 5, dimension, 2)
    with pytest.warns(DeprecationWarning, match="disp"):
        expected = FIDMetric()(torch.from_numpy(generated), torch.from_numpy(reference)).item()
    assert frechet_distance(generated=generated, reference=reference) == pytest.approx(
        expected, rel=1e-4
    )


def test_agrees_with_the_formula() -> None:
    generated, reference = draw(300, 12, 1, 0.1), draw(200, 12, 2)
    s1, s2 = np.cov(generated, rowvar=False), np.cov(reference, rowvar=False)
    shift = np.sum((generated.mean(0) - reference.mean(0)) ** 2)
    spread = np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
    parts = frechet_parts(generated=generated, reference=reference)
    assert parts.mean == pytest.approx(shift, rel=1e-10)
    assert parts.covariance == pytest.approx(spread, rel=1e-10)
    found = frechet_distance(generated=generated, reference=reference)
    assert found == pytest.approx(shift + spread, rel=1e-10)


def test_one_dimension_by_hand() -> None:
    # Means 2 and 0, standard deviations 1 and 3: (2 - 0)^2 + (1 - 3)^2.
    generated = np.array([[1.0], [2.0], [3.0]])
    reference = np.array([[-3.0], [0.0], [3.0]])
    assert frechet_distance(generated=generated, reference=reference) == pytest.approx(8)


def test_known_normal_distributions() -> None:
    """Covariances that commute: the distance is that of the square roots of their eigenvalues."""
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    first, second = np.array([4.0, 1, 9, 0, 1, 2]), np.array([1.0, 1, 4, 0, 9, 0])
    mean = np.arange(6.0)
    parts = statistics_to_parts(
        generated=Statistics(mean, np.sqrt(first)[:, None] * rotation),
        reference=Statistics(mean + 2, np.sqrt(second)[:, None] * rotation),
    )
    assert parts.mean == pytest.approx(6 * 4)
    assert parts.covariance == pytest.approx(np.sum((np.sqrt(first) - np.sqrt(second)) ** 2))
    assert parts.distance == parts.mean + parts.covariance


@pytest.mark.parametrize("count", [20, 90])
def test_identical_sets_are_at_zero(count: int) -> None:
    features = draw(count, 40, 0)
    scale = np.sum(features_to_statistics(features).factor ** 2)
    assert frechet_distance(generated=features, reference=features) < 1e-10 * scale


@pytest.mark.parametrize("count", [20, 90])
def test_order_shared_shift_and_swap_do_not_matter(count: int) -> None:
    generated, reference = draw(count, 40, 1), draw(count + 7, 40, 2)
    value = frechet_distance(generated=generated, reference=reference)
    shuffled = frechet_distance(generated=generated[::-1] + 5, reference=reference + 5)
    assert shuffled == pytest.approx(value, rel=1e-9)
    assert frechet_distance(generated=reference, reference=generated) == pytest.approx(value)


@pytest.mark.parametrize("count", [20, 90])
def test_grows_with_noise(count: int) -> None:
    reference = draw(count, 40, 1)
    added = np.random.default_rng(3).normal(size=reference.shape)
    values = [
        frechet_distance(generated=reference + level * added, reference=reference)
        for level in (0, 0.1, 0.3, 1, 3)
    ]
    assert values == sorted(values)
    assert values[-1] > values[0] + 1


@pytest.mark.parametrize("count", [20, 90])
def test_statistics_hold_the_covariance(count: int) -> None:
    features = draw(count, 40, 0)
    statistics = features_to_statistics(features)
    assert len(statistics.factor) == min(count, 40)
    np.testing.assert_allclose(
        statistics.factor.T @ statistics.factor, np.cov(features, rowvar=False), atol=1e-10
    )


def test_one_volume_has_no_distance() -> None:
    features = draw(3, 4, 0)
    with pytest.raises(TooFewVolumes, match="at least 2 volumes; there is 1"):
        frechet_distance(generated=features[:1], reference=features)
    with pytest.raises(TooFewVolumes):
        frechet_distance(generated=features, reference=features[:0])


def test_a_broken_feature_is_refused() -> None:
    features = draw(5, 4, 0)
    broken = features.copy()
    broken[2, 1] = np.nan
    with pytest.raises(MetricError, match="finite"):
        frechet_distance(generated=broken, reference=features)
