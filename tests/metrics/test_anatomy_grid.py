"""Grids of the embedded network: what regridding keeps, padding, and folding."""

import pytest
import torch

from longibench.metrics.anatomy_grid import (
    BACKGROUND,
    folded,
    padded,
    regridded,
    unfolded,
    working_sides,
)


def noise(*sides: int) -> torch.Tensor:
    return torch.rand(1, 2, *sides, generator=torch.Generator().manual_seed(0))


def ramp(side: int) -> torch.Tensor:
    """Positions of the middles of voxels along the second axis, 0 to 1 over the field of view."""
    return ((torch.arange(side) + 0.5) / side).reshape(1, 1, 1, side, 1).expand(1, 1, 3, side, 2)


def test_equal_sides_change_nothing() -> None:
    volume = noise(5, 6, 7)
    assert regridded(volume, (5, 6, 7)) is volume


@pytest.mark.parametrize("sides", [(4, 3, 5), (5, 6, 1), (3, 4, 3)])
def test_fewer_voxels_have_the_same_mean(sides: tuple[int, int, int]) -> None:
    """A tissue's volume stays: whole voxels are shared out, whatever the ratio of sides."""
    volume = noise(8, 9, 10)
    found = regridded(volume, sides)
    assert found.shape == (1, 2, *sides)
    torch.testing.assert_close(found.mean(dim=(2, 3, 4)), volume.mean(dim=(2, 3, 4)))


def test_a_whole_ratio_averages_blocks() -> None:
    volume = noise(4, 6, 8)
    blocks = volume.reshape(1, 2, 2, 2, 2, 3, 2, 4).mean(dim=(3, 5, 7))
    torch.testing.assert_close(regridded(volume, (2, 2, 2)), blocks)


@pytest.mark.parametrize("side", [5, 8, 16, 20, 25])
def test_a_ramp_stays_where_it_is(side: int) -> None:
    """To a tenth of a voxel, of 10 along the axis, to fewer and to more.

    At the edges interpolation has no neighbour; averages over parts of voxels are not exact.
    """
    found = regridded(ramp(10), (3, side, 2))[0, 0, 1, :, 0]
    inside = slice(side // 5, side - side // 5)
    torch.testing.assert_close(found[inside], ramp(side)[0, 0, 1, :, 0][inside], rtol=0, atol=0.01)


def test_one_axis_is_refined_and_another_averaged() -> None:
    volume = noise(4, 10, 6)
    found = regridded(volume, (8, 5, 6))
    assert found.shape == (1, 2, 8, 5, 6)
    apart = regridded(regridded(volume, (8, 10, 6)), (8, 5, 6))
    torch.testing.assert_close(found, apart)


def test_shares_stay_shares() -> None:
    shares = noise(7, 6, 5).softmax(dim=1)
    for sides in ((3, 4, 5), (9, 13, 6), (3, 13, 5)):
        found = regridded(shares, sides)
        assert 0 <= float(found.min()) <= float(found.max()) <= 1
        torch.testing.assert_close(found.sum(dim=1), torch.ones(1, *sides))


@pytest.mark.parametrize(
    ("sides", "spacing", "expected"),
    [
        ((32, 40, 32), (5.0, 5.0, 5.0), [64, 80, 64]),
        ((64, 80, 64), (2.5, 2.5, 2.5), [64, 80, 64]),
        ((128, 160, 128), (1.5, 1.5, 1.5), [77, 96, 77]),
        ((256, 256, 40), (1.0, 0.9, 3.0), [102, 92, 48]),
        ((1, 2, 4), (1.0, 1.0, 1.0), [1, 1, 2]),  # never none
    ],
)
def test_sides_of_the_same_field_of_view(
    sides: tuple[int, int, int], spacing: tuple[float, float, float], expected: list[int]
) -> None:
    assert working_sides(sides, spacing, 2.5) == expected


def test_padding_is_background_on_both_sides() -> None:
    volume = noise(5, 8, 11)
    whole, inside = padded(volume, 8)
    assert whole.shape == (1, 2, 8, 8, 16)
    assert inside == [slice(1, 6), slice(0, 8), slice(2, 13)]
    assert whole[:, :, *inside].equal(volume)
    missing = whole.numel() - volume.numel()
    assert int((whole == BACKGROUND).sum()) == missing


def test_folding_is_undone() -> None:
    volume = torch.arange(2 * 3 * 4 * 6 * 8, dtype=torch.float32).reshape(2, 3, 4, 6, 8)
    found = folded(volume)
    assert found.shape == (2, 24, 2, 3, 4)
    assert unfolded(found).equal(volume)
    assert found[0, :8, 0, 0, 0].tolist() == volume[0, 0, :2, :2, :2].flatten().tolist()
