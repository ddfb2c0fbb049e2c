"""SSIM: Wang's settings and scikit-image's, the range it is computed on, and its invariances."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.ssim import SSIM, WANG, HeadSSIM, ssim_map
from longibench.metrics.ssim_skimage import HeadScikitSSIM, ScikitSSIM

SHAPE = (18, 22, 16)
BY_SCIKIT = {
    SSIM: {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    ScikitSSIM: {},
}

Score = Callable[..., float]


@pytest.fixture
def brain() -> Scan:
    """A textured ball on an empty background, in [-1, 1]."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1)
    texture = 0.5 + 0.4 * texture / np.abs(texture).max()
    grid = np.indices(SHAPE) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    ball = np.sqrt((grid**2).sum(axis=0)) < 6
    return Scan((np.where(ball, texture, 0) * 2 - 1).astype(np.float32))


def unit(scan: Scan) -> np.ndarray:
    return (scan.voxels.astype(np.float64) + 1) / 2


def by_scikit(metric: type[SSIM], generated: Scan, reference: Scan) -> tuple[float, np.ndarray]:
    """The value and the map."""
    settings = BY_SCIKIT[metric]
    mean, full = structural_similarity(
        unit(generated), unit(reference), data_range=1, full=True, **settings
    )
    return float(mean), full


@pytest.mark.parametrize("metric", [SSIM, ScikitSSIM])
def test_agrees_with_scikit_image(
    metric: type[SSIM], brain: Scan, noisy: Callable[..., Scan], score: Score
) -> None:
    generated = noisy(brain, 0.1)
    expected, _ = by_scikit(metric, generated, brain)
    assert score(metric(), generated, brain) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("metric", "whole"), [(HeadSSIM, SSIM), (HeadScikitSSIM, ScikitSSIM)])
def test_head_agrees_with_scikit_image(
    metric: type[SSIM], whole: type[SSIM], brain: Scan, noisy: Callable[..., Scan], score: Score
) -> None:
    generated = noisy(brain, 0.1)
    _, full = by_scikit(whole, generated, brain)
    expected = full[head_mask(brain.voxels)].mean()
    assert score(metric(), generated, brain) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", [SSIM, ScikitSSIM])
def test_agrees_where_a_slab_ends(metric: type[SSIM], score: Score) -> None:
    # Longer than two slabs, and not a multiple of one; no axis like another.
    rng = np.random.default_rng(0)
    x, y = (Scan(rng.uniform(-1, 1, (37, 13, 11)).astype(np.float32)) for _ in range(2))
    mean, full = by_scikit(metric, x, y)
    assert score(metric(), x, y) == pytest.approx(mean, abs=1e-9)
    np.testing.assert_allclose(ssim_map(x, y, metric.window), full, atol=1e-9)


def test_agrees_with_monai(brain: Scan, noisy: Callable[..., Scan], score: Score) -> None:
    import torch
    from monai.metrics import SSIMMetric

    generated = noisy(brain, 0.1)
    x, y = (torch.from_numpy(unit(scan))[None, None] for scan in (generated, brain))
    expected = SSIMMetric(spatial_dims=3, data_range=1.0)(x, y).item()
    assert score(SSIM(), generated, brain) == pytest.approx(expected, abs=1e-4)  # it has float32


def test_the_two_windows_do_not_agree(
    brain: Scan, noisy: Callable[..., Scan], score: Score
) -> None:
    generated = noisy(brain, 0.1)
    assert abs(score(SSIM(), generated, brain) - score(ScikitSSIM(), generated, brain)) > 0.01


def test_float64_keeps_what_float32_cancels(brain: Scan, score: Score) -> None:
    # A bright, nearly constant region: E[x^2] - mu^2 in float32 loses the variance.
    flat = Scan(np.full(SHAPE, 0.98, np.float32))
    expected, _ = by_scikit(SSIM, flat, brain)
    assert score(SSIM(), flat, brain) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("metric", [SSIM, HeadSSIM, ScikitSSIM, HeadScikitSSIM])
def test_identical_volumes_score_one(metric: type[SSIM], brain: Scan, score: Score) -> None:
    assert score(metric(), brain, brain) == pytest.approx(1, abs=1e-12)


def test_symmetric(brain: Scan, noisy: Callable[..., Scan], score: Score) -> None:
    other = noisy(brain, 0.1)
    assert score(SSIM(), brain, other) == pytest.approx(score(SSIM(), other, brain), abs=1e-12)


def test_is_computed_on_zero_to_one(brain: Scan, noisy: Callable[..., Scan], score: Score) -> None:
    # On [-1, 1] with a range of 2 the same volumes score otherwise: C1 is not shift invariant.
    generated = noisy(brain, 0.1)
    x, y = (scan.voxels.astype(float) for scan in (generated, brain))
    unmapped = structural_similarity(x, y, data_range=2, **BY_SCIKIT[SSIM])
    assert abs(score(SSIM(), generated, brain) - unmapped) > 1e-3


def test_background_does_not_count_in_the_head(
    brain: Scan, noisy: Callable[..., Scan], score: Score
) -> None:
    outside = noisy(brain, 0.4).voxels
    window = np.ones((11, 11, 11))
    mask = ndimage.binary_dilation(head_mask(brain.voxels), window)  # as far as a window reaches
    outside[mask] = brain.voxels[mask]
    assert score(HeadSSIM(), Scan(outside), brain) == pytest.approx(1)


def test_head_is_the_source_s(brain: Scan, noisy: Callable[..., Scan], score: Score) -> None:
    generated, shifted = noisy(brain, 0.1), Scan(np.roll(brain.voxels, 3, axis=0))
    expected = ssim_map(generated, brain)[head_mask(shifted.voxels)].mean()
    assert score(HeadSSIM(), generated, brain, shifted) == pytest.approx(expected)


def test_the_map_is_computed_once_a_pair(brain: Scan, noisy: Callable[..., Scan]) -> None:
    generated = noisy(brain, 0.1)
    first = ssim_map(generated, brain)
    assert ssim_map(generated, brain, WANG) is first
    assert ssim_map(generated, brain, ScikitSSIM.window) is not first


def test_another_reference_gets_its_own_map(brain: Scan, noisy: Callable[..., Scan]) -> None:
    # References come and go; one that takes the place of another in memory is not mistaken for it.
    means = [ssim_map(brain, noisy(brain, level)).mean() for level in (0, 0.2, 0.4)]
    assert means == sorted(means, reverse=True)
    assert len(set(means)) == 3


@pytest.mark.parametrize(("metric", "side"), [(SSIM, 11), (ScikitSSIM, 7)])
def test_too_small_a_volume_is_named(metric: type[SSIM], side: int, score: Score) -> None:
    small = Scan(np.zeros((side - 1, 20, 20), np.float32))
    with pytest.raises(MetricError, match=rf"{side} voxels per side.*\({side - 1}, 20, 20\)"):
        score(metric(), small, small)
    smallest = Scan(np.zeros((side, side, side), np.float32))
    assert score(metric(), smallest, smallest) == pytest.approx(1)


@pytest.mark.parametrize("metric", [SSIM, HeadSSIM])
def test_other_shapes_are_refused(metric: type[SSIM], brain: Scan, score: Score) -> None:
    cut = Scan(brain.voxels[1:])
    with pytest.raises(MetricError, match="shapes differ"):
        score(metric(), cut, brain)
    with pytest.raises(MetricError, match="shapes differ"):
        score(metric(), brain, brain, cut)


def test_titles_tell_window_and_mask() -> None:
    assert SSIM().title == "SSIM [Wang, whole volume]"
    assert HeadSSIM().title == "SSIM [Wang, source's head]"
    assert "scikit-image's defaults, source's head" in HeadScikitSSIM().title
