import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.oasis3 import Oasis3
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

ENTRY = 112  # days from entry to the first scan of everybody


@pytest.fixture
def oasis3(tmp_path: Path, study: tuple, write_image: Callable[[Path, int], Path]) -> Path:
    root = tmp_path / "OASIS-3"
    people = ["\ufeffOASISID,AgeatEntry,GENDER,EDUC,HAND,APOE"]
    clinical = ["OASISID,OASIS_session_label,days_to_visit, Age at Visit ,MMSE,CDRTOT,CDRSUM"]
    scanners = ["label,Manufacturer,MagneticFieldStrength"]
    for person in study:
        subject = f"OAS3{person.number}"
        people.append(f"{subject},{person.age},{1 if person.sex == 'M' else 2},16,R,34")
        for number, day in enumerate(person.days):
            label = f"d{day + ENTRY:04d}"
            session = root / f"{subject}_MR_{label}"
            for run in ("", "_run-02") if number else ("_run-02", "_run-01"):
                name = f"sub-{subject}_ses-{label}{run}_T1w.nii.gz"
                write_image(session / "anat2" / ("NIFTI" if number % 2 else "") / name, number)
            write_image(session / "anat3" / f"sub-{subject}_ses-{label}_T2w.nii.gz", number)
            cdr = 0 if number == 0 else 0.5
            clinical.append(f"{subject},x,{day + ENTRY + 60:04d},70,29,{cdr},0")
            scanners.append(f"{session.name},Siemens,{3.0 if number else 1.5}")
    for name, rows in (("OASIS3_demographics", people), ("renamed", clinical), ("mr", scanners)):
        (root / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return root


def read(root: Path, **settings: object) -> Cohort:
    return read_cohort(Oasis3, root, "x", settings)


def test_is_the_same_study_as_bids(oasis3: Path, same_as_bids: Callable) -> None:
    same_as_bids(read(oasis3), lambda person: f"OAS3{person.number}")


def test_the_first_run_is_taken_unless_the_last_is_asked_for(oasis3: Path) -> None:
    first = read(oasis3).visits["path"].map(lambda path: Path(path).name)
    assert first[0] == "sub-OAS34711_ses-d0112_run-01_T1w.nii.gz"
    assert first[1] == "sub-OAS34711_ses-d0301_T1w.nii.gz"
    assert read(oasis3, run="last").visits["path"].str.contains("_run-02_").all()


def test_covariates_come_from_tables_of_any_name(oasis3: Path) -> None:
    visits = read(oasis3).visits
    assert visits["sex"].tolist()[:5] == ["F", "F", "F", "F", "M"]
    assert visits["age"].iloc[0] == pytest.approx(71.2 + ENTRY / 365.25)  # at the first scan
    assert visits["apoe4"].eq(1).all()
    assert visits["field_tesla"].tolist()[:2] == [1.5, 3.0]
    assert visits["diagnosis"].tolist()[:2] == ["CN", "CDR 0.5"]
    assert set(visits["group"]) == {"CN"}


def test_a_clinical_visit_too_far_away_tells_nothing(oasis3: Path) -> None:
    assert "diagnosis" not in read(oasis3, clinical_days=59).visits


def test_without_tables_there_is_still_a_cohort(oasis3: Path) -> None:
    for table in oasis3.glob("*.csv"):
        table.unlink()
    cohort = read(oasis3)
    assert len(cohort.visits) == 9
    assert "ageatentry" in cohort.notes[0]


def test_a_session_without_t1w_is_left_out(oasis3: Path) -> None:
    for path in (oasis3 / "OAS34711_MR_d0301").rglob("*_T1w*"):
        path.unlink()
    cohort = read(oasis3)
    assert len(cohort.visits) == 8
    assert cohort.left_out.set_index("visit").loc["d0301", "reason"].startswith("a visit without")


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not OASIS-3"):
        read(tmp_path)


def test_what_tables_lack_is_told(oasis3: Path) -> None:
    """A participant without a row and a cell that cannot be read."""
    table = oasis3 / "OASIS3_demographics.csv"
    table.write_text(table.read_text().replace("OAS34711", "OAS39999").replace(",16,", ",many,"))
    notes = read(oasis3).notes
    assert any("has no row of 1 of" in note for note in notes)
    assert any("column educ: " in note and "such as 'many' in row" in note for note in notes)


def test_a_session_of_the_mr_table_may_be_padded_otherwise(oasis3: Path) -> None:
    table = oasis3 / "mr.csv"
    table.write_text(table.read_text().replace("_d0112", "_d112"))
    assert read(oasis3).visits["field_tesla"].tolist()[:2] == [1.5, 3.0]


def test_people_that_are_listed_twice_with_other_values_are_reported(oasis3: Path) -> None:
    table = oasis3 / "OASIS3_demographics.csv"
    header, first, *_ = table.read_text().splitlines()
    age = first.split(",")[header.lower().split(",").index("ageatentry")]
    table.write_text(table.read_text() + first.replace(age, "55.5") + "\n")
    cohort = read(oasis3)
    assert cohort.visits["age"].isna().tolist()[:4] == [True] * 4
    assert "OASIS3_demographics.csv, column ageatentry: rows about the same" in cohort.notes[-1]


def test_people_are_compared_in_one_spelling_in_every_table(oasis3: Path) -> None:
    expected = read(oasis3).visits
    for table in oasis3.glob("*.csv"):
        table.write_text(table.read_text().replace("\nOAS34711", "\nsub-oas34711"))
    assert read(oasis3).visits.equals(expected)


def test_codes_that_a_program_wrote_as_decimals_or_words_are_read(oasis3: Path) -> None:
    expected = read(oasis3).visits
    table = oasis3 / "OASIS3_demographics.csv"
    text = table.read_text().replace(",2,16,R,34", ",2.0,16,R,34.0").replace(",1,16,", ",Male,16,")
    table.write_text(text)
    assert read(oasis3).visits.equals(expected)


def test_a_scan_folder_that_is_not_mounted_is_told(oasis3: Path) -> None:
    anat = oasis3 / "OAS34711_MR_d0112" / "anat2"
    shutil.rmtree(anat)
    anat.symlink_to("/no/such/disk")
    lost = read(oasis3).left_out.iloc[0]
    assert lost["reason"] == "listed but not on disk"
    assert "mount or restore it" in lost["detail"]


def test_clinical_visits_of_one_day_that_differ_give_no_diagnosis(oasis3: Path) -> None:
    table = oasis3 / "renamed.csv"
    table.write_text(table.read_text() + f"OAS34711,x,{ENTRY + 60},70,29,1,0\n")
    cohort = read(oasis3)
    assert cohort.visits["diagnosis"].isna().tolist()[:2] == [True, False]
    assert any("column cdrtot: rows about the same thing differ" in n for n in cohort.notes)
