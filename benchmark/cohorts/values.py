"""Values that every study codes in its own way."""

from benchmark.cohorts.tables import text_of

SEXES = {"f": "F", "female": "F", "w": "F", "m": "M", "male": "M"}
DIAGNOSES = {
    "cn": "CN",
    "nl": "CN",
    "control": "CN",
    "nondemented": "CN",
    "mci": "MCI",
    "ad": "AD",
    "dementia": "AD",
    "demented": "AD",
}


def sex_of(cell: str | None) -> str | None:
    """``F`` or ``M``; None where it says neither."""
    return SEXES.get((text_of(cell) or "").lower())


def diagnosis_of(cell: str | None) -> str | None:
    """``CN``, ``MCI`` or ``AD`` where the cell names one of them, else what it says."""
    text = text_of(cell)
    return None if text is None else DIAGNOSES.get(text.lower(), text)
