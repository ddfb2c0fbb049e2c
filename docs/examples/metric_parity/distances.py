"""FID and KID on the same features, compared with MONAI, torch-fidelity and pytorch-fid."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from comparison import Comparison, relative
from monai.metrics import FIDMetric, MMDMetric
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from longibench.metrics.frechet import frechet_distance
from longibench.metrics.kid import KID

SIZES = ((600, 64), (100, 2048))  # N > d, and N < d as in this benchmark
SQRTM = "square root of a matrix product by Schur decomposition"
EIGENVALUES = "square roots of the eigenvalues of a matrix product"
SINGULAR = "; singular at N < d, where rounding of 1e-16 becomes its root, 1e-8"


def distances() -> Iterator[Comparison]:
    """The comparisons, one by one."""
    for count, dimension in SIZES:
        generated, reference = (_features(count, dimension, seed) for seed in (1, 2))
        generated += 0.05
        settings = f"N = {count}, d = {dimension}"
        yield from _fid(generated, reference, settings)
        yield _kid(generated, reference, settings)
    generated, reference = (_features(100, 12, seed) for seed in (1, 2))
    yield _kid_by_monai(generated, reference)


def _fid(generated: np.ndarray, reference: np.ndarray, settings: str) -> Iterator[Comparison]:
    ours = frechet_distance(generated=generated, reference=reference)
    few = len(generated) < generated.shape[1]
    bound, note = (1e-5, SINGULAR) if few else (1e-9, "; rounding of float64")
    x, y = torch.from_numpy(generated), torch.from_numpy(reference)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*disp", category=DeprecationWarning)
        monai = FIDMetric()(x, y).item()
        moments = [(z.mean(axis=0), np.cov(z, rowvar=False)) for z in (generated, reference)]
        pytorch_fid = float(calculate_frechet_distance(*moments[0], *moments[1]))
    statistics = [fid_features_to_statistics(z) for z in (x, y)]
    fidelity = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    for other, value, how in (
        ("MONAI", monai, SQRTM),
        ("pytorch-fid", pytorch_fid, SQRTM),
        ("torch-fidelity", fidelity, EIGENVALUES),
    ):
        yield relative("FID", other, settings, (ours, value), bound, how + note)


def _kid(generated: np.ndarray, reference: np.ndarray, settings: str) -> Comparison:
    ours = KID()(generated=generated, reference=reference)
    theirs = kid_features_to_metric(
        torch.from_numpy(generated),
        torch.from_numpy(reference),
        kid_subsets=1,
        kid_subset_size=len(generated),
        verbose=False,
    )["kernel_inception_distance_mean"]
    described = f"{settings}, one subset of all"
    return relative("KID", "torch-fidelity", described, (ours, theirs), 1e-9, "rounding of float64")


def _kid_by_monai(generated: np.ndarray, reference: np.ndarray) -> Comparison:
    """MONAI's MMD has a linear kernel; threefold products of features make it the cubic one."""

    def products(features: torch.Tensor) -> torch.Tensor:
        count, dimension = features.shape
        z = torch.cat([features / dimension**0.5, torch.ones(count, 1, dtype=features.dtype)], 1)
        return torch.einsum("ni,nj,nk->nijk", z, z, z).reshape(count, -1)

    ours = KID()(generated=generated, reference=reference)
    x, y = torch.from_numpy(generated), torch.from_numpy(reference)
    theirs = MMDMetric(y_mapping=products)(y, x).item()
    described = "N = 100, d = 12, linear kernel on threefold products"
    return relative("KID", "MONAI's MMD", described, (ours, theirs), 1e-9, "rounding of float64")


def _features(count: int, dimension: int, seed: int) -> np.ndarray:
    """Correlated features of which a few directions hold most of the spread."""
    mixing = np.random.default_rng(9).normal(size=(dimension, dimension))
    mixing /= np.sqrt(np.arange(1, dimension + 1))
    return np.random.default_rng(seed).normal(size=(count, dimension)) @ mixing.T * 0.1
