"""SSIM, MS-SSIM and PSNR compared with scikit-image, MONAI and torchmetrics."""

from collections.abc import Iterator

import numpy as np
import torch
from comparison import Comparison, absolute
from monai.metrics import MultiScaleSSIMMetric, PSNRMetric, SSIMMetric
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from longibench.metrics.metric import PairMetric, Scan
from longibench.metrics.ms_ssim import MultiScaleSSIM
from longibench.metrics.ssim import SSIM
from longibench.metrics.ssim_skimage import ScikitSSIM
from longibench.metrics.voxelwise import PSNR

SHAPE = (112, 120, 112)  # five scales of MS-SSIM need 112 voxels per side
WANG = "Gaussian 11x11x11, sigma 1.5, L 1"
DOUBLE = "rounding of float64"
SINGLE = "they compute in float32, and E[xx] - E[x]E[x] loses digits"


def similarity() -> Iterator[Comparison]:
    """The comparisons, one by one."""
    generated, reference = (Scan(volume) for volume in _volumes())
    x, y = _unit(generated), _unit(reference)
    wang = _ours(SSIM, generated, reference)
    theirs = structural_similarity(
        x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    yield absolute("SSIM", "scikit-image", WANG, (wang, theirs), 1e-8, DOUBLE)
    theirs = SSIMMetric(spatial_dims=3)(_batch(x), _batch(y)).item()
    yield absolute("SSIM", "MONAI", WANG, (wang, theirs), 1e-4, SINGLE)
    yield from _torchmetrics(generated, reference, WANG)
    empty = Scan(np.where(reference.voxels > -1, generated.voxels, np.float32(-1)))
    yield from _torchmetrics(empty, reference, f"{WANG}, empty background")
    default = (_ours(ScikitSSIM, generated, reference), structural_similarity(x, y, data_range=1))
    uniform = "uniform 7x7x7, sample covariance, L 1"
    yield absolute("SSIM", "scikit-image", uniform, default, 1e-8, DOUBLE)
    theirs = MultiScaleSSIMMetric(spatial_dims=3, kernel_size=7)(_batch(x), _batch(y)).item()
    scales = (_ours(MultiScaleSSIM, generated, reference), theirs)
    settings = "Gaussian 7x7x7, sigma 1.5, 5 scales"
    yield absolute("MS-SSIM", "MONAI", settings, scales, 1e-4, SINGLE)
    psnr = _ours(PSNR, generated, reference)
    theirs = peak_signal_noise_ratio(y, x, data_range=1)
    yield absolute("PSNR (dB)", "scikit-image", "L 1", (psnr, theirs), 1e-8, DOUBLE)
    theirs = PSNRMetric(max_val=1)(_batch(x), _batch(y)).item()
    yield absolute("PSNR (dB)", "MONAI", "L 1", (psnr, theirs), 1e-5, "rounding of float32")


def _torchmetrics(generated: Scan, reference: Scan, settings: str) -> Iterator[Comparison]:
    """Unchanged, and with the border of its map cropped as in the other implementations."""
    ours = _ours(SSIM, generated, reference)
    # In float64 its convolution needs 80 GB.
    batches = [_batch(_unit(scan)).float() for scan in (generated, reference)]
    mean, full = structural_similarity_index_measure(
        *batches, data_range=1.0, return_full_image=True
    )
    border = "not cropped: its mean counts windows over the mirrored border"
    yield absolute("SSIM", "torchmetrics", settings, (ours, mean.item()), None, border)
    inside = full[..., 5:-5, 5:-5, 5:-5].mean().item()
    cropped = "its map without 5 voxels at each border: the crop was the difference"
    yield absolute("SSIM", "torchmetrics, cropped", settings, (ours, inside), 1e-4, cropped)


def _ours(metric: type[PairMetric], generated: Scan, reference: Scan) -> float:
    return metric()(generated=generated, reference=reference, source=reference, interval_years=1.0)


def _volumes() -> tuple[np.ndarray, np.ndarray]:
    """A smooth ellipsoid with and without noise everywhere, in [-1, 1]."""
    random = np.random.default_rng(0)
    middle = (np.array(SHAPE).reshape(3, 1, 1, 1) - 1) / 2
    inside = (((np.indices(SHAPE) - middle) / (0.9 * middle)) ** 2).sum(axis=0) < 1
    texture = ndimage.gaussian_filter(random.normal(size=SHAPE), 2)
    brain = np.where(inside, np.clip(texture / texture.std() * 0.3, -0.9, 1), -1)
    noisy = np.clip(brain + 0.1 * random.normal(size=SHAPE), -1, 1)
    return noisy.astype(np.float32), brain.astype(np.float32)


def _unit(scan: Scan) -> np.ndarray:
    return (scan.voxels.astype(np.float64) + 1) / 2


def _batch(volume: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(volume)[None, None]
