"""What is not used of a download, and how it is reported."""

from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest

from longibench.benchmark.cohorts.reader import NOT_ON_DISK, NOT_TAKEN
from longibench.benchmark.cohorts.visit_table import Cohort

FIRST = date(2006, 11, 2)
LATER = FIRST + timedelta(days=371)
ONE = "002_S_4711"


def reasons(cohort: Cohort) -> dict[str, int]:
    return cohort.left_out["reason"].value_counts().to_dict()


def test_only_t1_weighted_scans_are_taken(download: Any) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    for other in (
        "Axial T2 FLAIR",
        "3 Plane Localizer",
        "MPR; GradWarp; Mask",
        "B1-Calibration PA",
    ):
        download.scan(ONE, FIRST, "sc", other)
    cohort = download.read()
    assert len(cohort.visits) == 2
    assert reasons(cohort) == {
        "not a T1-weighted scan": 1,
        "a localizer or calibration scan": 2,
        "a mask, segmentation or registered derivative": 1,
    }


def test_damage_is_counted_and_does_not_stop_the_rest(download: Any) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    download.rows.append(download.rows[0])  # a row twice
    download.count += 1
    download.list_row(ONE, "m24", "11/2/2008")  # no image of it
    download.list_row(ONE, "m24", "11/2/2008", name="Axial T2 FLAIR")
    download.leaf(ONE, FIRST)  # an empty folder
    download.scan(ONE, "undated", "m36")
    copy = download.scan(ONE, LATER, "-")
    copy.rename(copy.with_name(copy.name.replace(str(download.count), "40001")))
    download.write_rows()
    cohort = download.read()
    assert len(cohort.visits) == 2
    assert reasons(cohort) == {
        "listed twice": 3,  # a row, its sister of another type, and the copy
        NOT_ON_DISK: 1,
        "a folder without an image": 1,
        "no date of acquisition": 1,
    }
    missing = cohort.left_out.set_index("reason").at[NOT_ON_DISK, "detail"]
    assert "t1_7_04_2026.csv, row 5" in missing


def test_notes_on_what_does_not_fit(download: Any) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "-")
    download.rows[0] = download.rows[0].replace("11/2/2006", "12/2/2006")
    download.write_rows()
    for name in ("adnimerge_1Jan2020.csv", "ADNIMERGE_20Sep2024.csv"):
        (download.root / name).write_text(download.merge_header + "\n")
    foreign = f"{download.header}\nI1,92834,PD,M,66,BL,MRI,MPRAGE,Original,3/20/2015,,\n"
    (download.root / "ppmi_7_04_2026.csv").write_text(foreign)
    cohort = download.read()
    assert cohort.visits["years"].iloc[1] == pytest.approx(371 / 365.25)  # the folders' dates
    notes = "\n".join(cohort.notes)
    assert "1 scans on disk are in no list" in notes
    assert "1 scans have another date" in notes
    assert "ADNIMERGE_20Sep2024.csv is read, the newest, not adnimerge_1Jan2020.csv" in notes
    assert "ppmi_7_04_2026.csv lists no participant" in notes
    assert ONE not in notes


def test_notes_on_what_changes_between_visits(download: Any) -> None:
    download.scan(ONE, FIRST, "-", "MP-RAGE", "Original")
    download.scan(ONE, LATER, "-")
    row = "4711,ADNI1,002_S_4711,2,{},{},CN,71.2,Female,16,1,28,{} Tesla MRI,CN,2006-11-02"
    download.rows = [row.format("bl", FIRST, 1.5), row.format("m12", LATER, 3)]
    download.write_rows(download.merge_header, "ADNIMERGE.csv")
    notes = "\n".join(download.read().notes)
    assert "1 participants have processed and original images" in notes
    assert "1 participants change the field strength" in notes
    assert "examinations have no scan" not in notes


def test_no_tables_at_all(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    cohort = download.read()
    assert cohort.visits["visit"].tolist() == ["M000", "M012"]
    assert any("no table" in note for note in cohort.notes)


def test_quality_tables_reject_and_choose(download: Any) -> None:
    bad = download.scan(ONE, FIRST, "sc")
    good = download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    worse, better = (download.scan(ONE, LATER, "m12") for _ in range(2))
    download.write_rows()
    (download.root / "MRIQUALITY.csv").write_text(
        "RID,LONIUID,PASS\n4711,S20001,0\n4711,S20002,1\n4711,S20003,-4\n"
    )
    (download.root / "MAYOADIRL_MRI_IMAGEQC.csv").write_text(
        "RID,LONI_IMAGE,SERIES_QUALITY,SERIES_SELECTED\n"
        "4711,I40003,-1,0\n4711,I40004,1,0\n4711,I40005,2,1\n"
    )
    cohort = download.read()
    assert cohort.visits["path"].tolist() == [str(good), str(better)]
    assert reasons(cohort) == {"failed ADNI's quality check": 1, NOT_TAKEN: 2}
    assert str(bad) in cohort.left_out["detail"].iloc[0]
    assert str(worse) in "".join(cohort.left_out["detail"])


def test_an_examination_in_two_tables_counts_once(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    row = "4711,ADNI1,002_S_4711,2,m60,2011-11-02,CN,71.2,Female,16,1,28,,CN,2006-11-02"
    download.rows = [row]
    download.write_rows(download.merge_header, "ADNIMERGE.csv")
    (download.root / "DXSUM.csv").write_text("RID,EXAMDATE,DIAGNOSIS\n4711,2011-11-02,1\n")
    assert any(note.startswith("1 examinations have no scan") for note in download.read().notes)


def test_folders_of_descriptions_alone_are_passed_over(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    (download.leaf(ONE, FIRST) / "ADNI_002_S_4711.xml").touch()
    assert download.read().left_out.empty


def test_a_workbook_is_read_and_a_damaged_table_or_lost_part_is_told(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.scan(ONE, LATER, "-")
    book = openpyxl.Workbook()
    book.active.append(["about this export"])
    sheet = book.create_sheet("data")
    sheet.append(download.merge_header.split(","))
    row = [4711, "ADNI1", "002_S_4711", 2, "bl", FIRST, "CN", 71.2, "Female", 16, 1, 28, "", "CN"]
    sheet.append([*row, FIRST])
    book.save(download.root / "ADNIMERGE.xlsx")
    (download.root / "DXSUM.csv").write_bytes(b"PTID,\0\0\0")
    (download.root / "part2").symlink_to("/no/such/disk")
    cohort = download.read()
    assert cohort.visits["age"].tolist() == [71.2, 71.2]
    assert any(note.startswith("DXSUM.csv is not read: ") for note in cohort.notes)
    assert any(note.startswith("part2 is not read: a link to") for note in cohort.notes)


def test_a_version_or_field_that_no_visit_has_is_told(download: Any) -> None:
    download.scan(ONE, FIRST, "sc")
    download.scan(ONE, LATER, "m12")
    download.write_rows()
    notes = download.read(prefer="original").notes
    assert "2 visits have no original image (readers.adni.prefer)" in notes
    assert not any("readers.adni" in note for note in download.read().notes)
