"""PSNR, MAE and NCC: an independent implementation, known answers, and where they look."""

from collections.abc import Callable

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, PairMetric, Scan
from longibench.metrics.voxelwise import MAE, NCC, PSNR, HeadMAE, HeadNCC, HeadPSNR

Score = Callable[..., float]
Make = Callable[..., Scan]


def unit(scan: Scan) -> np.ndarray:
    return (scan.voxels.astype(np.float64) + 1) / 2


def test_psnr_agrees_with_scikit_image(brain: Make, noisy: Make, score: Score) -> None:
    real = brain(30)
    for level in (0.01, 0.1, 1):
        generated = noisy(real, level)
        expected = peak_signal_noise_ratio(unit(real), unit(generated), data_range=1)
        assert score(PSNR(), generated, real) == pytest.approx(expected, abs=1e-9)


def test_psnr_by_hand(score: Score) -> None:
    # Intensities that differ by 0.2 on [-1, 1] differ by 0.1 on [0, 1]: 10 log10(1 / 0.01).
    x, y = (Scan(np.full((8, 8, 8), value, np.float32)) for value in (0.5, 0.3))
    assert score(PSNR(), x, y) == pytest.approx(20, abs=1e-5)
    assert score(MAE(), x, y) == pytest.approx(0.1, abs=1e-6)


def test_identical_volumes_stop_at_the_cap(brain: Make, score: Score) -> None:
    real = brain(30)
    assert score(PSNR(), real, real) == score(HeadPSNR(), real, real) == 100
    assert "at most 100 dB" in PSNR().title


def test_mae_and_ncc_by_numpy(brain: Make, noisy: Make, score: Score) -> None:
    real, generated = brain(30), noisy(brain(30), 0.3)
    mask = head_mask(real.voxels)
    x, y = unit(generated), unit(real)
    assert score(MAE(), generated, real) == pytest.approx(np.mean(np.abs(x - y)))
    assert score(HeadMAE(), generated, real) == pytest.approx(np.mean(np.abs(x - y)[mask]))
    assert score(NCC(), generated, real) == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    expected = np.corrcoef(x[mask], y[mask])[0, 1]
    assert score(HeadNCC(), generated, real) == pytest.approx(expected)


@pytest.mark.parametrize(("whole", "head"), [(PSNR, HeadPSNR), (MAE, HeadMAE), (NCC, HeadNCC)])
def test_empty_background_flatters(
    whole: type[PairMetric], head: type[PairMetric], brain: Make, noisy: Make, score: Score
) -> None:
    real = brain(30)
    mask = head_mask(real.voxels)
    inside = np.where(mask, noisy(real, 0.3).voxels, real.voxels)
    sign = 1 if whole.higher_is_better else -1
    generated = Scan(inside)
    assert sign * score(whole(), generated, real) > sign * score(head(), generated, real)


@pytest.mark.parametrize("head", [HeadPSNR, HeadMAE, HeadNCC])
def test_head_is_the_source_s_and_the_rest_does_not_count(
    head: type[PairMetric], brain: Make, noisy: Make, score: Score
) -> None:
    real, source = brain(30), Scan(np.roll(brain(30).voxels, 2, axis=1))
    outside = np.where(head_mask(source.voxels), real.voxels, noisy(real, 0.5).voxels)
    perfect = score(head(), real, real, source)
    assert score(head(), Scan(outside), real, source) == pytest.approx(perfect)


def test_ncc_does_not_see_brightness_and_contrast(brain: Make, score: Score) -> None:
    real = brain(30)
    assert score(NCC(), Scan(real.voxels * 0.5 + 0.1), real) == pytest.approx(1, abs=1e-6)
    assert score(NCC(), Scan(-real.voxels), real) == pytest.approx(-1)


def test_ncc_of_a_constant_volume_is_refused(brain: Make, score: Score) -> None:
    flat = Scan(np.full_like(brain(30).voxels, 0.3))
    with pytest.raises(MetricError, match="the generated volume is constant"):
        score(NCC(), flat, brain(30))
    with pytest.raises(MetricError, match="the real volume is constant"):
        score(NCC(), brain(30), flat)


def test_other_shapes_are_refused(brain: Make, score: Score) -> None:
    real = brain(30)
    with pytest.raises(MetricError, match="shapes differ"):
        score(MAE(), Scan(real.voxels[:-1]), real)
