"""The head mask: one component, without holes, almost unchanged by noise."""

import numpy as np
import pytest

from longibench.metrics.masks import Region, head_mask, source_mask
from longibench.metrics.metric import MetricError, Scan

SHAPE = (24, 28, 24)


@pytest.fixture
def ball() -> np.ndarray:
    grid = np.indices(SHAPE) - (np.array(SHAPE) / 2).reshape(3, 1, 1, 1)
    return np.sqrt((grid**2).sum(axis=0)) < 8


def volume(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 0.5, -1).astype(np.float32)


def test_finds_the_head(ball: np.ndarray) -> None:
    np.testing.assert_array_equal(head_mask(volume(ball)), ball)


def test_fills_dark_ventricles(ball: np.ndarray) -> None:
    source = volume(ball)
    source[11:14, 12:16, 11:14] = -1
    np.testing.assert_array_equal(head_mask(source), ball)


def test_drops_what_is_apart(ball: np.ndarray) -> None:
    source = volume(ball)
    source[:2, :2, :2] = 1
    np.testing.assert_array_equal(head_mask(source), ball)


def test_hardly_moved_by_noise(ball: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    magnitude = np.hypot(volume(ball) + 1 + rng.normal(0, 0.05, SHAPE), rng.normal(0, 0.05, SHAPE))
    found = head_mask((magnitude - 1).astype(np.float32))
    dice = 2 * np.sum(found & ball) / (found.sum() + ball.sum())
    assert dice > 0.95


def test_does_not_depend_on_the_scale(ball: np.ndarray) -> None:
    source = volume(ball)
    np.testing.assert_array_equal(head_mask(source), head_mask(300 * source + 1000))


def test_constant_source_is_refused() -> None:
    with pytest.raises(MetricError, match="no head"):
        head_mask(np.full(SHAPE, -1, np.float32))


def test_a_source_s_mask_is_made_once(ball: np.ndarray) -> None:
    source = Scan(volume(ball))
    assert source_mask(source) is source_mask(source)
    np.testing.assert_array_equal(source_mask(source), ball)


def test_regions(ball: np.ndarray) -> None:
    quantity = np.arange(ball.size, dtype=float).reshape(SHAPE)
    source = Scan(volume(ball))
    np.testing.assert_array_equal(Region.WHOLE.of(quantity, source), quantity.ravel())
    np.testing.assert_array_equal(Region.HEAD.of(quantity, source), quantity[ball])
