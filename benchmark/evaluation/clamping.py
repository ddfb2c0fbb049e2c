"""Generated values outside [-1, 1] are clamped; each file records how many there were."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from torch import Tensor

ROUNDING = 1e-5  # less outside of the range is the arithmetic of float32
WARN_SHARE = 0.001  # of all voxels
COMMENT = 6  # NIfTI's code of an extension with text


@dataclass(frozen=True)
class Clamping:
    """What clamping to [-1, 1] changed.

    Attributes:
        share: Share of the voxels that were outside, from 0 to 1.
        largest_excess: Largest distance of a value from [-1, 1].
        volumes: Number of files.
    """

    share: float
    largest_excess: float
    volumes: int = 1


def clamp(volume: Tensor) -> tuple[Tensor, Clamping]:
    """The volume in [-1, 1], and what that changed."""
    excess = volume.abs() - 1
    outside = (excess > ROUNDING).double().mean()
    largest = float(excess.max()) if outside else 0.0
    return volume.clamp(-1, 1), Clamping(float(outside), largest)


def record_in(image: nib.Nifti1Image, clamping: Clamping) -> None:
    """Record it in the header: an interrupted run continues with the files that are there."""
    text = json.dumps({"clamped": asdict(clamping)}).encode()
    image.header.extensions.append(nib.nifti1.Nifti1Extension(COMMENT, text))


def pooled(files: Iterable[Path]) -> Clamping | None:
    """What clamping changed in volumes of one shape; None if no file records it."""
    found = [its for path in files if (its := _recorded(path)) is not None]
    if not found:
        return None
    return Clamping(
        share=float(np.mean([its.share for its in found])),
        largest_excess=max(its.largest_excess for its in found),
        volumes=len(found),
    )


def clamp_warning(name: str, recorded: Any) -> str | None:
    """A sentence if more than ``WARN_SHARE`` of a method's voxels were outside of [-1, 1].

    Args:
        name: Of the method or its row.
        recorded: ``clamped`` of ``run.json``; earlier versions did not record it.
    """
    if not isinstance(recorded, dict) or recorded["share"] <= WARN_SHARE:
        return None
    return (
        f"{name}: {100 * recorded['share']:.2g}% of the generated voxels were outside of [-1, 1], "
        f"by up to {recorded['largest_excess']:.2g}, and were clamped; generate should return "
        "values in [-1, 1]"
    )


def _recorded(path: Path) -> Clamping | None:
    """What a file of ``generate`` records; earlier versions recorded nothing."""
    for extension in nib.Nifti1Image.from_filename(path).header.extensions:
        if extension.get_code() == COMMENT:
            return Clamping(**json.loads(extension.get_content())["clamped"])
    return None
