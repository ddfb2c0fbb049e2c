"""What no cohort's times can be, whatever the reader."""

from datetime import date
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.assembly import assemble
from longibench.benchmark.cohorts.reader import FoundScan, Listing
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

YEAR = 365.25
Visit = tuple[str, float, float | None]  # label, years, age


def cohort(**people: list[Visit]) -> Cohort:
    """A cohort of subjects with visits."""
    scans = [
        FoundScan(subject, v, Path(f"/s/{subject}-{v}"), years * YEAR, covariates={"age": age})
        for subject, visits in people.items()
        for v, years, age in visits
    ]
    return assemble(Listing(scans), "x", Path("/s"))


GOOD: list[Visit] = [("a", 0, 70.0), ("b", 2, 72.0)]


def test_a_century_between_two_scans_is_left_out_with_its_files() -> None:
    found = cohort(good=GOOD, long=[("a", 0, None), ("b", 1, None), ("c", 101, None)])
    assert found.subjects == ["good"]
    assert found.left_out["reason"].tolist() == ["times that cannot be true"] * 3
    assert found.left_out["detail"].iloc[0].startswith("101 years from a to c, and more than 40")
    assert "/s/long-c" in found.left_out["detail"].iloc[0]


def test_a_cohort_of_nothing_else_is_refused_with_the_reason() -> None:
    with pytest.raises(UserError, match="times that cannot be true: 101 years from a to b"):
        cohort(long=[("a", 0, None), ("b", 101, None)])


def test_a_long_but_possible_follow_up_is_kept() -> None:
    assert cohort(long=[("a", 0, None), ("b", 30, None)]).subjects == ["long"]


@pytest.mark.parametrize("age", [-3.0, 999.0, 1970.0])
def test_impossible_ages_count_as_missing(age: float) -> None:
    found = cohort(good=GOOD, odd=[("a", 0, age), ("b", 2, 72.0)])
    assert found.visits["age"].fillna(0).tolist() == [70, 70, 0, 0]
    assert found.notes == (
        f"ages of 1 subjects are not between 0 and 120 years and count as missing, such as {age}",
    )


@pytest.mark.parametrize(
    ("visits", "witness"),
    [
        ([("bl", 0, None), ("m12", 9, None)], "labels"),
        ([("M000", 0, None), ("M012", 0.01, None)], "labels"),
        ([("d0000", 0, None), ("d0365", 5, None)], "labels"),
        ([("a", 0, 70.0), ("b", 1, 79.0)], "ages"),
        ([("a", 0, 70.0), ("b", 9, 71.0)], "ages"),
        ([("a", 0, 79.0), ("b", 5, 70.0)], "ages"),
        ([("bl", 0, 70.0), ("m12", 1.4, 72.0)], ""),  # a late visit, ages in whole years
        ([("a", 0, 70.0), ("b", 9, 70.0)], ""),  # the age at the source, repeated
        ([("v1", 0, None), ("v2", 9, None)], ""),
    ],
)
def test_labels_and_ages_that_contradict_times_are_reported(
    visits: list[Visit], witness: str
) -> None:
    notes = cohort(s=visits).notes
    assert len(notes) == bool(witness)
    assert not witness or f"contradict the {witness}" in notes[0]


def test_spellings_of_one_visit_compete() -> None:
    found = cohort(s=[("M012", 1, None), ("m12", 1, None), ("bl", 0, None)])
    assert len(found.visits) == 2
    assert found.left_out["reason"].tolist() == ["another scan of the visit was taken"]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("2011-05-03", "2013-05-03", True),
        ("1912-05-03", "1914-05-03", True),  # shifted
        ("1978-05-03", "1981-05-03", False),
        ("2025-05-03", "2060-05-03", False),
    ],
)
def test_dates_are_all_shifted_or_none_is(first: str, second: str, left: bool) -> None:
    days = [date.fromisoformat(day).toordinal() / YEAR for day in (first, second)]
    found = cohort(good=GOOD, dated=[("a", days[0], None), ("b", days[1], None)])
    assert ("dated" in found.subjects) == left
    assert len(found.notes) == (first < "1975")
    assert left or "before MRI or in the future" in found.left_out["detail"].iloc[0]


def test_a_code_is_no_score() -> None:
    """98 and 88 are codes of missing scores in many studies."""
    scans = [
        FoundScan("a", visit, Path(f"/s/{visit}"), day, covariates={"mmse": score})
        for visit, day, score in (("a", 0.0, 30.0), ("b", 400.0, 98.0))
    ]
    found = assemble(Listing(scans), "x", Path("/s"))
    assert found.visits["mmse"].isna().tolist() == [False, True]
    assert "MMSE of 1 scans is not between 0 and 30 and counts as missing" in found.notes[0]
