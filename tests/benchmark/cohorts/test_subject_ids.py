"""One form for all spellings of a visit's label."""

import pytest

from longibench.benchmark.cohorts.subject_ids import canonical_visit


@pytest.mark.parametrize(
    "spellings",
    [
        ("M12", "M012", "m12", "ses-M012", " ses-m12 "),
        ("M00", "M000", "bl", "ses-BL", "baseline"),
        ("d0757", "d757", "ses-D0757"),
        ("01", "1", "ses-01"),
        ("0", "00"),
        ("pre", "ses-pre", "Pre"),
    ],
)
def test_spellings_of_one_visit_are_equal(spellings: tuple[str, ...]) -> None:
    """Padding, case, spaces and ses- make no other visit."""
    assert len({canonical_visit(label) for label in spellings}) == 1


def test_other_visits_stay_other_visits() -> None:
    """Months, days, numbers and names are different labels; ADNI's screening is no baseline."""
    labels = ("M012", "M120", "d012", "012", "v12", "M12a", "bl", "sc", "10", "1", "", "12-1")
    assert len({canonical_visit(label) for label in labels}) == len(labels)
