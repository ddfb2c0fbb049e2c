"""LPIPS on slices: which slices it compares, and what it reports when the network is not there."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from longibench.metrics.lpips import LPIPS25D, planes_distance, slices
from longibench.metrics.metric import MetricError, Scan

Score = Callable[..., float]


def mean_square(x: Tensor, y: Tensor) -> Tensor:
    """A backbone without a network: (n, 1, 1, 1)."""
    return ((x - y) ** 2).mean(dim=(1, 2, 3), keepdim=True)


def volume(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (17, 19, 21)).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_a_plane(axis: int) -> None:
    found = torch.cat(list(slices(volume(), axis))).numpy()
    expected = np.stack([volume().take(i, axis) for i in range(volume().shape[axis])])
    assert found.shape[1] == 3  # grey as three equal colours
    for colour in range(3):
        np.testing.assert_array_equal(found[:, colour], expected)


def test_planes_weigh_alike_however_many_slices_they_have() -> None:
    # One changed slice of 17, which the other planes see as one line of 17.
    x, y = volume(), volume()
    y[4] += 1
    assert planes_distance(x, y, mean_square) == pytest.approx(3 / 17)


def test_agrees_with_monai_on_all_slices() -> None:
    """MONAI's slicing around the same backbone, which here is not symmetric in its axes."""
    from monai.losses import PerceptualLoss

    class Backbone(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            step = (x - y).mean(dim=1, keepdim=True).diff(dim=3)
            return (step.abs() ** 1.5).mean(dim=(1, 2, 3), keepdim=True)

    loss = PerceptualLoss.__new__(PerceptualLoss)  # its __init__ would download a network
    nn.Module.__init__(loss)
    loss.spatial_dims, loss.is_fake_3d, loss.fake_3d_ratio = 3, True, 1.0
    loss.channel_wise, loss.perceptual_function = False, Backbone()
    x, y = volume(0), volume(1)
    expected = loss(*(torch.from_numpy(v)[None, None] for v in (x, y))).item()
    assert planes_distance(x, y, Backbone()) == pytest.approx(expected, rel=1e-5)


def test_loads_squeezenet_when_first_needed(monkeypatch: pytest.MonkeyPatch, score: Score) -> None:
    made: list[dict[str, object]] = []

    class Network:
        def __init__(self, **settings: object) -> None:
            made.append(settings)

        def eval(self) -> Callable[[Tensor, Tensor], Tensor]:
            return mean_square

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Network))
    metric = LPIPS25D()
    assert made == []
    x, y = Scan(volume(0)), Scan(volume(1))
    assert score(metric, x, x) == 0
    assert score(metric, x, y) > 0.1
    assert made == [{"net": "squeeze", "version": "0.1", "verbose": False}]


def test_says_how_to_get_the_packages(monkeypatch: pytest.MonkeyPatch, score: Score) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    x = Scan(volume())
    with pytest.raises(MetricError, match="pip install lpips torchvision"):
        score(LPIPS25D(), x, x)


def test_says_how_to_get_the_weights(monkeypatch: pytest.MonkeyPatch, score: Score) -> None:
    def offline(**settings: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=offline))
    x = Scan(volume())
    with pytest.raises(MetricError, match=r"squeezenet1_1.*Name or service not known"):
        score(LPIPS25D(), x, x)


def test_too_small_a_volume_is_named(score: Score) -> None:
    small = Scan(volume()[:16])
    with pytest.raises(MetricError, match="17 voxels per side"):
        score(LPIPS25D(), small, small)
