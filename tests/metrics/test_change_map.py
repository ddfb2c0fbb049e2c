"""Change maps: where a generated volume changes, and which way."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from longibench.metrics.change_map import SIGMA_MM, ChangeCorrelation, ChangeSign, change_map
from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, PairMetric, Scan

Score = Callable[..., float]
Make = Callable[..., Scan]


def changed(source: Scan, reference: Scan, part: float) -> Scan:
    voxels = source.voxels + part * (reference.voxels - source.voxels)
    return Scan(voxels.astype(np.float32), source.spacing_mm)


@pytest.fixture
def source(brain: Make) -> Scan:
    return brain(30)


@pytest.fixture
def reference(brain: Make) -> Scan:
    """Larger ventricles, and a brighter patch of white matter."""
    scan = brain(200)
    scan.voxels.flat[np.flatnonzero(scan.voxels > 0.4)[:1500]] += 0.3
    return scan


@pytest.mark.parametrize("metric", [ChangeCorrelation(), ChangeSign()])
def test_the_truth_and_its_opposite(
    metric: PairMetric, source: Scan, reference: Scan, score: Score
) -> None:
    assert score(metric, reference, reference, source) == pytest.approx(1)
    opposite = score(metric, changed(source, reference, -1), reference, source)
    assert opposite == pytest.approx(-1 if isinstance(metric, ChangeCorrelation) else 0, abs=1e-6)


@pytest.mark.parametrize("metric", [ChangeCorrelation(), ChangeSign()])
def test_half_the_change_has_the_right_place_and_sign(
    metric: PairMetric, source: Scan, reference: Scan, score: Score
) -> None:
    found = score(metric, changed(source, reference, 0.5), reference, source)
    assert found == pytest.approx(1, abs=1e-6)


def test_change_elsewhere_does_not_correlate(source: Scan, reference: Scan, score: Score) -> None:
    elsewhere = np.roll(reference.voxels - source.voxels, 6, axis=0)
    generated = Scan((source.voxels + elsewhere).astype(np.float32), source.spacing_mm)
    assert score(ChangeCorrelation(), generated, reference, source) < 0.5


def test_a_copy_has_no_correlation_and_no_sign(source: Scan, reference: Scan, score: Score) -> None:
    copy = Scan(source.voxels.copy(), source.spacing_mm)
    with pytest.raises(MetricError, match="the generated change since the source is constant"):
        score(ChangeCorrelation(), copy, reference, source)
    assert score(ChangeSign(), copy, reference, source) == 0


def test_nothing_truly_changes(source: Scan, reference: Scan, score: Score) -> None:
    with pytest.raises(MetricError, match="the real change since the source is constant"):
        score(ChangeCorrelation(), reference, source, source)
    faint = changed(source, reference, 0.01)
    with pytest.raises(MetricError, match=r"exceed 0\.02 .* have not both signs"):
        score(ChangeSign(), reference, faint, source)


def box(left: float, right: float) -> Scan:
    """A head of 30 x 10 x 10 voxels whose two ends are brighter by so much, in [0, 1]."""
    voxels = np.full((36, 16, 16), -1.0, np.float32)
    voxels[3:33, 3:13, 3:13] = 0
    voxels[3:11, 3:13, 3:13] += 2 * left
    voxels[25:33, 3:13, 3:13] += 2 * right
    return Scan(voxels)


def test_sign_looks_only_where_the_truth_is_clear(score: Score) -> None:
    source, reference, generated = box(0, 0), box(0.1, -0.1), box(0.1, -0.1)
    faint = np.index_exp[:, :4]  # where the reference changes too little to count
    reference.voxels[faint] = source.voxels[faint]
    generated.voxels[faint] = 1
    assert score(ChangeSign(), generated, reference, source) > 0.8


def test_one_true_sign_is_no_test(score: Score) -> None:
    """A black volume darkens everything: where all true changes darken, it would score 1."""
    source = box(0, 0)
    with pytest.raises(MetricError, match="have not both signs"):
        score(ChangeSign(), box(-1, -1), box(-0.1, -0.2), source)
    assert score(ChangeSign(), box(-1, -1), box(0.1, -0.2), source) == 0.5


def test_both_signs_weigh_alike(score: Score) -> None:
    # More brightens than darkens; brightening everything is right for one of two signs.
    source, reference = box(0, 0), box(0.2, -0.05)
    assert score(ChangeSign(), reference, reference, source) == 1
    assert score(ChangeSign(), box(0.1, 0.1), reference, source) == pytest.approx(0.5)


def test_smooths_by_millimetres_along_each_axis() -> None:
    grid = np.full((21, 21, 21), -1.0, np.float32)
    grid[4:17, 4:17, 4:17] = 0  # the head
    after = grid.copy()
    after[10, 10, 10] = 1
    spacing = (1.0, 2.0, 4.0)
    found = change_map(Scan(after, spacing), Scan(grid, spacing))
    point = np.zeros(grid.shape)
    point[10, 10, 10] = 0.5  # 1 in [-1, 1] is half of the range
    expected = ndimage.gaussian_filter(point, [SIGMA_MM, SIGMA_MM / 2, SIGMA_MM / 4])
    np.testing.assert_allclose(found, expected[grid > -1], atol=1e-12)


def test_the_mask_is_the_source_s(source: Scan, reference: Scan) -> None:
    assert change_map(reference, source).shape == (head_mask(source.voxels).sum(),)


def test_smoothing_rescues_the_correlation_from_noise(
    source: Scan, reference: Scan, score: Score
) -> None:
    rng = np.random.default_rng(3)
    noisy = [
        Scan((scan.voxels + rng.normal(0, 0.2, scan.shape)).astype(np.float32), scan.spacing_mm)
        for scan in (reference, reference)
    ]
    mask = head_mask(source.voxels)
    plain = [(scan.voxels - source.voxels)[mask] for scan in noisy]
    found = score(ChangeCorrelation(), *noisy, source)
    assert found > np.corrcoef(*plain)[0, 1] + 0.1


def test_other_shapes_are_refused(source: Scan, reference: Scan, score: Score) -> None:
    with pytest.raises(MetricError, match="shapes differ"):
        score(ChangeCorrelation(), Scan(reference.voxels[1:]), reference, source)
