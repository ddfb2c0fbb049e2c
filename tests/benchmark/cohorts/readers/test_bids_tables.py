"""Covariates of BIDS tables: rows of sessions, contradictions, codes, units, unreadable cells."""

import json
import shutil
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two subjects with sessions a and b, three years apart; the last one is named first."""
    for subject in ("sub-01", "sub-02"):
        for label in "ab":
            anat = tmp_path / subject / f"ses-{label}" / "anat"
            anat.mkdir(parents=True)
            (anat / f"{subject}_ses-{label}_T1w.nii.gz").write_bytes((subject + label).encode())
        table = tmp_path / subject / f"{subject}_sessions.tsv"
        table.write_text("session_id\tdays_since_first\nses-a\t0\nses-b\t1096\n")
    return tmp_path


def read(root: Path, participants: str, description: dict | None = None) -> Cohort:
    """The cohort with a participants.tsv; columns are separated by spaces."""
    (root / "participants.tsv").write_text(participants.replace(" ", "\t"))
    if description:
        (root / "participants.json").write_text(json.dumps(description))
    return read_cohort(Bids, root, "x")


def of(cohort: Cohort, name: str) -> list:
    """A covariate of the first scans."""
    return cohort.visits.groupby("subject")[name].first().tolist()


@pytest.mark.parametrize("column", ["session_id", "session", "ses", "visit"])
@pytest.mark.parametrize("label", ["ses-{}", "{}"])
def test_a_row_for_each_session_is_its_sessions(root: Path, column: str, label: str) -> None:
    rows = [("01", "b", "74 F AD"), ("01", "a", "71 F CN"), ("02", "b", "83 M AD"),
            ("02", "a", "80 M CN")]  # fmt: skip
    lines = [f"sub-{subject} {label.format(session)} {rest}" for subject, session, rest in rows]
    cohort = read(root, "\n".join([f"participant_id {column} age sex group", *lines]) + "\n")
    assert of(cohort, "age") == [71, 80]
    assert of(cohort, "group") == ["CN", "CN"]
    assert of(cohort, "sex") == ["F", "M"]
    assert cohort.notes == ("times from sub-*_sessions.tsv, column days_since_first (2 subjects)",)


@pytest.mark.parametrize("column", ["session_id", "visit", "wave"])
def test_a_follow_ups_row_tells_of_the_source_only_what_never_changes(
    root: Path, column: str
) -> None:
    cohort = read(root, f"participant_id {column} age sex group\nsub-01 ses-b 74 F AD\n"
                        "sub-02 ses-b 83 M AD\n")  # fmt: skip
    assert of(cohort, "sex") == ["F", "M"]
    assert not {"age", "group"} & set(cohort.visits)
    assert "participants.tsv has no row for 2 of the sessions" in " ".join(cohort.notes)


def test_a_follow_up_whose_label_sorts_first_tells_nothing_either(root: Path) -> None:
    for table in root.glob("sub-*/*_sessions.tsv"):
        table.write_text("session_id\tdays_since_first\nses-b\t0\nses-a\t1096\n")
    cohort = read(root, "participant_id session_id age sex group\nsub-01 ses-a 74 F AD\n"
                        "sub-02 ses-a 83 M AD\n")  # fmt: skip
    assert of(cohort, "sex") == ["F", "M"]
    assert not {"age", "group"} & set(cohort.visits)


def test_a_socioeconomic_status_is_no_session(root: Path) -> None:
    cohort = read(root, "participant_id ses age\nsub-01 2 71\nsub-02 3 80\n")
    assert of(cohort, "age") == [71, 80]


def test_a_number_as_a_group_is_never_guessed(root: Path) -> None:
    cohort = read(root, "participant_id group site\nsub-01 1 7\nsub-02 0 8\n")
    assert "group" not in cohort.visits
    assert of(cohort, "site") == ["7", "8"]
    assert "participants.tsv, column group: 2 cells cannot be read" in " ".join(cohort.notes)


def test_rows_without_a_session_tell_what_they_agree_on(root: Path) -> None:
    cohort = read(root, "participant_id age sex group\nsub-01 74 F AD\nsub-01 71 F CN\n"
                        "sub-02 80 M CN\nsub-02 80.0 n/a CN\n")  # fmt: skip
    assert cohort.visits["age"].isna().tolist() == [True, True, False, False]
    assert of(cohort, "sex") == ["F", "M"]
    assert cohort.visits["group"].fillna("").tolist() == ["", "", "CN", "CN"]
    assert cohort.notes[1:] == (
        "participants.tsv, column age: rows about the same thing differ in 1 case, which count as "
        "missing, such as '74' in row 2 and '71' in row 3",
        "participants.tsv, column group: rows about the same thing differ in 1 case, which count "
        "as missing, such as 'AD' in row 2 and 'CN' in row 3",
    )


def test_times_may_be_in_the_rows_of_sessions(root: Path) -> None:
    for table in root.glob("sub-*/*_sessions.tsv"):
        table.unlink()
    rows = [f"sub-{s} ses-{v} {age}" for s in ("01", "02") for v, age in (("b", 73.5), ("a", 71))]
    cohort = read(root, "\n".join(["participant_id session_id age", *rows]) + "\n")
    assert cohort.visits["years"].tolist() == [0, 2.5, 0, 2.5]
    assert cohort.notes[0] == "times from participants.tsv, column age (2 subjects)"


@pytest.mark.parametrize("label", ["sub-01", "01", " sub-01"])
def test_a_participant_is_found_with_and_without_sub(root: Path, label: str) -> None:
    (root / "participants.tsv").write_text(f"participant_id\tage\n{label}\t70.5\n")
    cohort = read_cohort(Bids, root, "x")
    assert of(cohort, "age")[0] == 70.5
    assert "participants.tsv has no row for 1 of the participants" in cohort.notes[1]


def test_sex_by_numbers_needs_its_levels(root: Path) -> None:
    text = "participant_id sex\nsub-01 1\nsub-02 2\n"
    cohort = read(root, text)
    assert "sex" not in cohort.visits
    assert "column sex: 2 cells cannot be read and count as missing, such as '1'" in cohort.notes[1]
    assert of(read(root, text, {"sex": {"Levels": {"1": "male", "2": "female"}}}), "sex") == [
        "M",
        "F",
    ]
    described = {"Sex": {"Levels": {"1": {"Description": "Female participant"}, "2": "Male"}}}
    assert of(read(root, text, described), "sex") == ["F", "M"]


def test_ages_are_in_the_unit_that_is_described(root: Path) -> None:
    text = "participant_id age\nsub-01 846\nsub-02 960\n"
    cohort = read(root, text, {"age": {"Units": "months"}})
    assert of(cohort, "age") == [70.5, 80]
    cohort = read(root, text, {"age": {"Units": "moons"}})
    assert "age" not in cohort.visits
    notes = " ".join(cohort.notes)
    assert "column age: its unit 'moons' is not known; read as years" in notes
    assert "ages of 2 subjects are not between 0 and 120 years" in notes


def test_cells_that_cannot_be_read_are_counted_once(root: Path) -> None:
    cohort = read(root, "participant_id age education\nsub-01 70,5 many\nsub-02 89+ n/a\n")
    assert of(cohort, "age") == [70.5, 89]
    assert cohort.notes[1:] == (
        "participants.tsv, column education: 1 cell cannot be read and count as missing, such as "
        "'many' in row 2",
        "participants.tsv, column age: 1 cell read as the lower bound, such as '89+' in row 3",
    )


def test_cells_of_sessions_and_sidecars_that_cannot_be_read_are_counted(root: Path) -> None:
    for subject in ("01", "02"):
        table = root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
        table.write_text("session_id\tdays\tmmse\nses-a\t0\tgood\n")
        table.write_text(table.read_text() + "ses-b\t1096\t28\n")
    anat = root / "sub-01" / "ses-a" / "anat"
    (anat / "sub-01_ses-a_T1w.json").write_text("[not json")
    cohort = read_cohort(Bids, root, "x")
    assert cohort.visits["mmse"].fillna(0).tolist() == [0, 28, 0, 28]
    assert cohort.notes[1:] == (
        "1 JSON files next to scans cannot be read",
        "sub-*_sessions.tsv, column mmse: 2 cells cannot be read and count as missing, such as "
        "'good' in row 2",
    )


def test_a_session_without_a_row_is_reported(root: Path) -> None:
    for label, day in (("a", "2006-05-01"), ("b", "2009-05-01")):
        for subject in ("sub-01", "sub-02"):
            table = root / subject / f"ses-{label}" / f"{subject}_ses-{label}_scans.tsv"
            name = f"anat/{subject}_ses-{label}_T1w.nii.gz"
            table.write_text(f"filename\tacq_time\n{name}\t{day}\n")
    table = root / "sub-01" / "sub-01_sessions.tsv"
    table.write_text("session_id\tmmse\nses-b\t28\n")
    notes = read_cohort(Bids, root, "x").notes
    assert "sub-*_sessions.tsv has no row for 1 of the sessions with scans" in notes


def test_tables_in_another_format_are_named_with_the_remedy(root: Path) -> None:
    (root / "participants.xlsx").touch()
    folder = root / "sub-01"
    (folder / "sub-01_sessions.tsv").rename(folder / "sub-01_sessions.csv")
    (folder / "ses-a" / "sub-01_ses-a_scans.xlsx").touch()
    cohort = read_cohort(Bids, root, "x")
    assert "participants.xlsx is not read: save it as participants.tsv, as text with tabs" in (
        cohort.notes
    )
    reason = "a table that is not in BIDS's format"
    details = cohort.left_out.set_index("reason").loc[reason, "detail"].tolist()
    assert sorted(Path(detail.split()[0]).name for detail in details) == [
        "sub-01_ses-a_scans.xlsx",
        "sub-01_sessions.csv",
    ]
    shutil.rmtree(root / "sub-02")
    with pytest.raises(UserError, match=r"save it as sub-01_sessions\.tsv"):
        read_cohort(Bids, root, "x")


@pytest.mark.parametrize("spelled", ["{:d}", "{:d}.0", "SUB-{:02d}", "'sub-{:02d}'", "sub-{:03d}"])
def test_participants_are_found_without_padding_and_case(root: Path, spelled: str) -> None:
    rows = [f"{spelled.format(number)} {age}" for number, age in ((1, 71), (2, 80))]
    assert of(read(root, "\n".join(["participant_id age", *rows, ""])), "age") == [71, 80]


def test_padding_that_tells_two_people_apart_is_kept(root: Path) -> None:
    shutil.copytree(root / "sub-01", root / "sub-1")
    for scan in (root / "sub-1").rglob("*.nii.gz"):
        scan.write_bytes(scan.name.encode())
    folder = root / "sub-1"
    (folder / "sub-01_sessions.tsv").rename(folder / "sub-1_sessions.tsv")
    cohort = read(root, "participant_id age\n001 70\nsub-02 80\n")
    ages = cohort.visits.groupby("subject")["age"].first()
    assert ages.isna().tolist() == [True, False, True]
    assert any("has no row for 2 of the participants" in note for note in cohort.notes)


def test_rows_of_other_sessions_are_named(root: Path) -> None:
    for table in root.glob("*/*_sessions.tsv"):
        table.write_text(table.read_text().replace("ses-a", "SES-X").replace("ses-b", "SES-Y"))
    with pytest.raises(UserError, match=r"has rows of others \(SES-X, SES-Y\)"):
        read_cohort(Bids, root, "x")
    for table in root.glob("*/*_sessions.tsv"):
        table.write_text(table.read_text().replace("SES-X", "SES-A").replace("SES-Y", "'ses-b'"))
    assert len(read_cohort(Bids, root, "x").visits) == 4
