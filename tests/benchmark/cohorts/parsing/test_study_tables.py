"""Tables of a download are found by their columns; what is not read is named."""

import gzip
import re
from pathlib import Path

import openpyxl
import pytest

from longibench.benchmark.cohorts.parsing.study_tables import StudyTables

TEXT = "rid,age\n1,70\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.remove(book.worksheets[0])
    book.save(path)
    return path


def test_tables_are_found_by_their_columns(tmp_path: Path) -> None:
    study = tmp_path / "study"
    inside = write(study / "tables" / "renamed.csv", "\ufeffRID,Exam Date\n1,2\n")
    beside = write(tmp_path / "beside.tsv", "rid\tEXAMDATE\texam_date\n1\t2\t3\n")
    write(study / "0042" / "hidden.csv", "RID,Exam Date\n")
    write(study / "README.txt", "no table")
    write(study / "other.csv", "RID\n")
    (study / "broken.csv").symlink_to(tmp_path / "nowhere")
    skip = re.compile(r"\d+")
    tables = StudyTables(study, skip)
    assert tables.find("rid", "exam_date") == [inside, beside]
    assert tables.find("ptid") == []


def test_rows_of_several_tables_without_duplicates(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a.csv", "rid,age\n1,70\n1,70\n2,60\n")
    write(tmp_path / "s" / "b.csv", "rid,age\n1,71\n")
    tables = StudyTables(tmp_path / "s")
    assert [row["age"] for row in tables.rows("rid")] == ["70", "60", "71"]
    assert tables.rows("ptid") == []
    assert tables.notes() == ("no table with the columns ptid: its covariates are not known",)


def test_a_workbook_is_read_beside_text_tables_unless_it_is_a_copy_of_one(tmp_path: Path) -> None:
    root = tmp_path / "s"
    write(root / "a.csv", TEXT)
    workbook(root / "a.xlsx", [["rid", "age"], [1, 99]])
    workbook(root / "b.xlsx", [["about"], ["x"]], [["rid", "age"], [2, 71]])
    tables = StudyTables(root)
    assert [row["age"] for row in tables.rows("rid", "age")] == ["70", "71"]
    assert tables.notes() == ("b.xlsx: sheet Sheet2 is read, not Sheet1",)


def test_a_table_in_gzip_is_read(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "t.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert [row["age"] for row in StudyTables(tmp_path / "s").rows("rid")] == ["70"]


def test_a_table_that_lacks_a_column_is_named(tmp_path: Path) -> None:
    write(tmp_path / "s" / "demographics.csv", "RID,Alter\n1,70\n")
    tables = StudyTables(tmp_path / "s")
    tables.rows("rid", "age")
    assert tables.missing() == ["no table with the columns rid, age (demographics.csv lacks age)"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.csv", b"", "it is empty"),
        ("t.csv", b"a,b\n1\0,\0\0\n", "control characters"),
        ("t.sav", b"$FL2", "SPSS data; save it as CSV"),
        ("t.csv.zip", b"PK\3\4", "save it"),
        ("t.xlsx", b"PK\3\4", "save it again"),
        ("t.csv", b"version https://git-lfs.github.com/spec/v1\n", "run git lfs pull"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    write(tmp_path / "s" / name, "").write_bytes(content)
    tables = StudyTables(tmp_path / "s")
    tables.rows("rid")
    (note,) = tables.unread()
    assert note.startswith(f"{name} is not read: ")
    assert why in note


def test_a_readme_is_not_reported(tmp_path: Path) -> None:
    write(tmp_path / "s" / "README.txt", "Some words,\nand more, of them, here\n")
    tables = StudyTables(tmp_path / "s")
    tables.rows("rid")
    assert tables.unread() == []


def test_a_part_on_a_disk_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    root = tmp_path / "s"
    write(root / "t.csv", TEXT)
    (root / "PART2").symlink_to("/no/such/disk")
    (root / "0012").symlink_to("/no/such/disk")  # a participant's: named with the participants
    (note,) = StudyTables(root, re.compile(r"\d+")).notes()
    assert note.startswith(f"{root / 'PART2'} is not read: a link to /no/such/disk")
