import pytest
import torch
from torch import Tensor

from longibench.methods.copy_smoothed import FWHM, RADIUS, CopySmoothed, discrete_gaussian
from longibench.methods.method import MethodSettings

SHAPE = (10, 11, 12)


def volumes(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, 1, *SHAPE, generator=generator) * 2 - 1


def of_width(width: float) -> CopySmoothed:
    method = CopySmoothed(MethodSettings(), SHAPE)
    with torch.no_grad():
        method.width.fill_(width)
    return method


@pytest.mark.parametrize("width", [0.01, 0.1, 0.3, 1.0])
def test_the_kernel_has_the_width_also_far_below_a_voxel(width: float) -> None:
    weights = discrete_gaussian(torch.tensor(width**2, dtype=torch.float64), RADIUS)
    offsets = torch.arange(-RADIUS, RADIUS + 1)
    assert float(weights.sum()) == pytest.approx(1)
    assert float((weights * offsets**2).sum()) == pytest.approx(width**2, rel=1e-4)


def test_without_a_width_it_is_a_copy() -> None:
    source = volumes(0)
    with torch.no_grad():
        copy = of_width(1e-5).generate(source, torch.ones(4), torch.arange(4))
    torch.testing.assert_close(copy, source, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_constant_stays_up_to_the_border_and_a_point_spreads_evenly() -> None:
    blurred = of_width(0.8).generate(torch.ones(1, 1, *SHAPE), torch.ones(1), torch.arange(1))
    torch.testing.assert_close(blurred, torch.ones(1, 1, *SHAPE))
    point = torch.zeros(1, 1, 9, 9, 9)
    point[0, 0, 4, 4, 4] = 1
    spread = of_width(0.5).generate(point, torch.ones(1), torch.arange(1))[0, 0]
    sides = [spread[3, 4, 4], spread[4, 5, 4], spread[4, 4, 3]]
    assert all(float(side) == pytest.approx(float(sides[0]), rel=1e-5) for side in sides)


@pytest.mark.parametrize(("true", "found"), [(0.8, 0.8), (1e-5, 0.0)])
def test_training_finds_the_width_and_none_if_no_blur_helps(true: float, found: float) -> None:
    source, method, years = volumes(1), of_width(0.5), torch.ones(4)
    with torch.no_grad():
        target = of_width(true).generate(source, years, torch.arange(4))
    defaults = CopySmoothed.training_defaults
    adam = method.optimizer(method.parameters(), defaults["learning_rate"])
    for _ in range(defaults["iterations"]):
        adam.zero_grad()
        method.training_loss(source, target, years).backward()
        adam.step()
    width = abs(float(method.width.detach()))
    assert width == pytest.approx(found, abs=0.03)
    assert method.describe() == f"Gaussian, FWHM {FWHM * width:.2f} voxel"
