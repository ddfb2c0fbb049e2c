"""What a network is shown under each published convention, voxel by voxel."""

import numpy as np
import pytest

from longibench.metrics.conventions import CONVENTIONS, as_is, find_convention, wdm, z_score
from longibench.metrics.scan import Scan
from longibench.metrics.weight_files import WeightsError


def brain(shape: tuple[int, int, int] = (10, 12, 9), *, real: bool = True) -> Scan:
    voxels = np.full(shape, -1, np.float32)
    inside = voxels[2:-2, 2:-2, 2:-2]
    inside[:] = np.random.default_rng(0).uniform(-0.8, 0.9, inside.shape)
    return Scan(voxels, real=real)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_gives_float32_and_leaves_the_scan_alone(name: str) -> None:
    scan = brain()
    scan.voxels.setflags(write=False)
    assert find_convention(name).present(scan).dtype == np.float32


def test_ha_gan_is_as_is() -> None:
    scan = brain()
    assert as_is(scan) is scan.voxels
    assert find_convention("ha-gan") == find_convention("as-is")


def test_z_score_counts_what_is_above_the_background() -> None:
    scan = brain()
    standard, inside = z_score(scan), scan.voxels > -1
    assert standard[inside].mean() == pytest.approx(0, abs=1e-6)
    assert standard[inside].std() == pytest.approx(1, abs=1e-6)
    assert (standard[~inside] == 0).all()


@pytest.mark.parametrize("value", [-1, 0.5])
@pytest.mark.parametrize("name", CONVENTIONS)
def test_an_empty_volume_is_still_shown(name: str, value: float) -> None:
    scan = Scan(np.full((4, 4, 4), value, np.float32))
    assert np.isfinite(find_convention(name).present(scan)).all()


def test_wdm_pads_a_small_volume_around_its_middle() -> None:
    shown, scan = wdm(brain(real=False)), brain()
    assert shown.shape == (128, 128, 128)
    x, y, z = 59, 58, 59  # 9 leaves 119: 59 before and 60 after
    inside = shown[x : x + 10, y : y + 12, z : z + 9]
    np.testing.assert_allclose(inside, (scan.voxels + 1) / 2, atol=1e-7)
    assert shown.sum() == pytest.approx(inside.sum())


def test_wdm_averages_a_large_volume() -> None:
    scan = Scan(np.random.default_rng(0).uniform(-1, 1, (130, 4, 3)).astype(np.float32), real=False)
    shown = wdm(scan)
    assert shown.shape == (128, 128, 128)
    unit = (scan.voxels.astype(float) + 1) / 2
    # 130 voxels begin at 63, an odd place: the first one shares its cell with the padding.
    assert shown[31, 63, 63] == pytest.approx(unit[0, :2, :2].sum() / 8, abs=1e-6)
    assert shown[32, 63, 63] == pytest.approx(unit[1:3, :2, :2].mean(), abs=1e-6)
    assert shown.sum() * 8 == pytest.approx(unit.sum(), rel=1e-4)


def test_wdm_takes_sides_above_256() -> None:
    assert wdm(Scan(np.zeros((259, 2, 2), np.float32))).shape == (130, 128, 128)


def test_wdm_treats_real_and_generated_unlike() -> None:
    """The pitfall of the published setting: a perfect copy is at a distance."""
    real, copy = wdm(brain(real=True)), wdm(brain(real=False))
    assert np.abs(real - copy).max() > 0.01
    assert find_convention("wdm").real_differs


def test_wdm_clips_and_scales_a_real_volume() -> None:
    scan = Scan(np.linspace(-0.9, 0.7, 1000).reshape(10, 10, 10).astype(np.float32))
    shown = wdm(scan)[59:69, 59:69, 59:69].ravel()
    low, high = np.quantile(scan.voxels.astype(float), [0.001, 0.999])
    assert shown.min() == 0
    assert shown.max() == 1
    assert shown[500] == pytest.approx((scan.voxels.ravel()[500] - low) / (high - low), abs=1e-6)


def test_an_unknown_convention_names_the_known() -> None:
    with pytest.raises(WeightsError, match=r"did you mean z-score.*as-is, ha-gan, wdm, z-score"):
        find_convention("zscore")
    with pytest.raises(WeightsError, match=r"not known; available: as-is"):
        find_convention("")
