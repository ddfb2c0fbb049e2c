"""Times of BIDS sessions: the first record that can be true, and a note on what gave way."""

from datetime import date
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.cohorts.readers.bids.records import _moment
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

Times = dict[str, str]  # a cell by session label


def dataset(root: Path, column: str, cells: Times, folders: Times | None = None) -> Cohort:
    """A subject with a session table; its labels are those of the folders, unless given."""
    rows = "".join(f"{label}\t{cell}\n" for label, cell in cells.items())
    subject = root / "sub-a"
    for label in folders or cells:
        scan = subject / f"ses-{label}" / "anat" / f"sub-a_ses-{label}_T1w.nii.gz"
        scan.parent.mkdir(parents=True)
        scan.write_bytes(label.encode())
    header = "\t".join(column.split())
    (subject / "sub-a_sessions.tsv").write_text(f"session_id\t{header}\n{rows}")
    return read_cohort(Bids, root, "x")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("1925-01-01", "1925-01-01", "1925-01-01"), "two sessions have the same value"),
        (("1925-01-01T09:00:00", "1925-01-01T10:00:00", "1925-01-01T11:00:00"), "the same date"),
        (("1925-03-04", "1925-03-09", "1925-06-01"), "its dates are shifted, and labels"),
        (("1925-06-01", "1925-03-04", "1925-04-01"), "the order of the session labels"),
        (("2010-05-01", "2009-05-01", "2011-05-01"), "the order of the session labels"),
        (("1900-01-01", "2011-05-03", "2012-05-03"), "more than 40 years"),
        (("1975-05-03", "1981-05-03", "1982-05-03"), "some dates are before MRI"),
        (("2011-05-03", "2012-05-03", "2093-05-03"), "more than 40 years"),
        (("2010-01-01", "2011-01-01", "2012-01-01"), "every date is 1 January"),
        (("2011-05-03T08:00:00", "2011-05-03T09:00:00", "2013-05-03"), "the same value"),
        (("2011-05-03T08:00:00", "2011-05-03T09:00:00", "2013-05-03T08:00:00"), "months apart"),
        (("2011-05-03", "2012-05-03", "n/a"), "a session has no value"),
    ],
)
def test_labels_are_taken_where_dates_cannot_be_true(
    tmp_path: Path, cells: tuple[str, ...], why: str
) -> None:
    labels = ("M000", "M012", "M024")
    cohort = dataset(tmp_path, "acq_time", dict(zip(labels, cells, strict=True)))
    assert cohort.visits["years"].tolist() == pytest.approx([0, 1, 2])
    assert cohort.notes[0] == "times from session labels (1 subjects)"
    assert "sub-*_sessions.tsv, column acq_time" in cohort.notes[1]
    assert why in cohort.notes[1]
    assert len(cohort.notes) == 2


def test_dates_that_are_shifted_as_a_whole_keep_their_intervals(tmp_path: Path) -> None:
    cells = {"M000": "1920-03-04", "M012": "1921-05-07", "M024": "1922-03-04"}
    cohort = dataset(tmp_path, "acq_time", cells)
    assert cohort.visits["years"].iloc[1] == pytest.approx(429 / 365.25)
    assert "before MRI or in the future: only differences are used (1 subjects)" in cohort.notes[1]


def test_real_dates_are_taken_and_labels_that_contradict_them_reported(tmp_path: Path) -> None:
    cohort = dataset(tmp_path, "acq_time", {"M000": "2006-05-01", "M012": "2015-05-01"})
    assert cohort.visits["years"].iloc[1] == pytest.approx(9, abs=0.01)
    assert cohort.notes[1:] == (
        "times of 1 subjects contradict the labels of their visits, which count months or days, "
        "such as 9.0 and 1.0 years from M000 to M012: check both",
    )


def test_a_late_visit_contradicts_nothing(tmp_path: Path) -> None:
    cohort = dataset(tmp_path, "acq_time", {"M000": "2006-05-01", "M012": "2007-10-01"})
    assert cohort.notes == ("times from sub-*_sessions.tsv, column acq_time (1 subjects)",)


def test_ages_overrule_shifted_dates_and_are_reported_beside_real_ones(tmp_path: Path) -> None:
    both = {"01": "1925-03-04\t70.1", "02": "1925-06-01\t74.3"}
    cohort = dataset(tmp_path / "shifted", "acq_time age", both)
    assert cohort.visits["years"].iloc[1] == pytest.approx(4.2)
    assert "its dates are shifted, and ages contradict them" in cohort.notes[1]
    both = {"01": "2015-03-04\t70", "02": "2015-06-01\t74"}
    cohort = dataset(tmp_path / "real", "acq_time age", both)
    assert cohort.visits["years"].iloc[1] == pytest.approx(89 / 365.25)
    assert "contradict the ages at their visits, such as 0.2 and 4.0 years" in cohort.notes[1]


def test_years_alone_are_better_than_nothing(tmp_path: Path) -> None:
    cohort = dataset(tmp_path, "acq_time", {"01": "2010-01-01", "02": "2012-01-01"})
    assert cohort.visits["years"].iloc[1] == pytest.approx(2, abs=0.01)
    assert "every date is 1 January, only the year is known" in cohort.notes[1]


def test_nothing_usable_is_refused_with_every_reason(tmp_path: Path) -> None:
    cells = {"01": "1925-01-01T09:00:00", "02": "1925-01-01T10:00:00"}
    with pytest.raises(UserError, match=r"column acq_time: all sessions have the same date"):
        dataset(tmp_path, "acq_time", cells)


def test_days_over_a_century_give_way(tmp_path: Path) -> None:
    cohort = dataset(tmp_path, "days", {"M000": "0", "M012": "36890"})
    assert cohort.visits["years"].iloc[1] == 1
    assert "column days: not used, because more than 40 years would be" in cohort.notes[1]


def test_decimal_commas_are_numbers(tmp_path: Path) -> None:
    cohort = dataset(tmp_path, "years_since_first", {"a": "0", "b": "1,5"})
    assert cohort.visits["years"].tolist() == [0, 1.5]


@pytest.mark.parametrize("listed", ["M12", "m12", "ses-M012", "ses-m12"])
def test_sessions_are_compared_without_padding(tmp_path: Path, listed: str) -> None:
    cells = {"ses-M00": "2006-05-01", listed: "2007-10-01"}
    folders = dict.fromkeys(("M000", "M012"), "")
    cohort = dataset(tmp_path, "acq_time", cells, folders)
    assert cohort.visits["visit"].tolist() == ["M000", "M012"]  # as the folders write them
    assert cohort.visits["years"].iloc[1] == pytest.approx(518 / 365.25)
    assert cohort.left_out.empty


def test_two_folders_of_one_session_are_left_out(tmp_path: Path) -> None:
    folders = dict.fromkeys(("M000", "M12", "M012", "M024"), "")
    cohort = dataset(tmp_path, "days", {"M000": "0", "M012": "365", "M024": "730"}, folders)
    assert cohort.visits["visit"].tolist() == ["M000", "M024"]
    assert cohort.left_out["reason"].tolist() == ["two folders of one session"] * 2
    assert "ses-M012, " in cohort.left_out["detail"].iloc[0]
    assert "ses-M12" in cohort.left_out["detail"].iloc[0]


def test_a_session_that_is_listed_twice_with_other_dates_is_reported(tmp_path: Path) -> None:
    cells = {"M000": "2006-05-01", "M012": "2007-10-01", "M12": "2008-10-01"}
    cohort = dataset(tmp_path, "acq_time", cells, dict.fromkeys(("M000", "M012"), ""))
    assert cohort.visits["years"].tolist() == [0, 1]
    assert cohort.notes[-1] == (
        "sub-*_sessions.tsv, column acq_time: rows about the same thing differ in 1 case, which "
        "count as missing, such as '2007-10-01' in row 3 and '2008-10-01' in row 4"
    )


@pytest.mark.parametrize(
    "name",
    [
        "anat/sub-a_ses-M12_T1w.nii.gz",
        "ses-M012/anat/sub-a_ses-M012_T1w.nii.gz",
        "./anat/sub-a_ses-M012_T1w.nii",
        "anat\\sub-a_ses-M012_T1w.nii.gz",
        "bids::sub-a/ses-M012/anat/sub-a_ses-M012_T1w.nii.gz",
    ],
)
def test_a_scan_is_found_under_any_spelling_of_its_path(tmp_path: Path, name: str) -> None:
    for label in ("M000", "M012"):
        anat = tmp_path / "sub-a" / f"ses-{label}" / "anat"
        anat.mkdir(parents=True)
        (anat / f"sub-a_ses-{label}_T1w.nii.gz").write_bytes(label.encode())
    listed = {"M000": "anat/sub-a_ses-M000_T1w.nii.gz\t2006-05-01", "M012": f"{name}\t2007-10-01"}
    for label, row in listed.items():
        table = tmp_path / "sub-a" / f"ses-{label}" / f"sub-a_ses-{label}_scans.tsv"
        table.write_text(f"filename\tacq_time\n{row}\n")
    cohort = read_cohort(Bids, tmp_path, "x")
    assert cohort.visits["years"].iloc[1] == pytest.approx(518 / 365.25)
    assert cohort.left_out.empty


@pytest.mark.parametrize("cell", ["2011-05-03 8:00", "2011-05-03 08:16:44 AM", "2011-05-03T08:16"])
def test_a_date_with_any_time_of_day_is_a_date(cell: str) -> None:
    assert _moment("a", cell).date() == date(2011, 5, 3)


def test_ages_that_cannot_be_years_are_no_time(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ages are not between 0 and 120 years; .* Units"):
        dataset(tmp_path, "age", {"01": "840.5", "02": "852.5"})
