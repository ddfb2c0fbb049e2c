import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.aibl import Aibl
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

DIAGNOSES = {"CN": "1", "MCI": "2", "AD": "3"}


def leaf(root: Path, rid: int, day: str, sequence: str = "MPRAGE_ADNI_confirmed") -> Path:
    return root / "AIBL" / str(rid) / sequence / f"{day}_13_05_59.0" / f"I{rid}{day[2:4]}"


@pytest.fixture
def aibl(tmp_path: Path, study: tuple, write_image: Callable[[Path, int], Path]) -> Path:
    people = ["RID,SITEID,VISCODE,PTDOB,PTGENDER"]
    seen = ["RID,SITEID,VISCODE,EXAMDATE,MMSCORE"]
    rated = ["RID,SITEID,VISCODE,EXAMDATE,DXCURREN"]
    for person in study:
        born = person.first.year - int(person.age)
        people.append(f"{person.number},2,bl,/{born},{1 if person.sex == 'M' else 2}")
        for number, day in enumerate(person.dates()):
            folder = leaf(tmp_path, person.number, day.isoformat())
            if number % 2:
                write_image(folder / "scan.nii", number)
            else:
                folder.mkdir(parents=True)
                (folder / "slice_1.dcm").write_bytes(b"one slice")
            code = f"m{18 * number}" if number else "bl"
            exam = f"{day.month:02d}/{day.day:02d}/{day.year}" if number < 2 else "-4"
            seen.append(f"{person.number},2,{code},{exam},{-1 if number else 28}")
            rated.append(f"{person.number},2,{code},-4,{DIAGNOSES[person.group]}")
    for name, rows in (("ptdemog", people), ("mmse", seen), ("pdxconv", rated)):
        table = tmp_path / "Data_extract" / f"aibl_{name}_01-Jun-2018.csv"
        table.parent.mkdir(exist_ok=True)
        table.write_text("\n".join(rows) + "\n")
    return tmp_path


def read(root: Path, **settings: object) -> Cohort:
    return read_cohort(Aibl, root, "x", settings)


def test_is_the_same_study_as_bids(aibl: Path, same_as_bids: Callable) -> None:
    same_as_bids(read(aibl), lambda person: f"AIBL{person.number}")
    same_as_bids(read(aibl / "AIBL"), lambda person: f"AIBL{person.number}")


def test_a_dicom_series_is_its_folder(aibl: Path) -> None:
    paths = [Path(path) for path in read(aibl).visits["path"]]
    assert paths[0].is_dir()
    assert paths[1].name == "scan.nii"


def test_covariates_of_the_visit_by_its_code_or_date(aibl: Path) -> None:
    visits = read(aibl).visits
    assert visits["sex"].tolist()[:5] == ["F", "F", "F", "F", "M"]
    assert visits["age"].iloc[0] == pytest.approx(71.2, abs=1)  # from the birth year
    assert visits["diagnosis"].tolist()[:2] == ["CN", "CN"]  # dated by another table's EXAMDATE
    assert visits["mmse"].iloc[0] == 28
    assert visits["mmse"].iloc[1:4].isna().all()  # -1
    assert set(visits["site"]) == {"2"}


def test_another_studys_tables_are_not_mixed_in(aibl: Path) -> None:
    (aibl / "ADNI_DEMOG.csv").write_text("RID,VISCODE,PTDOB,PTGENDER\n4711,bl,/1900,1\n")
    assert read(aibl).visits["sex"].iloc[0] == "F"


@pytest.mark.parametrize("other", ["MPRAGE", "MPRAGE_ADNI_confirmed_RPT", "MPRAGE_SAG_ISO_p2_ND"])
def test_the_accepted_sequence_goes_first(aibl: Path, study: tuple, other: str) -> None:
    accepted = leaf(aibl, 4712, study[1].first.isoformat())
    shutil.copytree(accepted, leaf(aibl, 4712, study[1].first.isoformat(), other))
    assert read(aibl).visits["path"].iloc[4] == str(accepted)
    taken = read(aibl, sequences=[other, "MPRAGE_ADNI_confirmed"]).visits["path"].iloc[4]
    assert f"/{other}/" in taken


def test_other_sequences_and_empty_series_are_named(aibl: Path) -> None:
    leaf(aibl, 4711, "2006-11-02", "FLAIR").mkdir(parents=True)
    leaf(aibl, 4711, "2009-11-02").mkdir(parents=True)
    listed = read(aibl).left_out.set_index("reason")["detail"]
    assert listed["not a T1w sequence that is known"].endswith("FLAIR")
    assert "2009-11-02" in listed["a series without an image"]


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not AIBL"):
        read(tmp_path)


def test_numbers_of_participants_in_any_spelling(aibl: Path) -> None:
    """A spreadsheet writes 4711 as 4711.0, another program as 004711."""
    table = aibl / "Data_extract" / "aibl_ptdemog_01-Jun-2018.csv"
    table.write_text(table.read_text().replace("\n4711,", "\n004711.0,"))
    cohort = read(aibl)
    assert cohort.visits["sex"].notna().all()
    assert not any("has no row" in note for note in cohort.notes)


def test_what_tables_lack_is_told(aibl: Path) -> None:
    """A participant without a row, a cell that cannot be read, a table that is not there."""
    table = aibl / "Data_extract" / "aibl_ptdemog_01-Jun-2018.csv"
    text = table.read_text().replace("\n4711,", "\n9999,").replace(",2\n", ",x\n")
    table.write_text(text)
    notes = read(aibl).notes
    assert "no table with the columns rid, apgen1, apgen2: its covariates are not known" in notes
    assert any("has no row of 1 of" in note for note in notes)
    assert any("column ptgender: " in note and "such as 'x'" in note for note in notes)


def test_codes_of_visits_may_be_padded_otherwise_in_another_table(aibl: Path) -> None:
    table = aibl / "Data_extract" / "aibl_pdxconv_01-Jun-2018.csv"
    table.write_text(table.read_text().replace(",m18,", ",M018,").replace(",bl,", ",BL,"))
    assert read(aibl).visits["diagnosis"].tolist()[:2] == ["CN", "CN"]


def test_people_that_are_listed_twice_with_other_values_are_reported(aibl: Path) -> None:
    table = aibl / "Data_extract" / "aibl_ptdemog_01-Jun-2018.csv"
    table.write_text(table.read_text() + "4711,-4,m18,/1900,2\n")
    cohort = read(aibl)
    assert cohort.visits["age"].isna().tolist()[:4] == [True] * 4
    assert cohort.visits["sex"].iloc[0] == "F"
    assert any("column ptdob: rows about the same thing differ in 1" in n for n in cohort.notes)


def test_codes_of_a_column_with_gaps_are_decimals(aibl: Path) -> None:
    """Pandas writes 2 as 2.0 where a cell of the column is empty."""
    folder = aibl / "Data_extract"
    table = folder / "aibl_ptdemog_01-Jun-2018.csv"
    table.write_text(table.read_text().replace(",2\n", ",2.0\n").replace(",1\n", ",1.0\n"))
    rows = "RID,VISCODE,APGEN1,APGEN2\n4711,bl,3.0,4.0\n4712,bl,4,4\n"
    (folder / "aibl_apoeres_01-Jun-2018.csv").write_text(rows)
    cohort = read(aibl)
    assert cohort.visits["sex"].tolist()[:5] == ["F", "F", "F", "F", "M"]
    assert cohort.visits.groupby("subject")["apoe4"].first().tolist()[:2] == [1.0, 2.0]
    assert not any("cannot be read" in note for note in cohort.notes)


def test_a_sequence_that_no_folder_has_is_told_if_it_was_named(aibl: Path) -> None:
    notes = read(aibl, sequences=("FSPGR", "MPRAGE_ADNI_confirmed")).notes
    assert "readers.aibl.sequences: no folder FSPGR" in notes
    assert not any("sequences" in note for note in read(aibl).notes)


def test_diagnoses_of_one_visit_that_differ_count_as_missing(aibl: Path) -> None:
    table = aibl / "Data_extract" / "aibl_pdxconv_01-Jun-2018.csv"
    row = next(line for line in table.read_text().splitlines() if line.startswith("4711,"))
    table.write_text(f"{table.read_text()}{row[:-1]}3\n")
    cohort = read(aibl)
    assert cohort.visits["diagnosis"].isna().iloc[0]
    assert any("pdxconv" in note and "dxcurren" in note for note in cohort.notes)


def test_a_link_without_a_target_is_told_at_every_level(aibl: Path) -> None:
    for place in ("4711/MPRAGE", "4712/MPRAGE_ADNI_confirmed/2010-01-01_08_16_44.0", "part2"):
        (aibl / "AIBL" / place).symlink_to("/no/such/disk")
    (aibl / "AIBL" / "4713/MPRAGE_ADNI_confirmed/2010-01-02_08_16_44.0").mkdir()
    (aibl / "AIBL" / "4713/MPRAGE_ADNI_confirmed/2010-01-02_08_16_44.0/I9").symlink_to(
        "/no/such/disk"
    )
    cohort = read(aibl)
    lost = cohort.left_out[cohort.left_out["reason"] == "listed but not on disk"]
    assert lost["detail"].str.contains("mount or restore it").tolist() == [True] * 3
    assert any("part2 is not read: a link" in note for note in cohort.notes)


def test_a_shifted_date_gives_no_age(aibl: Path) -> None:
    for folder in list(aibl.glob("AIBL/4711/*/*")):
        folder.rename(folder.with_name(f"19{folder.name[2:]}"))
    visits = read(aibl).visits.set_index("subject")
    assert visits.loc["AIBL4711", "age"].isna().all()
    assert visits.loc["AIBL4712", "age"].notna().all()
