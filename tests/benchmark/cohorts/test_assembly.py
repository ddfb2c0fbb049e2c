from pathlib import Path

import pytest

from longibench.benchmark.cohorts.assembly import assemble
from longibench.benchmark.cohorts.reader import FoundScan, LeftOut, Listing
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

HERE = Path("/study")


def scan(visit: str, days: float, name: str = "", **rest: object) -> FoundScan:
    subject = str(rest.pop("subject", "s1"))
    path = HERE / (name or f"{subject}-{visit}.nii")
    return FoundScan(subject, visit, path, days, **rest)  # type: ignore[arg-type]


def cohort(*scans: FoundScan) -> Cohort:
    return assemble(Listing([*scans]), "x", HERE)


def test_visits_stand_in_the_order_of_time_from_the_first_scan() -> None:
    visits = cohort(scan("c", 900), scan("a", 169.5), scan("b", 534.75)).visits
    assert visits["visit"].tolist() == ["a", "b", "c"]
    assert visits["years"].tolist() == pytest.approx([0, 1, 2])


def test_the_preferred_scan_of_a_visit_is_taken_whatever_the_order() -> None:
    rivals = [scan("a", 0, "2.nii", preference=(1,)), scan("a", 0, "9.nii", preference=(0,))]
    for scans in (rivals, rivals[::-1]):
        found = cohort(*scans, scan("b", 9))
        assert found.visits["path"].iloc[0] == "/study/9.nii"
        assert found.left_out["detail"].tolist() == ["/study/2.nii: 9.nii instead"]


def test_one_of_two_visits_on_a_day_is_taken() -> None:
    found = cohort(scan("bl", 3.2), scan("sc", 3.9), scan("m12", 400))
    assert found.visits["visit"].tolist() == ["bl", "m12"]
    assert found.left_out["reason"].tolist() == ["another visit on the same day was taken"]


def test_a_single_visit_is_left_out() -> None:
    found = cohort(scan("a", 0), scan("b", 9), scan("a", 0, subject="s2"))
    assert found.subjects == ["s1"]
    assert found.left_out["subject"].tolist() == ["s2"]


def test_what_is_known_at_the_source_is_the_sources_and_the_rest_each_visits() -> None:
    first = {"age": 70.0, "diagnosis": "CN", "mmse": 29.0}
    later = {"age": 72.0, "diagnosis": "AD", "mmse": None, "sex": "F"}
    visits = cohort(scan("a", 0, covariates=first), scan("b", 700, covariates=later)).visits
    assert visits["age"].tolist() == [70, 70]
    assert visits["group"].tolist() == ["CN", "CN"]  # not what they became
    assert visits["diagnosis"].tolist() == ["CN", "AD"]
    assert visits["mmse"].isna().tolist() == [False, True]
    assert "sex" not in visits  # only a later visit has it


@pytest.mark.parametrize("labels", [("M012", "M000"), ("m06", "bl"), ("d365", "d0")])
def test_labels_must_not_contradict_the_dates(labels: tuple[str, str]) -> None:
    with pytest.raises(UserError, match="a follow-up would come before its source"):
        cohort(scan(labels[0], 0), scan(labels[1], 365))


def test_labels_that_count_nothing_contradict_nothing() -> None:
    assert len(cohort(scan("v11", 0), scan("v03", 365), scan("y1", 700)).visits) == 3


def test_one_file_under_two_subjects_is_refused() -> None:
    with pytest.raises(UserError, match="two subjects, s1 and s2"):
        cohort(scan("a", 0, "a.nii"), scan("b", 9), scan("a", 0, "a.nii", subject="s2"))


def test_it_says_why_nothing_is_left() -> None:
    with pytest.raises(UserError, match=r"no scan was found; .*auto:/study"):
        cohort()
    listing = Listing([scan("a", 0)], [LeftOut("s3", "m12", "listed but not on disk", "row 4")])
    with pytest.raises(UserError, match="two usable scans; s3, m12: listed but not on disk: row 4"):
        assemble(listing, "x", HERE)


@pytest.mark.parametrize("name", ["x/../../..", "a\nb", "=cmd()", "a\x1b", "/x", "a" * 300, ".."])
@pytest.mark.parametrize("role", ["subject", "visit"])
def test_a_name_outside_of_the_rule_is_refused_with_its_scan(name: str, role: str) -> None:
    wild = scan("a", 0, "1.nii", **{role: name}) if role == "subject" else scan(name, 0, "1.nii")
    with pytest.raises(UserError, match=rf"/study, scan /study/1.nii: {role} '"):
        cohort(wild, scan("b", 9))


def test_accents_of_two_systems_are_one_person() -> None:
    found = cohort(scan(" a", 0, subject="e\u0301"), scan("b", 9, subject="é"))
    assert found.subjects == ["é"]
    assert found.visits["visit"].tolist() == ["a", "b"]


def test_a_path_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(UserError, match=r"contains bytes that are not UTF-8; rename it"):
        cohort(scan("a", 0, "\udce9.nii"), scan("b", 9))


def test_a_category_from_outside_acts_on_no_terminal() -> None:
    known = {"diagnosis": "\x1b[31mAD\nx", "site": "e\u0301", "age": 70.0}
    table = cohort(scan("a", 0, covariates=known), scan("b", 400, covariates=known)).visits
    assert table["diagnosis"].tolist() == table["group"].tolist() == ["\\u001b[31mAD x"] * 2
    assert table["site"].tolist() == ["é"] * 2
    assert table["age"].tolist() == [70, 70]
