"""Volumes in [0, 1] in place of [-1, 1]."""

from collections.abc import Iterator

import numpy as np
import pytest

from longibench.benchmark.preparation.scale import all_bright

BRAIN = np.zeros((4, 4, 4), np.float32)
BRAIN[1:3, 1:3, 1:3] = np.linspace(0.2, 1, 8).reshape(2, 2, 2)


def test_their_range_and_number_are_reported() -> None:
    found = all_bright([BRAIN, BRAIN * np.float32(0.5)])
    assert found is not None
    assert (found.number, found.low, found.high) == (2, 0, 1)
    message = str(found.refused("list.csv", "the real ones are darker"))
    assert message.startswith("list.csv: the values of all 2 volumes run from 0 to 1, but the real")
    assert "Volumes in [0, 1]: --range 0,1;" in message


@pytest.mark.parametrize(("low", "bright"), [(0.2, True), (-0.05, True), (-0.15, False)])
def test_a_network_may_leave_its_range_a_little(low: float, bright: bool) -> None:
    """``--range 0,1`` refuses values below 0, so clipping is advised."""
    found = all_bright([np.where(BRAIN > 0, BRAIN, np.float32(low))])
    assert (found is not None) == bright
    if found is not None:
        assert ("clip them" in str(found.refused("list.csv", ""))) == (low < 0)


def test_one_dark_volume_is_enough_and_no_further_one_is_read() -> None:
    def volumes() -> Iterator[np.ndarray]:
        yield BRAIN
        yield 2 * BRAIN - 1
        raise AssertionError("a third volume is read")

    assert all_bright(volumes()) is None


@pytest.mark.parametrize("volumes", [[], [BRAIN * np.float32(0.06), BRAIN * np.float32(-0.07)]])
def test_no_volumes_and_those_of_an_untrained_network_are_not_judged(volumes: list) -> None:
    assert all_bright(volumes) is None
