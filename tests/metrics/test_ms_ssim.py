"""MS-SSIM: MONAI's values at every legal number of scales, and the rule that chooses it."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.ms_ssim import WEIGHTS, MultiScaleSSIM, scales

Score = Callable[..., float]


def pair(shape: tuple[int, int, int]) -> list[Scan]:
    """Two textures that share their coarse parts."""
    rng = np.random.default_rng(0)
    coarse, fine = (ndimage.gaussian_filter(rng.normal(size=shape), s) for s in (3, 1))
    first = coarse / np.abs(coarse).max()
    second = first + 0.2 * fine / np.abs(fine).max()
    return [Scan(np.clip(v, -1, 1).astype(np.float32)) for v in (first, second)]


def by_monai(x: Scan, y: Scan, count: int) -> float:
    import torch
    from monai.metrics import MultiScaleSSIMMetric

    weights = np.array(WEIGHTS[:count]) / sum(WEIGHTS[:count])
    metric = MultiScaleSSIMMetric(
        spatial_dims=3, data_range=1.0, kernel_size=7, kernel_sigma=1.5, weights=weights.tolist()
    )
    volumes = (torch.from_numpy((scan.voxels + 1) / 2)[None, None] for scan in (x, y))
    return float(metric(*volumes).item())


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((14, 17, 20), 2),
        ((28, 31, 33), 3),
        ((63, 64, 66), 4),
        pytest.param((112, 113, 112), 5, marks=pytest.mark.slow),
    ],
)
def test_agrees_with_monai(shape: tuple[int, int, int], count: int, score: Score) -> None:
    x, y = pair(shape)
    assert scales(shape) == count
    found = score(MultiScaleSSIM(), x, y)
    assert found == pytest.approx(by_monai(x, y, count), abs=2e-5)  # MONAI computes in float32
    assert 0.1 < found < 0.99


@pytest.mark.parametrize(
    ("side", "count"), [(13, 1), (27, 2), (62, 3), (111, 4), (128, 5), (256, 5)]
)
def test_the_rule_in_the_title(side: int, count: int) -> None:
    assert scales((side, 256, 256)) == scales((256, 256, side)) == count


def test_monai_allows_no_more_scales(score: Score) -> None:
    x, y = pair((27, 27, 27))
    with pytest.raises(ValueError, match="must be larger than"):
        by_monai(x, y, 3)
    assert np.isfinite(score(MultiScaleSSIM(), x, y))


def test_identical_volumes_score_one(score: Score) -> None:
    x, _ = pair((16, 16, 16))
    assert score(MultiScaleSSIM(), x, x) == pytest.approx(1, abs=1e-12)


def test_opposite_contrast_scores_zero_not_nan(score: Score) -> None:
    # Negative means would have no real power; MONAI raises them to 0 as well.
    x, _ = pair((16, 16, 16))
    assert score(MultiScaleSSIM(), Scan(-x.voxels), x) == 0


def test_too_small_for_two_scales(score: Score) -> None:
    x, y = pair((13, 20, 20))
    with pytest.raises(MetricError, match=r"at least 14 voxels.*\(13, 20, 20\)"):
        score(MultiScaleSSIM(), x, y)
