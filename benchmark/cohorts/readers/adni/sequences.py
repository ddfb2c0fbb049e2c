"""Sequence and processing of an image, from its description in LONI's archive."""

import re
from dataclasses import dataclass
from typing import Literal

NOT_T1 = "not a T1-weighted scan"
AUXILIARY = "a localizer or calibration scan"
DERIVED = "a mask, segmentation or registered derivative"

Processing = Literal["none", "partial", "n3", "scaled"]

T1_NAMES = re.compile(r"mp ?rage|\bmpr\b|\bmt1\b|spgr")
REASONS = (
    (AUXILIARY, re.compile(r"locali[sz]er|scout|survey|calib|\bcal\b|field ?map")),
    (DERIVED, re.compile(r"mask|segment|label|regist|normali[sz]ed|\bhhp\b|harp|atlas|jacobian")),
    (NOT_T1, re.compile(r"flair|\bt2|\bpd\b|dti|dwi|diffusion|fmri|\bpet\b|perfusion|\basl\b")),
)
ACCELERATED = re.compile(r"acc|(?:grappa|sense|\bp) ?2")
UNCORRECTED = re.compile(r"\bnd\b")
REPEAT = re.compile(r"\b(?:mpr|mt1) r\b|repe|\brpt\b")
PARTIAL = re.compile(r"gradwarp|b1 correction|\b(?:mpr|mt1)\b")


@dataclass(frozen=True)
class Sequence:
    """How an image was made.

    Attributes:
        processing: For LONI's processed versions: ``"scaled"`` is the last step, ``"n3"`` the one
            before it or ADNI2's ``N3m``, ``"partial"`` an earlier one; ``"none"``: the original.
        accelerated: Whether by parallel imaging.
        uncorrected: Whether the gradients' distortion was not corrected (``_ND``).
        repeat: Whether it is the session's second scan (``MPR-R``, ``REPEAT``).
    """

    processing: Processing
    accelerated: bool
    uncorrected: bool
    repeat: bool


def why_not_t1(description: str) -> str:
    """Why an image is no T1-weighted scan of a head; empty if it is one.

    Args:
        description: The archive's, or its folder with ``_`` for special characters.
    """
    words = _words(description)
    for reason, pattern in REASONS:
        if pattern.search(words):
            return reason
    return "" if T1_NAMES.search(words) else NOT_T1


def sequence_of(description: str, kind: str = "") -> Sequence:
    """Read a description.

    Args:
        description: Such as ``MPR; GradWarp; B1 Correction; N3; Scaled`` or its folder's name.
        kind: The table's ``Type``, Original or Processed, if known.
    """
    words = _words(description)
    return Sequence(
        _processing(words, kind.lower()),
        bool(ACCELERATED.search(words)),
        bool(UNCORRECTED.search(words)),
        bool(REPEAT.search(words)),
    )


def _processing(words: str, kind: str) -> Processing:
    if kind.startswith("orig"):
        return "none"
    if re.search(r"\bscaled\b", words):
        return "scaled"
    if re.search(r"\bn3m?\b", words):
        return "n3"
    return "partial" if "proc" in kind or PARTIAL.search(words) else "none"


def _words(description: str) -> str:
    return re.sub(r"[^0-9a-z]+", " ", description.lower()).strip()
