"""Who is who: one id a person, however a layout spells it."""

import re

ADNI_ID = re.compile(r"(?:ADNI)?(\d{3})_?S_?(\d{4,5})", re.IGNORECASE)


def canonical_subject(label: str) -> str:
    """The id under which a person is known, however the layout spells it.

    ``002_S_0295``, ``sub-ADNI002S0295`` and ``ADNI002S0295`` are one person, ``002_S_0295``; ADNI's
    last number has 4 or 5 digits. Other labels stay as they are, without ``sub-``.
    """
    bare = label.strip().removeprefix("sub-")
    match = ADNI_ID.fullmatch(bare)
    return f"{match[1]}_S_{match[2]}" if match else bare
