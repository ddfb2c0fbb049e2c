import numpy as np
import pytest
import torch

from longibench.benchmark.cohorts.phantom.lattice import Lattice, exponential, flow, jacobian
from longibench.benchmark.cohorts.phantom.progression import curl_free

LATTICE = Lattice((15, 17, 13), 4.0)


def positions() -> torch.Tensor:
    return LATTICE.volume(LATTICE.points())


def test_the_middle_lies_at_the_origin() -> None:
    assert LATTICE.points().mean(dim=0).abs().max() < 1e-5


def test_sampling_a_linear_field_is_exact() -> None:
    matrix = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 0.0, 1.0]])
    field = LATTICE.volume(LATTICE.points() @ matrix.T)
    points = torch.rand(50, 3) * 40 - 20
    assert torch.allclose(LATTICE.sample(field, points), points @ matrix.T, atol=1e-3)


def test_beyond_the_lattice_is_zero_or_the_border() -> None:
    ones, far = torch.ones(1, *LATTICE.shape), torch.tensor([[500.0, 0.0, 0.0]])
    assert LATTICE.sample(ones, far).item() == 0
    assert LATTICE.sample(ones, far, "border").item() == 1


def test_exponential_of_a_contraction() -> None:
    # dx/dt = -0.2 x from x0 for one unit of time: x0 exp(-0.2).
    moved = positions() + exponential(LATTICE, -0.2 * positions(), squarings=8)
    assert torch.allclose(moved, positions() * np.exp(-0.2), atol=0.02)


def test_flow_of_a_contraction_and_its_way_back() -> None:
    points = torch.rand(40, 3) * 20 - 10
    there = flow(LATTICE, -0.2 * positions(), points, 2.0, 0.1)
    assert torch.allclose(there, points * np.exp(-0.4), atol=1e-2)
    assert torch.allclose(flow(LATTICE, -0.2 * positions(), there, -2.0, 0.1), points, atol=1e-2)


def test_jacobian_of_a_linear_map_is_its_determinant() -> None:
    matrix = torch.tensor([[1.2, 0.1, 0.0], [0.0, 0.9, 0.2], [0.1, 0.0, 1.1]])
    mapped = LATTICE.volume(LATTICE.points() @ matrix.T)
    assert torch.allclose(jacobian(LATTICE, mapped), torch.linalg.det(matrix), atol=1e-4)


def test_the_gradient_field_has_the_prescribed_divergence_and_no_curl() -> None:
    spacing, sides = 2.0, (24, 28, 20)
    axes = np.meshgrid(*[np.arange(n) - n / 2 for n in sides], indexing="ij")
    bump = np.exp(-sum(axis**2 for axis in axes) / 18)
    wanted = (bump - bump.mean()).astype(np.float32)
    field = curl_free(wanted, spacing)
    derivative = [[np.gradient(field[i], spacing, axis=j) for j in range(3)] for i in range(3)]
    divergence = sum(derivative[i][i] for i in range(3))
    assert np.abs(divergence - wanted)[2:-2, 2:-2, 2:-2].max() < 0.1 * wanted.max()
    assert np.abs(derivative[0][1] - derivative[1][0])[2:-2, 2:-2].max() < 0.05 * wanted.max()
    assert divergence[12, 14, 10] == pytest.approx(wanted[12, 14, 10], rel=0.1)


def test_the_nearest_point_is_that_point_and_the_border_beyond() -> None:
    lattice = Lattice((3, 4, 5), 2.0)
    points = lattice.points()
    assert lattice.nearest(points + 0.9).tolist() == list(range(60))
    assert lattice.nearest(100 * points[[0, -1]]).tolist() == [0, 59]
