"""SSIM: Wang's settings, the range it is computed on, and its invariances."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from metrics.masks import head_mask
from metrics.metric import MetricError
from metrics.ssim import SSIM, HeadSSIM, ssim_map

SHAPE = (18, 22, 16)
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}


@pytest.fixture
def brain() -> np.ndarray:
    """A textured ball on an empty background, in [-1, 1]."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1)
    texture = 0.5 + 0.4 * texture / np.abs(texture).max()
    grid = np.indices(SHAPE) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    ball = np.sqrt((grid**2).sum(axis=0)) < 6
    return (np.where(ball, texture, 0) * 2 - 1).astype(np.float32)


@pytest.fixture
def noisy(brain: np.ndarray) -> np.ndarray:
    return noise(brain, 0.1)


def noise(volume: np.ndarray, level: float) -> np.ndarray:
    added = level * np.random.default_rng(1).normal(size=volume.shape)
    return np.clip(volume + added, -1, 1).astype(np.float32)


def unit(volume: np.ndarray) -> np.ndarray:
    return (volume.astype(np.float64) + 1) / 2


def score(generated: np.ndarray, reference: np.ndarray) -> float:
    return SSIM()(generated=generated, reference=reference, source=reference)


def test_agrees_with_scikit_image(brain: np.ndarray, noisy: np.ndarray) -> None:
    expected = structural_similarity(unit(noisy), unit(brain), **WANG)
    assert score(noisy, brain) == pytest.approx(expected, abs=1e-9)


def test_head_agrees_with_scikit_image(brain: np.ndarray, noisy: np.ndarray) -> None:
    _, full = structural_similarity(unit(noisy), unit(brain), full=True, **WANG)
    found = HeadSSIM()(generated=noisy, reference=brain, source=brain)
    assert found == pytest.approx(full[head_mask(brain)].mean(), abs=1e-9)


def test_float64_keeps_what_float32_cancels(brain: np.ndarray) -> None:
    # A bright, nearly constant region: E[x^2] - mu^2 in float32 loses the variance.
    flat = np.full(SHAPE, 0.98, np.float32)
    expected = structural_similarity(unit(flat), unit(brain), **WANG)
    assert score(flat, brain) == pytest.approx(expected, abs=1e-8)


def test_identical_volumes_score_one(brain: np.ndarray) -> None:
    assert score(brain, brain) == pytest.approx(1, abs=1e-12)
    assert HeadSSIM()(generated=brain, reference=brain, source=brain) == pytest.approx(1, abs=1e-12)


def test_symmetric(brain: np.ndarray, noisy: np.ndarray) -> None:
    assert score(brain, noisy) == pytest.approx(score(noisy, brain), abs=1e-12)


def test_falls_with_noise(brain: np.ndarray) -> None:
    scores = [score(noise(brain, level), brain) for level in (0, 0.05, 0.1, 0.2, 0.4)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.7


def test_is_computed_on_zero_to_one(brain: np.ndarray, noisy: np.ndarray) -> None:
    # On [-1, 1] with a range of 2 the same volumes score otherwise: C1 is not shift invariant.
    unmapped = structural_similarity(
        noisy.astype(float), brain.astype(float), **(WANG | {"data_range": 2})
    )
    assert abs(score(noisy, brain) - unmapped) > 1e-3


def test_background_does_not_count_in_the_head(brain: np.ndarray) -> None:
    outside = noise(brain, 0.4)
    window = np.ones((11, 11, 11))
    mask = ndimage.binary_dilation(head_mask(brain), window)  # as far as a window reaches
    outside[mask] = brain[mask]
    assert HeadSSIM()(generated=outside, reference=brain, source=brain) == pytest.approx(1)


def test_head_is_the_source_s(brain: np.ndarray, noisy: np.ndarray) -> None:
    shifted = np.roll(brain, 3, axis=0)
    found = HeadSSIM()(generated=noisy, reference=brain, source=shifted)
    assert found == pytest.approx(ssim_map(noisy, brain)[head_mask(shifted)].mean())


def test_too_small_a_volume_is_named() -> None:
    small = np.zeros((10, 20, 20), np.float32)
    with pytest.raises(MetricError, match=r"11 voxels a side.*\(10, 20, 20\)"):
        score(small, small)


def test_other_shapes_are_refused(brain: np.ndarray) -> None:
    with pytest.raises(MetricError, match="shapes differ"):
        score(brain[1:], brain)
    with pytest.raises(MetricError, match="shapes differ"):
        HeadSSIM()(generated=brain, reference=brain, source=brain[1:])
