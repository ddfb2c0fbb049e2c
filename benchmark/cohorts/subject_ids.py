"""Canonical subject ids: one id per person, for all spellings of the layouts."""

import re

ADNI_ID = re.compile(r"(?:ADNI)?(\d{3})_?S_?(\d{4,5})", re.IGNORECASE)
OASIS_ID = re.compile(r"OAS(?:IS)?([123])_?(\d{4})", re.IGNORECASE)  # OASIS-3 is written without _


def is_worldwide(subject: str) -> bool:
    """Whether a canonical id names one person in every dataset, as ``sub-01`` does not."""
    return bool(ADNI_ID.fullmatch(subject) or OASIS_ID.fullmatch(subject))


def canonical_subject(label: str) -> str:
    """The canonical id of a person, for any spelling of a layout.

    ``002_S_0295``, ``sub-ADNI002S0295`` and ``ADNI002S0295`` are one person, ``002_S_0295``; ADNI's
    last number has 4 or 5 digits. ``sub-OAS20001`` and ``OAS2_0001`` are ``OAS2_0001``,
    ``sub-OASIS30001`` is ``OAS30001``. Other labels are unchanged, except that ``sub-`` is removed.
    """
    bare = label.strip().removeprefix("sub-")
    match = ADNI_ID.fullmatch(bare)
    if match:
        return f"{match[1]}_S_{match[2]}"
    if match := OASIS_ID.fullmatch(bare):
        return f"OAS{match[1]}{'' if match[1] == '3' else '_'}{match[2]}"
    return bare


def canonical_visit(label: str) -> str:
    """The label of a visit without the ``ses-`` of folders and file names."""
    return label.strip().removeprefix("ses-")
