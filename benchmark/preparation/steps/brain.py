"""Brain extraction: several tools with one interface, and a check of their masks."""

import warnings
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.threads import one_torch_thread
from longibench.benchmark.preparation.arrays import Mask
from longibench.benchmark.preparation.reading.problems import BRAIN, DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan

# Adults' brains with their fluid: 0.9 to 1.9 litres between the extremes of size and atrophy; the
# limits allow for tools that cut close or include meninges.
LITRES = (0.6, 2.3)
SOLID = 0.95  # share of the mask in its largest part
CUT = 0.5  # of the largest cross-section: largest area on the border of the image

Tool = Callable[[Scan], Mask]


def extract_brain(scan: Scan, tool: str) -> Mask:
    """Find the brain.

    The default, ``deepbet`` (Fisch et al., arXiv:2308.07003: median Dice 0.99 on data sets that it
    was not trained on, and few outliers), is the only tool with its network inside the wheel, so
    nothing is downloaded and all installations have the same weights; it takes seconds a scan on
    one core.

    Args:
        scan: The raw scan, with its skull and its bias.
        tool: Name of a tool, see ``TOOLS``.

    Returns:
        The brain with its fluid, (X, Y, Z): one part.

    Raises:
        DamagedScanError: The tool failed, or its mask cannot be a brain.
        UserError: The tool is unknown or not installed.
    """
    check_tool(tool)
    try:
        mask = TOOLS[tool](scan)
    except (RuntimeError, ValueError, AssertionError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[-1]
        raise DamagedScanError(BRAIN, f"{tool} failed: {reason}") from error
    return check_brain(mask, scan)


def check_tool(tool: str) -> None:
    """Refuse a tool that does not exist or is not installed.

    Raises:
        UserError: With the package to install.
    """
    if tool not in TOOLS:
        raise unknown("brain extraction tool", tool, TOOLS)
    if tool == "brainextractor":
        _brainextractor()


def tool_version(tool: str) -> str:
    """Version of a tool's package; empty for the tool of this module."""
    return "" if tool == "background" else metadata.version(tool)


def check_brain(mask: Mask, scan: Scan) -> Mask:
    """The largest part of a mask, if it can be a brain.

    Raises:
        DamagedScanError: It is empty, in pieces, too small or large, or cut by the image's border.
    """
    labels, count = ndimage.label(mask)
    if not count:
        raise DamagedScanError(BRAIN, "nothing was found")
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.max() < SOLID * sizes.sum():
        raise DamagedScanError(
            BRAIN, f"it is in pieces: the largest of {count} holds {sizes.max() / sizes.sum():.0%}"
        )
    brain = labels == 1 + sizes.argmax()
    litres = float(sizes.max() * np.prod(scan.voxel_mm) / 1e6)
    if not LITRES[0] <= litres <= LITRES[1]:
        raise DamagedScanError(
            BRAIN, f"{litres:.2f} litres; a brain has {LITRES[0]:g} to {LITRES[1]:g}"
        )
    if _cut(brain) > CUT:
        raise DamagedScanError(BRAIN, "the image's border cuts it; part of it is missing")
    return brain


def _cut(mask: Mask) -> float:
    """Largest area of the mask on a side of the image, relative to its largest cross-section."""
    worst = 0.0
    for axis in range(3):
        areas = np.count_nonzero(np.moveaxis(mask, axis, 0), axis=(1, 2))
        worst = max(worst, float(max(areas[0], areas[-1]) / areas.max()))
    return worst


def _deepbet(scan: Scan) -> Mask:
    with one_torch_thread():
        _, mask, _ = _deepbet_network().run(nib.Nifti1Image(scan.data, scan.affine))
    return np.asarray(mask.dataobj) > 0


@cache
def _deepbet_network() -> Any:
    """Its weights, read once a process."""
    from deepbet.bet import BrainExtraction

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit, which it uses
        return BrainExtraction(no_gpu=True)


def _brainextractor_mask(scan: Scan) -> Mask:
    tool = _brainextractor()(img=nib.Nifti1Image(scan.data, scan.affine))
    tool.run()
    return np.asarray(tool.compute_mask()) > 0


def _brainextractor() -> Any:
    """BET (Smith, Human Brain Mapping 2002; 17:143) in Python; not installed by default."""
    try:
        from brainextractor import BrainExtractor  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise UserError(
            "preparation.brain=brainextractor: it is not installed; pip install brainextractor, "
            "or choose another tool"
        ) from error
    return BrainExtractor


def _background(scan: Scan) -> Mask:
    """The voxels of a skull-stripped scan that are not the exact background."""
    if scan.background is None:
        raise DamagedScanError(BRAIN, "it has no exact background, so its brain was not cut out")
    return ndimage.binary_fill_holes(scan.data > scan.background)


TOOLS: dict[str, Tool] = {
    "deepbet": _deepbet,
    "brainextractor": _brainextractor_mask,
    "background": _background,
}
