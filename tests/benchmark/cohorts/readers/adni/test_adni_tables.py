"""Tables of any spelling, year and damage."""

from datetime import date, timedelta
from typing import Any

import pytest

from longibench.benchmark.cohorts.parsing.values import diagnosis_of
from longibench.benchmark.core.errors import UserError

FIRST = date(2006, 11, 2)
LATER = FIRST + timedelta(days=371)
ONE = "002_S_4711"


def test_derived_ids_and_bare_digits(download: Any) -> None:
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    download.rows = [download.rows[0].replace('"I', '"D'), download.rows[1].replace('"I', '"')]
    download.write_rows()
    assert download.read().visits["group"].tolist() == ["MCI", "MCI"]


def test_headers_in_any_spelling(download: Any) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    odd = download.header.replace("Image Data ID", " image_data_id").replace(
        "Acq Date", "ACQ  DATE "
    )
    download.rows[1] = download.rows[1].replace('"71"', '""').replace('"F"', '"-4"')
    download.write_rows(odd.replace("Subject", "SUBJECT"), bom="\ufeff")
    visits = download.read().visits
    assert visits["sex"].tolist() == ["F", "F"]  # the first visit decides


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"I40001"', '"scan1"', r"t1_7.*row 2, column imagedataid: 'scan1' is not an image id"),
        ('"002_S_4711"', '"4711"', r"row 2, column Subject: '4711' is not a participant"),
        ('"002_S_4711"', '"002_S_4712"', r"row 2: assigns image 40001 to 002_S_4712"),
    ],
)
def test_wrong_cells_are_named(download: Any, old: str, new: str, match: str) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    download.rows[0] = download.rows[0].replace(old, new)
    download.write_rows()
    with pytest.raises(UserError, match=match):
        download.read()


def test_a_wrong_date_of_adnimerge_is_named(download: Any) -> None:
    download.scan(ONE, FIRST)
    row = "4711,ADNI1,002_S_4711,2,{},{},CN,71.2,Female,16,1,28,1.5 Tesla MRI,CN,2006-11-02"
    download.rows = [row.format("bl", "2006-11-02"), row.format("m06", "2007-13-01")]
    download.write_rows(download.merge_header, "ADNIMERGE.csv")
    with pytest.raises(UserError, match=r"ADNIMERGE\.csv: row 3, column EXAMDATE: '2007-13-01'"):
        download.read()


def test_diagnoses_of_dxsum_where_there_is_no_adnimerge(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    download.rows = [f"ADNI1,4711,bl,bl,{FIRST},1", f"ADNI1,4711,m12,m12,{LATER},3.0"]
    download.write_rows("Phase,RID,VISCODE,VISCODE2,EXAMDATE,DIAGNOSIS", "DXSUM_PDXCONV.csv")
    assert download.read().visits["diagnosis"].tolist() == ["CN", "AD"]


def test_diagnoses_in_words_of_dxsum(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    download.rows = [f"ADNI1,4711,bl,bl,{FIRST},CN", f"ADNI1,4711,m12,m12,{LATER},Dementia"]
    download.write_rows("Phase,RID,VISCODE,VISCODE2,EXAMDATE,DIAGNOSIS", "DXSUM.csv")
    cohort = download.read()
    assert cohort.visits["diagnosis"].tolist() == ["CN", "AD"]
    assert not any("no table was found" in note for note in cohort.notes)


def test_adnimerge_goes_before_tadpole(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    row = "4711,ADNI1,002_S_4711,2,bl,2006-11-02,{},71.2,Female,16,1,28,,CN,2006-11-02"
    for name, group in (("ADNIMERGE", "LMCI"), ("TADPOLE_D1_D2", "AD")):
        download.rows = [row.format(group)]
        download.write_rows(download.merge_header, f"{name}.csv")
    cohort = download.read()
    assert set(cohort.visits["group"]) == {"LMCI"}
    assert any("ADNIMERGE.csv is read, not TADPOLE" in note for note in cohort.notes)


@pytest.mark.parametrize(
    ("cell", "diagnosis"), [("MCI to Dementia", "AD"), ("NL to MCI", "MCI"), ("NL", "CN")]
)
def test_a_change_of_diagnosis_is_what_it_leads_to(cell: str, diagnosis: str) -> None:
    assert diagnosis_of(cell) == diagnosis


@pytest.mark.parametrize("subject", ["", "92834"])
def test_rows_of_another_study_are_left_out(download: Any, subject: str) -> None:
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    download.count += 1
    download.list_row(subject, "bl", "3/20/2015")
    download.write_rows()
    cohort = download.read()
    assert len(cohort.visits) == 2
    assert cohort.left_out["reason"].tolist() == ["a row of another study"]


def test_wrong_image_ids_of_study_wide_tables(download: Any) -> None:
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    meta = download.root / "MPRAGEMETA.csv"
    meta.write_text("SUBJECT,IMAGEUID,MAGSTRENGTH\n002_S_4712,scan1,1.5\n002_S_4711,40001,3.0\n")
    assert set(download.read().visits["field_tesla"].dropna()) == {3.0}
    meta.write_text("SUBJECT,IMAGEUID,MAGSTRENGTH\n002_S_4711,scan1,1.5\n")
    with pytest.raises(UserError, match=r"row 2, column imageuid: 'scan1' is not an image id"):
        download.read()


def test_the_studys_list_of_images_is_not_the_downloads(download: Any) -> None:
    """Since 2024 LONI has one ``*_All_Images_*.csv``: its rows describe images, none is missing."""
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    row = "{},{},1,{},{},MRI,MPRAGE,{},{}"
    download.rows = [
        row.format(40001, ONE, "bl", FIRST, "Pre-processed", 1),
        row.format(40002, ONE, "m12", LATER, "Original", 2),
        *(row.format(90000 + n, f"003_S_{n:04d}", "bl", FIRST, "Original", n) for n in range(9)),
        row.format(90100, ONE, "m24", LATER, "Original", 9),
    ]
    header = (
        "image_id,subject_id,study_id,VISCODE2,image_date,image_modality,image_description,"
        "image_type,series_id"
    )
    download.write_rows(header, "My_All_Images_15Dec2025.csv")
    cohort = download.read()
    assert cohort.left_out.empty
    assert any(
        note.endswith("of the study's images: My_All_Images_15Dec2025.csv") for note in cohort.notes
    )


def test_a_list_of_mostly_other_people_is_told_in_one_note(download: Any) -> None:
    """It may be that of a larger download: its people are counted, not left out one by one."""
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    for number in range(3):
        download.count += 1
        download.list_row(f"003_S_{number:04d}", "bl", "3/20/2015")
    download.write_rows()
    cohort = download.read()
    assert cohort.left_out.empty
    assert any("lists 3 participants of whom nothing is here" in note for note in cohort.notes)


def test_cells_that_cannot_be_read_are_told(download: Any) -> None:
    """In the collection's table and in ADNIMERGE, each cell once."""
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    download.rows = [row.replace('"71"', '"seventy"') for row in download.rows]
    download.write_rows()
    row = "4711,ADNI1,002_S_4711,2,{},{},CN,,?,16,1,twenty,1.5 Tesla MRI,CN,2006-11-02"
    download.rows = [row.format("bl", FIRST), row.format("m12", LATER)]
    download.write_rows(download.merge_header, "ADNIMERGE.csv")
    told = [note for note in download.read().notes if "cannot be read" in note]
    assert told == [
        "ADNIMERGE.csv, column mmse: 2 cells cannot be read and count as missing, "
        "such as 'twenty' in row 2",
        "t1_7_04_2026.csv, column age: 2 cells cannot be read and count as missing, "
        "such as 'seventy' in row 2",
    ]


def test_examinations_of_one_day_that_differ_give_no_value(download: Any) -> None:
    for day in (FIRST, LATER):
        download.scan(ONE, day, "-")
    row = "4711,ADNI1,'002_S_4711',2,{},{},CN,71.2,Female,16,1,28,,{},"
    rows = [row.format("BL", FIRST, "CN"), row.format("m12", LATER, "MCI")]
    download.rows = [*rows, row.format("m12", LATER, "Dementia")]
    download.write_rows(download.merge_header, "ADNIMERGE.csv")
    cohort = download.read()
    assert cohort.visits["diagnosis"].isna().tolist() == [False, True]
    assert cohort.visits["age"].tolist() == [71.2, 71.2]  # of the visit BL
    assert any("column dx: rows about the same thing differ in 1" in n for n in cohort.notes)
