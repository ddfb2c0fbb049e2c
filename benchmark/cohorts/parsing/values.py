"""Values whose coding differs between studies."""

import re

from longibench.benchmark.cohorts.parsing.tables import number_of, text_of

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

# Columns of a participant's covariates, and of a visit's; names in the plain spelling.
PARTICIPANT = {
    "age": ("age", "age_bl", "age_at_first_visit"),
    "sex": ("sex", "gender", "ptgender", "m_f"),
    "group": ("group", "diagnosis", "diagnosis_sc", "diagnosis_bl", "dx_bl", "dx"),
    "site": ("site", "site_id", "siteid"),
    "education": ("education_level", "education", "educ", "pteducat"),
    "apoe4": ("apoe4",),
}
SESSION = {
    "diagnosis": ("diagnosis", "dx"),
    "mmse": ("mmse",),
    "field_tesla": ("mri_field", "field_strength", "magneticfieldstrength"),
}
CHANGE = re.compile(r".+\bto\s+(\w+)", re.IGNORECASE)  # as in MCI to Dementia
GENOTYPE = re.compile(r"e?([234])[/ ,]?e?([234])", re.IGNORECASE)
AT_LEAST = re.compile(  # 89+, >89, >= 90, 89 or older: how ages above a limit are hidden
    r"(?:>=?|\u2265|over|above)\s*(\d+)|(\d+)\s*(?:\+|(?:or|and) (?:older|over|above|more))",
    re.IGNORECASE,
)
NUMBERS = ("age", "education", "apoe4", "mmse", "field_tesla")


def lower_bound_of(text: str) -> float | None:
    """The 89 of an age such as ``89+``, ``>89`` or ``89 or older``; None for any other text."""
    match = AT_LEAST.fullmatch(text.strip())
    return float(match[1] or match[2]) if match else None


def age_of(text: str) -> float | None:
    """An age, or the lower bound of one such as ``89+``; None if it is neither."""
    value = number_of(text)
    return lower_bound_of(text) if value is None else value


def code_of(text: str) -> str:
    """A whole number's code in one spelling: ``1``, ``1.0``, ``1,0`` and ``01`` are 1."""
    number = number_of(text)
    return text.strip() if number is None or number != int(number) else f"{number:.0f}"


def sex_of(cell: str | None) -> str | None:
    """``F`` or ``M``; None if it is neither."""
    return SEXES.get((text_of(cell) or "").lower())


def sex_of_code(cell: str) -> str | None:
    """``F`` or ``M`` where 1 is a man and 2 a woman, as in OASIS-3 and AIBL."""
    return {"1": "M", "2": "F"}.get(code_of(cell)) or sex_of(cell)


def diagnosis_of(cell: str | None) -> str | None:
    """``CN``, ``MCI`` or ``AD`` if the cell names one of them, else its text.

    For a change, such as ``MCI to Dementia``, it is the new diagnosis.
    """
    text = text_of(cell)
    if text is None:
        return None
    change = CHANGE.fullmatch(text)
    return DIAGNOSES.get((change[1] if change else text).lower(), text)


def diagnosis_of_cdr(cell: str | None, half: str) -> str | None:
    """Diagnosis from the global Clinical Dementia Rating, for studies without a diagnosis.

    0 is ``CN``, 1 and above ``AD`` (dementia). 0.5 is between the two: the studies call it very
    mild dementia, others mild cognitive impairment; ``half`` is the name to use for it.
    """
    rating = number_of(cell)
    if rating is None or rating < 0:
        return None
    return "CN" if rating == 0 else half if rating < 1 else "AD"


def apoe4_of(genotype: str | None) -> float | None:
    """Number of APOE e4 alleles of a genotype such as ``34`` or ``e3/e4``; None if unknown."""
    match = GENOTYPE.fullmatch(code_of((genotype or "").strip()))
    return float(match.groups().count("4")) if match else None
