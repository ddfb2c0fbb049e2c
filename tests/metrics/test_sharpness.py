"""Sharpness and perceptual distance: both see the blur that SSIM and PSNR forgive."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from longibench.metrics.instruments import Instruments
from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.perceptual import Perceptual, stage_distance
from longibench.metrics.sharpness import Sharpness, detail_energy
from longibench.metrics.ssim import SSIM
from longibench.metrics.voxelwise import PSNR

Score = Callable[..., float]
Make = Callable[..., Scan]


def test_half_the_contrast_is_a_quarter_of_the_energy(brain: Make, score: Score) -> None:
    real = brain(30)
    half = Scan((real.voxels + 1) / 2 - 1)
    assert score(Sharpness(), half, real) == pytest.approx(10 * np.log10(0.25), abs=1e-4)


def test_blurring_is_below_zero_and_noise_above(
    brain: Make, noisy: Make, blurred: Make, score: Score
) -> None:
    real = brain(30)
    values = [score(Sharpness(), blurred(real, sigma), real) for sigma in (2, 1, 0.5)]
    values += [score(Sharpness(), real, real)]
    values += [score(Sharpness(), noisy(real, level), real) for level in (0.1, 0.3)]
    assert values == sorted(values)
    assert values[3] == 0
    assert values[1] < -3


def test_swapping_the_volumes_turns_the_sign(brain: Make, blurred: Make, score: Score) -> None:
    real, soft = brain(30), blurred(brain(30), 1)
    forth, back = score(Sharpness(), soft, real, real), score(Sharpness(), real, soft, real)
    assert forth == pytest.approx(-back)
    assert forth < -1


def test_the_edge_of_the_head_is_no_detail() -> None:
    ball = np.zeros((20, 20, 20), bool)
    ball[5:15, 5:15, 5:15] = True
    scan = Scan(np.where(ball, 0.5, -1).astype(np.float32))
    assert detail_energy(scan, ball) < 1e-20
    assert detail_energy(scan, np.ones_like(ball)) > 1e-3


def test_a_flat_volume_has_no_sharpness(brain: Make, score: Score) -> None:
    real = brain(30)
    flat = Scan(np.full_like(real.voxels, 0.1))
    with pytest.raises(MetricError, match="the generated volume is flat"):
        score(Sharpness(), flat, real)
    with pytest.raises(MetricError, match="the real volume is flat"):
        score(Sharpness(), real, flat, real)


def test_blurring_noise_away_pleases_ssim_but_not_these(
    brain: Make, noisy: Make, blurred: Make, score: Score
) -> None:
    """A real follow-up has its own noise, which no method can foresee; a sharp one has another."""
    anatomy = brain(30)
    real = noisy(anatomy, 0.3)
    rng = np.random.default_rng(7)
    added = 0.3 * rng.normal(size=anatomy.shape)
    sharp = Scan(np.clip(anatomy.voxels + added, -1, 1).astype(np.float32))
    soft = blurred(sharp, 0.8)
    given = {"reference": real, "source": anatomy}
    for forgiving in (SSIM(), PSNR()):
        assert score(forgiving, soft, **given) > score(forgiving, sharp, **given)
    sharpness, perceptual = Sharpness(), Perceptual(Instruments("random:0"))
    assert abs(score(sharpness, soft, **given)) > abs(score(sharpness, sharp, **given)) + 3
    assert score(perceptual, soft, **given) > score(perceptual, sharp, **given)


def test_stage_distance_by_hand() -> None:
    x, y = np.zeros((2, 2, 1, 1), np.float32), np.zeros((2, 2, 1, 1), np.float32)
    x[:, 0, 0, 0], y[:, 0, 0, 0] = (3, 0), (0, 5)  # at a right angle: |(1, 0) - (0, 1)|^2 = 2
    x[:, 1, 0, 0], y[:, 1, 0, 0] = (1, 1), (2, 2)  # the same direction: 0
    assert stage_distance(x, y) == pytest.approx(1)


def test_silent_voxels_do_not_divide_by_zero() -> None:
    silent = np.zeros((4, 2, 2, 2), np.float32)
    assert stage_distance(silent, silent) == 0
    assert stage_distance(silent, np.ones_like(silent)) == pytest.approx(1)


def test_stages_are_summed(brain: Make, noisy: Make, score: Score) -> None:
    class TwoStages(Instruments):
        def feature_maps(self, scan: Scan) -> tuple[np.ndarray, ...]:
            fine = np.stack([scan.voxels, scan.voxels**2])
            return fine, ndimage.zoom(fine, (1, 0.5, 0.5, 0.5), order=1)

    instruments, real, generated = TwoStages("random:0"), brain(30), noisy(brain(30), 0.3)
    stages = zip(*map(instruments.feature_maps, (generated, real)), strict=True)
    expected = sum(stage_distance(a, b) for a, b in stages)
    assert score(Perceptual(instruments), generated, real) == pytest.approx(expected)


def test_a_broken_feature_is_named(brain: Make, score: Score) -> None:
    class Broken(Instruments):
        def feature_maps(self, scan: Scan) -> tuple[np.ndarray, ...]:
            return (np.full((2, 2, 2, 2), np.nan, np.float32),)

    with pytest.raises(MetricError, match="not a finite number"):
        score(Perceptual(Broken("random:0")), brain(30), brain(30))


def test_perceptual_distance_names_the_extractor(counting: Instruments) -> None:
    assert counting.title in Perceptual(counting).title


def test_noise_outside_the_head_does_not_count(brain: Make, noisy: Make, score: Score) -> None:
    real = brain(30)
    outside = np.where(head_mask(real.voxels), real.voxels, noisy(real, 0.5).voxels)
    assert score(Sharpness(), Scan(outside), real) == pytest.approx(0, abs=1e-9)
