"""SSIM as scikit-image computes it by default."""

from types import MappingProxyType
from typing import ClassVar

from longibench.metrics.masks import HEAD, Region
from longibench.metrics.ssim import SSIM
from longibench.metrics.windows import Window

SIDE = 7


class ScikitSSIM(SSIM, name="ssim-skimage"):
    """Uniform window of 7 voxels per side and sample covariances, on [0, 1] with L = 1.

    The result of ``structural_similarity(a, b, data_range=1)``, which many papers report whose code
    calls it with defaults; CLIMB, by the first author of the paper that this suite reproduces, is
    one. It is not Wang's SSIM: on the same volumes it can be 0.1 higher.
    """

    citation = "scikit-image, skimage.metrics.structural_similarity with its defaults"
    window: ClassVar[Window] = Window(
        f"uniform, {SIDE} voxels, sample covariance", (1 / SIDE,) * SIDE, SIDE**3 / (SIDE**3 - 1)
    )
    parameters = MappingProxyType({**SSIM.parameters, "window": window.name})
    window_title = "uniform 7³ window, scikit-image's defaults"


class HeadScikitSSIM(ScikitSSIM, name="ssim-skimage-head"):
    """Mean of scikit-image's map over the source's head; see ``ssim-head``."""

    region = Region.HEAD
    mask = region.value
    parameters = MappingProxyType({**ScikitSSIM.parameters, **HEAD})
