"""The images of a download, each a NIfTI file or the folder of a DICOM series."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts.reader import LISTED_TWICE, LeftOut
from longibench.benchmark.cohorts.readers.adni.sequences import why_not_t1
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError

IMAGE_ID = re.compile(r"_I(\d+)\.(?:nii(?:\.gz)?|dcm)$", re.IGNORECASE)
SERIES_ID = re.compile(r"_S(\d+)_I\d+\.", re.IGNORECASE)
LEAF = re.compile(r"([IDS])(\d+)", re.IGNORECASE)
NIFTI = (".nii", ".nii.gz")

NO_IMAGE = "a folder without an image"
UNREADABLE = "a folder that cannot be listed"


@dataclass(frozen=True)
class Image:
    """An image on disk.

    Attributes:
        subject: Canonical id.
        description: Name of its folder, such as ``MPR__GradWarp__B1_Correction__N3__Scaled``.
        date: Name of its folder, such as ``2006-11-02_08_16_44.0``: the time of the scan.
        path: NIfTI file, or folder of one DICOM series.
        image: Digits of the image id, empty if no name contains it.
        series: Digits of the series id, empty if no name contains it.
    """

    subject: str
    description: str
    date: str
    path: Path
    image: str
    series: str

    @property
    def is_nifti(self) -> bool:
        """Whether it is a NIfTI file rather than a DICOM series."""
        return self.path.name.lower().endswith(NIFTI)


def list_images(participants: list[Path]) -> tuple[list[Image], list[LeftOut]]:
    """List the T1-weighted scans; the folders of others are not opened.

    Raises:
        UserError: One image is in the folders of two participants.
    """
    found = [entry for person in participants for entry in _images_of(person)]
    images = [entry for entry in found if isinstance(entry, Image)]
    left_out = [entry for entry in found if isinstance(entry, LeftOut)]
    return _without_copies(images, left_out), left_out


def _images_of(person: Path) -> Iterator[Image | LeftOut]:
    subject = canonical_subject(person.name)
    for leaf, problem in _leaves(person, levels=3):
        reason = problem or why_not_t1(leaf.parent.parent.name)
        if reason:
            yield LeftOut(subject, "", reason, str(leaf))
        else:
            yield from _images_in(subject, leaf)


def _leaves(folder: Path, levels: int) -> Iterator[tuple[Path, str]]:
    """Folders at a depth, each with a problem if its branch ends earlier, else empty."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError:
        yield folder, UNREADABLE
        return
    if not names:
        yield folder, NO_IMAGE
    for name in names:
        if levels == 1:
            yield folder / name, ""
        else:
            yield from _leaves(folder / name, levels - 1)


def _images_in(subject: str, leaf: Path) -> Iterator[Image | LeftOut]:
    """The images of a leaf: each NIfTI file is one, a DICOM series as a whole is one."""
    try:
        names = _image_names(leaf)
    except OSError as error:
        yield LeftOut(subject, "", UNREADABLE, f"{leaf}: {error.strerror}")
        return
    if not names and not _only_xml(leaf):
        yield LeftOut(subject, "", NO_IMAGE, f"{leaf}: neither .nii, .nii.gz nor .dcm")
    folder = LEAF.fullmatch(leaf.name)
    of_folder = {folder[1].upper().replace("D", "I"): folder[2]} if folder else {}
    for name in names:
        image, series = IMAGE_ID.search(name), SERIES_ID.search(name)
        yield Image(
            subject,
            leaf.parent.parent.name,
            leaf.parent.name,
            leaf / name if name.lower().endswith(NIFTI) else leaf,
            image[1] if image else of_folder.get("I", ""),
            series[1] if series else of_folder.get("S", ""),
        )


def _image_names(leaf: Path) -> list[str]:
    """All NIfTI files; of a DICOM series, which may have hundreds of files, the first one found."""
    niftis = []
    with os.scandir(leaf) as entries:
        for entry in entries:
            low = entry.name.lower()
            if low.startswith("."):
                continue
            if low.endswith(".dcm"):
                return [entry.name]
            if low.endswith(NIFTI):
                niftis.append(entry.name)
    return sorted(niftis)


def _only_xml(leaf: Path) -> bool:
    """Whether it contains only the archive's XML files; their images are elsewhere."""
    suffixes = {path.suffix.lower() for path in leaf.iterdir() if not path.name.startswith(".")}
    return suffixes == {".xml"}


def _without_copies(images: Iterable[Image], left_out: list[LeftOut]) -> list[Image]:
    """One image per image id; downloads overlap, and a NIfTI is preferred to its DICOM series."""
    kept: dict[str, Image] = {}
    for image in sorted(images, key=lambda one: (not one.is_nifti, one.path)):
        first = kept.setdefault(image.image or str(image.path), image)
        if first.subject != image.subject:
            raise UserError(
                f"{image.path}: image {image.image} belongs to two participants, "
                f"{first.subject} and {image.subject} ({first.path}); remove the wrong one"
            )
        if first is not image:
            detail = f"{image.path}: the same image as {first.path}"
            left_out.append(LeftOut(image.subject, "", LISTED_TWICE, detail))
    return list(kept.values())
