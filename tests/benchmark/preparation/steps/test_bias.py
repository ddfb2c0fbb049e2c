import numpy as np
import pytest

from longibench.benchmark.core.threads import one_thread
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan
from longibench.benchmark.preparation.steps.bias import correct_bias

SHAPE = (32, 32, 32)
AFFINE = np.diag([5.0, 5.0, 5.0, 1.0])


def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two tissues in a ball, the ball, and a field of 30 percent."""
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    rng = np.random.default_rng(0)
    tissue = np.where(np.sin(9 * axes[0]) * np.sin(7 * axes[1]) * np.sin(8 * axes[2]) > 0, 600, 900)
    noisy = tissue + rng.normal(0, 15, SHAPE)
    return noisy, radius < 0.75, np.exp(0.15 * (axes[0] + axes[1] * axes[2]))


def test_the_field_is_divided_out_for_any_gain() -> None:
    true, brain, field = head()
    with one_thread():
        biased = Scan((1e-6 * true * field).astype(np.float32), AFFINE)
        result = correct_bias(biased, brain)
    ratio = result.data[brain] / true[brain]
    assert np.std(ratio) / ratio.mean() < 0.4 * np.std(field[brain]) / field[brain].mean()
    log_field = np.log(biased.data[brain] / result.data[brain])
    assert log_field.mean() == pytest.approx(0, abs=1e-3)


def test_a_brain_without_signal_is_damaged() -> None:
    _, brain, _ = head()
    with pytest.raises(DamagedScanError, match="bias correction failed"):
        correct_bias(Scan(np.zeros(SHAPE, np.float32) - 5, AFFINE), brain)
