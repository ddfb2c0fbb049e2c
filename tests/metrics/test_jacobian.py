"""Jacobians of declared deformations: known fields have known answers."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.folding import Folding
from longibench.metrics.jacobian import determinant
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.scan import Displacement, Truth
from longibench.metrics.truth_log_jacobian import TruthLogJacobian


def places(scan: Scan) -> np.ndarray:
    """Of every voxel, in mm: (3, X, Y, Z)."""
    return np.indices(scan.shape) * np.array(scan.spacing_mm).reshape(3, 1, 1, 1)


def linear(scan: Scan, matrix: np.ndarray) -> Displacement:
    """The displacement of a linear map."""
    moved = np.tensordot(matrix - np.eye(3), places(scan), 1)
    return moved.astype(np.float32)


def declaring(scan: Scan, field: Displacement) -> Scan:
    return Scan(scan.voxels, scan.spacing_mm, real=False, displacement=field)


SHEARED = np.array([[1.1, 0.2, 0], [0, 0.9, -0.1], [0.05, 0, 1.3]])


def test_determinant_of_a_linear_map_is_exact_at_every_voxel(brain: Callable[..., Scan]) -> None:
    scan = brain(30)
    found = determinant(linear(scan, SHEARED), scan.spacing_mm)
    np.testing.assert_allclose(found, np.linalg.det(SHEARED), rtol=1e-4)


def test_log_jacobian_of_exponential_maps(
    brain: Callable[..., Scan], score: Callable[..., float]
) -> None:
    """Uniform growth by exp(a) an axis has the log Jacobian 3a: its error is 3 |a - b|."""
    source, made, true = brain(30), *(np.exp(a) * np.eye(3) for a in (0.02, -0.03))
    reference = Scan(source.voxels, source.spacing_mm)
    reference.truth = Truth(source.voxels, {}, linear(source, true))
    generated = declaring(source, linear(source, made))
    found = score(TruthLogJacobian(), generated, reference, source)
    assert found == pytest.approx(0.15, abs=1e-4)
    itself = declaring(source, linear(source, true))
    assert score(TruthLogJacobian(), itself, reference, source) == 0


def test_log_jacobian_does_not_depend_on_translation(
    brain: Callable[..., Scan], score: Callable[..., float]
) -> None:
    source = brain(30)
    reference = Scan(source.voxels, source.spacing_mm)
    reference.truth = Truth(source.voxels, {}, linear(source, SHEARED))
    moved = declaring(source, linear(source, SHEARED) + np.float32(2))
    assert score(TruthLogJacobian(), moved, reference, source) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("flip", "percent"), [(1, 0), (-1, 100), (0, 100)])
def test_folding_counts_determinants_that_are_not_positive(
    brain: Callable[..., Scan], score: Callable[..., float], flip: float, percent: float
) -> None:
    source = brain(30)
    field = linear(source, np.diag([flip, 1.0, 1.0]))
    assert score(Folding(), declaring(source, field), source) == percent


def test_without_a_declared_deformation_there_is_no_value(
    brain: Callable[..., Scan], score: Callable[..., float]
) -> None:
    source = brain(30)
    for metric in (Folding(), TruthLogJacobian()):
        with pytest.raises(MetricError, match="the method declares no deformation"):
            score(metric, source, source)
    small = declaring(source, np.zeros((3, 2, 2, 2), np.float32))
    with pytest.raises(MetricError, match=r"shape is \(3, 2, 2, 2\)"):
        score(Folding(), small, source)
