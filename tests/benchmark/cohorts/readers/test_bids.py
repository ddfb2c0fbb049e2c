import json
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError


def read_bids(root: Path, name: str) -> Cohort:
    return read_cohort(Bids, root, name)


def scan(root: Path, subject: str, session: str, extra: str = "") -> Path:
    path = root / subject / f"ses-{session}" / "anat" / f"{subject}_ses-{session}{extra}_T1w.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"{subject} {session} {extra}".encode())
    return path


def sessions(root: Path, subject: str, text: str) -> None:
    (root / subject / f"{subject}_sessions.tsv").write_text(text.replace(" ", "\t"))


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """One subject with sessions whose labels give no time."""
    for session in ("01", "02"):
        scan(tmp_path, "sub-a", session)
    return tmp_path


@pytest.mark.parametrize(
    "label", ["002_S_0295", "sub-ADNI002S0295", "ADNI002S0295", "002S0295", "sub-002_S_0295"]
)
def test_one_person_has_one_id_in_every_layout(label: str) -> None:
    assert canonical_subject(label) == "002_S_0295"


def test_ids_of_five_digits_and_of_other_cohorts() -> None:
    assert canonical_subject("sub-ADNI941S10013") == "941_S_10013"
    assert canonical_subject("sub-OAS30001") == "OAS30001"
    assert canonical_subject("sub-01") == "01"


@pytest.mark.parametrize(
    ("columns", "first", "second", "years"),
    [
        ("days_since_first", "0", "203", 203 / 365.25),
        ("acq_time", "2011-05-03", "2012-05-03", 366 / 365.25),
        ("acq_time", "2011-05-03T23:00:00", "2012-05-03", 366 / 365.25),
        ("acq_time", "2011-05-03T06:00:00", "2011-05-04T18:00:00", 1.5 / 365.25),
        ("examination_date", "5/3/2011", "5/3/2012", 366 / 365.25),
        ("months", "0", "18", 1.5),
        ("years", "3", "4.25", 1.25),
        ("age", "70.1", "71.6", 1.5),
        ("Examination-Date", "2011-05-03", "2011-05-04", 1 / 365.25),
    ],
)
def test_time_from_sessions(
    pair: Path, columns: str, first: str, second: str, years: float
) -> None:
    sessions(pair, "sub-a", f"session_id {columns}\nses-01 {first}\nses-02 {second}\n")
    assert read_bids(pair, "x").visits["years"].tolist() == pytest.approx([0, years], abs=1e-6)


def test_days_win_over_dates_and_gaps_fall_through(pair: Path) -> None:
    sessions(pair, "sub-a", "session_id days months\nses-01 0 0\nses-02 n/a 6\n")
    assert read_bids(pair, "x").visits["years"].tolist() == [0, 0.5]
    sessions(pair, "sub-a", "session_id months days\nses-01 0 0\nses-02 6 365.25\n")
    assert read_bids(pair, "x").visits["years"].tolist() == [0, 1]


def test_time_from_scans_tables(pair: Path) -> None:
    for session, date in (("01", "2010-01-01"), ("02", "2010-12-31")):
        name = f"anat/sub-a_ses-{session}_T1w.nii.gz"
        table = pair / "sub-a" / f"ses-{session}" / f"sub-a_ses-{session}_scans.tsv"
        table.write_text(f"filename\tacq_time\n{name}\t{date}T10:00:00\nanat/x_T1w.nii.gz\tn/a\n")
    cohort = read_bids(pair, "x")
    assert cohort.visits["years"].tolist() == pytest.approx([0, 364 / 365.25])
    assert "does not exist" in cohort.left_out["detail"].iloc[0]


@pytest.mark.parametrize(
    ("labels", "years"),
    [(("M000", "M012"), 1), (("m03", "m12"), 0.75), (("d0000", "d0757"), 757 / 365.25),
     (("bl", "m06"), 0.5)],
)  # fmt: skip
def test_time_from_labels(tmp_path: Path, labels: tuple[str, str], years: float) -> None:
    for label in labels:
        scan(tmp_path, "sub-a", label)
    assert read_bids(tmp_path, "x").visits["years"].tolist() == pytest.approx([0, years])


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (None, r"add the column days_since_first or acq_time to .*sub-a_sessions\.tsv"),
        ("session_id mood\nses-01 a\nses-02 b\n", "add the column"),
        ("session_id acq_time\nses-01 2011-05-03\nses-02 2012-05\n", "'2012-05' of session 02"),
        ("session_id acq_time\nses-01 13/5/2011\nses-02 5/3/2012\n", "not a full date"),
        ("session_id acq_time\nses-01 2011-02-30\nses-02 2012-05-01\n", "not a full date"),
        ("session_id age\nses-01 70\nses-02 72\n", "ages in whole years are too coarse"),
        ("session_id age\nses-01 70.1\nses-02 -4\n", "no value for session 02"),
        ("session_id days\nses-01 0\nses-02 n/a\n", "no value for session 02"),
        ("session_id days\nses-01 0\nses-02 0\n", "have the same value"),
        ("session_id days\nses-01 0\nses-02 soon\n", "'soon' of session 02 is not a number"),
        ("sitzung days\nses-01 0\nses-02 3\n", "no column session_id"),
    ],
)
def test_unclear_times_are_refused_by_name(pair: Path, table: str | None, match: str) -> None:
    if table:
        sessions(pair, "sub-a", table)
    with pytest.raises(UserError, match=match):
        read_bids(pair, "x")


def test_one_subject_without_times_does_not_stop_the_others(pair: Path) -> None:
    scan(pair, "sub-b", "M000")
    scan(pair, "sub-b", "M024")
    cohort = read_bids(pair, "x")
    assert cohort.subjects == ["b"]
    assert set(cohort.left_out["subject"]) == {"a"}


def test_plainest_scan_of_a_session_is_taken(tmp_path: Path) -> None:
    for extra in ("_acq-fast", "_run-02", "_run-01", "_acq-fast_run-01"):
        scan(tmp_path, "sub-a", "M000", extra)
    scan(tmp_path, "sub-a", "M012")
    cohort = read_bids(tmp_path, "x")
    assert cohort.visits["path"].iloc[0].endswith("_run-01_T1w.nii.gz")
    assert "acq" not in cohort.visits["path"].iloc[0]
    assert len(cohort.left_out) == 3


def test_single_visits_and_absent_sessions_are_named(tmp_path: Path) -> None:
    for label in ("M000", "M012"):
        scan(tmp_path, "sub-a", label)
    sessions(tmp_path, "sub-a", "session_id days\nses-M000 0\nses-M012 365\nses-M024 730\n")
    scan(tmp_path, "sub-b", "M000")
    left_out = read_bids(tmp_path, "x").left_out.set_index("subject")["reason"]
    assert "without a folder" in left_out["a"]
    assert "only usable scan" in left_out["b"]


def test_covariates_and_shareability(pair: Path) -> None:
    sessions(pair, "sub-a", "session_id days\nses-01 0\nses-02 365\n")
    assert not read_bids(pair, "x").shareable
    (pair / "dataset_description.json").write_text(json.dumps({"LongibenchShareable": True}))
    (pair / "participants.tsv").write_text(
        "participant_id\tage\tsex\tdiagnosis\nsub-a\t71.5\tfemale\tn/a\n"
    )
    cohort = read_bids(pair, "x")
    assert cohort.shareable
    assert cohort.visits["age"].tolist() == [71.5, 71.5]
    assert cohort.visits["sex"].tolist() == ["F", "F"]
    assert "group" not in cohort.visits


def test_two_folders_of_one_person_are_refused(tmp_path: Path) -> None:
    for subject in ("sub-ADNI002S0295", "sub-002S0295"):
        scan(tmp_path, subject, "M000")
    with pytest.raises(UserError, match="same person"):
        read_bids(tmp_path, "x")


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read_bids(tmp_path / "nowhere", "x")
    with pytest.raises(UserError, match="not a BIDS dataset"):
        read_bids(tmp_path, "x")
    (tmp_path / "sub-a").mkdir()
    with pytest.raises(UserError, match="no subject has two usable scans"):
        read_bids(tmp_path, "x")
    scan(tmp_path, "sub-a", "M000")
    scan(tmp_path, "sub-a", "M012")
    (tmp_path / "dataset_description.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read_bids(tmp_path, "x")


def test_field_strength_from_scans_tables_and_sidecars(tmp_path: Path) -> None:
    first, second = (scan(tmp_path, "sub-a", label) for label in ("M000", "M012"))
    table = first.parents[1] / "sub-a_ses-M000_scans.tsv"
    table.write_text(f"filename\tmri_field\nanat/{first.name}\t1.5\n")
    sidecar = second.with_name(second.name.replace(".nii.gz", ".json"))
    sidecar.write_text('{"MagneticFieldStrength": 3}')
    assert read_bids(tmp_path, "x").visits["field_tesla"].tolist() == [1.5, 3.0]
    sidecar.write_text("[not json")
    assert read_bids(tmp_path, "x").visits["field_tesla"].fillna(0).tolist() == [1.5, 0]


def test_an_empty_cell_of_a_scans_table_does_not_hide_the_sessions(pair: Path) -> None:
    sessions(pair, "sub-a", "session_id days mmse\nses-01 0 29\nses-02 365 28\n")
    table = pair / "sub-a" / "ses-01" / "sub-a_ses-01_scans.tsv"
    table.write_text("filename\tmmse\nanat/sub-a_ses-01_T1w.nii.gz\tn/a\n")
    assert read_bids(pair, "x").visits["mmse"].tolist() == [29, 28]


def test_the_scans_own_dates_win_over_ages_and_clinic_days(pair: Path) -> None:
    sessions(
        pair,
        "sub-a",
        "session_id examination_date age\nses-01 2012-03-01 72.1\nses-02 2013-03-01 73\n",
    )
    for session, date in (("01", "2012-01-01"), ("02", "2013-12-30")):
        table = pair / "sub-a" / f"ses-{session}" / f"sub-a_ses-{session}_scans.tsv"
        table.write_text(f"filename\tacq_time\nanat/sub-a_ses-{session}_T1w.nii.gz\t{date}\n")
    cohort = read_bids(pair, "x")
    assert cohort.visits["years"].iloc[1] == pytest.approx(729 / 365.25)
    assert cohort.notes == ("times from *_scans.tsv, column acq_time (1 subjects)",)


def test_age_is_that_of_the_first_scan_and_codes_are_no_values(pair: Path) -> None:
    sessions(pair, "sub-a", "session_id days age mmse\nses-01 0 72.1 -4\nses-02 400 73.2 27\n")
    (pair / "participants.tsv").write_text("participant_id\tage_bl\tapoe4\nsub-a\t70.1\t-4\n")
    visits = read_bids(pair, "x").visits
    assert visits["age"].tolist() == [72.1, 72.1]
    assert visits["mmse"].isna().tolist() == [True, False]
    assert "apoe4" not in visits


def test_a_preferred_name_that_is_missing_is_reported(tmp_path: Path) -> None:
    for label in ("M000", "M012"):
        scan(tmp_path, "sub-a", label)
    fast = scan(tmp_path, "sub-a", "M012", "_acq-fast")
    cohort = read_cohort(Bids, tmp_path, "x", {"prefer": "acq-fast"})
    assert cohort.visits["path"].iloc[1] == str(fast)
    assert cohort.notes[-1] == "readers.bids.prefer=acq-fast: 1 of 2 scans are without it"
    with pytest.raises(UserError, match=r"readers\.bids\.prefer=acq-x: no T1w scan has it"):
        read_cohort(Bids, tmp_path, "x", {"prefer": "acq-x"})


def test_a_line_break_in_an_id_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    for visit in ("M000", "M012"):
        anat = tmp_path / "sub-a\nb" / f"ses-{visit}" / "anat"
        anat.mkdir(parents=True)
        (anat / f"sub-a\nb_ses-{visit}_T1w.nii.gz").write_text(visit)
    with pytest.raises(UserError, match=r"contains the control character U\+000A"):
        read_cohort(Bids, tmp_path, "x")
