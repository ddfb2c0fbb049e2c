"""Canonical ids of persons and labels of visits: one for all spellings of the layouts."""

import re
from unicodedata import normalize

ADNI_ID = re.compile(r"(?:ADNI)?(\d{3})_?S_?(\d{4,5})", re.IGNORECASE)
OASIS_ID = re.compile(r"OAS(?:IS)?([123])[_-]?(\d{4})", re.IGNORECASE)  # -3 without _
NUMBERED = re.compile(r"([a-z]*)0*(\d+)")  # M012, d0757, V1, 01
FIRST = ("bl", "baseline")


def is_worldwide(subject: str) -> bool:
    """Whether a canonical id names one person in every dataset, as ``sub-01`` does not."""
    return bool(ADNI_ID.fullmatch(subject) or OASIS_ID.fullmatch(subject))


def canonical_subject(label: str) -> str:
    """The canonical id of a person, for any spelling of a layout.

    ``002_S_0295``, ``sub-ADNI002S0295`` and ``ADNI002S0295`` are one person, ``002_S_0295``; ADNI's
    last number has 4 or 5 digits. ``sub-OAS20001`` and ``OAS2_0001`` are ``OAS2_0001``,
    ``sub-OASIS30001`` is ``OAS30001``. Other labels are unchanged, except that ``sub-`` is removed
    and that letters with accents are in Unicode's form NFC, so that they are equal on all systems.
    """
    bare = _bare(normalize("NFC", label), "sub-")
    match = ADNI_ID.fullmatch(bare)
    if match:
        return f"{match[1]}_S_{match[2]}"
    if match := OASIS_ID.fullmatch(bare):
        return f"OAS{match[1]}{'' if match[1] == '3' else '_'}{match[2]}"
    return bare


def loose_key(subject: str) -> str:
    """The form in which a table's ids are compared if they differ: without case and padding.

    ``01``, ``1`` and a spreadsheet's ``1.0`` are equal; so that two persons may have one key.
    """
    return canonical_visit(subject.removesuffix(".0"))


def _bare(label: str, prefix: str) -> str:
    """A label without spaces, quotation marks around it and a prefix in any case."""
    text = label.strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text[len(prefix) :].strip() if text.lower().startswith(prefix) else text


def shown_visit(label: str) -> str:
    """A visit's label as tables and pages show it: without the ``ses-`` of folders and files."""
    return _bare(label, "ses-")


def canonical_visit(label: str) -> str:
    """The form in which labels of one subject's visits are compared; what is shown is the label.

    Without ``ses-``, spaces, case and padding: ``ses-M012``, ``M12`` and ``m12`` are one visit, and
    so are ``d0757`` and ``d757``, or ``01`` and ``1``, which spreadsheets make of it. ``bl`` and
    ``baseline`` are month 0, as in Clinica.
    """
    bare = shown_visit(label).lower()
    if bare in FIRST:
        return "m0"
    match = NUMBERED.fullmatch(bare)
    return match[1] + match[2] if match else bare
