"""The images of a download, each a NIfTI file or the folder of a DICOM series."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.cohorts.presence import nothing_in
from longibench.benchmark.cohorts.reader import LISTED_TWICE, LeftOut
from longibench.benchmark.cohorts.readers.adni.sequences import why_not_t1
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import folders_in, names_in, why_absent

IMAGE_ID = re.compile(r"_I(\d+)\.(?:nii(?:\.gz)?|dcm)$", re.IGNORECASE)
SERIES_ID = re.compile(r"_S(\d+)_I\d+\.", re.IGNORECASE)
LEAF = re.compile(r"([IDS])(\d+)", re.IGNORECASE)
NIFTI = (".nii", ".nii.gz")
ONLY_XML = {".xml"}  # of the archive; the images are elsewhere

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
            yield LeftOut(subject, "", *nothing_in(leaf, reason))
        else:
            yield from _images_in(subject, leaf)


def _leaves(folder: Path, levels: int) -> Iterator[tuple[Path, str]]:
    """Folders at a depth, each with a problem if its branch ends earlier, else empty."""
    below = folders_in(folder, lost=True)
    if not below:
        yield folder, NO_IMAGE if _can_be_listed(folder) else UNREADABLE
    for path in below:
        if levels == 1:
            yield path, ""
        else:
            yield from _leaves(path, levels - 1)


def _can_be_listed(folder: Path) -> bool:
    try:
        names_in(folder)
    except OSError:
        return False
    return True


def _images_in(subject: str, leaf: Path) -> Iterator[Image | LeftOut]:
    """The images of a leaf: each NIfTI file is one, a DICOM series as a whole is one."""
    try:
        present = names_in(leaf)
    except OSError as error:
        reason, detail = nothing_in(leaf, UNREADABLE)
        yield LeftOut(subject, "", reason, f"{leaf}: {error.strerror}" if leaf.is_dir() else detail)
        return
    names = _image_names(leaf, present)
    if not names and {Path(name).suffix.lower() for name in present} != ONLY_XML:
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


def _image_names(leaf: Path, present: list[str]) -> list[str]:
    """The first file of a DICOM series; all NIfTI files if there is none, or not on disk."""
    slices = [name for name in present if name.lower().endswith(".dcm")][:1]
    niftis = [name for name in present if name.lower().endswith(NIFTI)]
    return slices if slices and not (niftis and why_absent(leaf / slices[0])) else niftis


def _without_copies(images: Iterable[Image], left_out: list[LeftOut]) -> list[Image]:
    """One image per image id: on disk, and a NIfTI rather than its DICOM series."""
    kept: dict[str, Image] = {}
    for image in sorted(images, key=lambda one: (not one.is_nifti, one.path)):
        key = image.image or str(image.path)
        first = kept.setdefault(key, image)
        if first.subject != image.subject:
            raise UserError(
                f"{image.path}: image {image.image} belongs to two participants, "
                f"{first.subject} and {image.subject} ({first.path}); remove the wrong one"
            )
        if first is not image:
            kept[key], other = (image, first) if why_absent(first.path) else (first, image)
            detail = f"{other.path}: the same image as {kept[key].path}"
            left_out.append(LeftOut(image.subject, "", LISTED_TWICE, detail))
    return list(kept.values())
