"""Tables as programs write them: each is read rightly, or the message names the remedy."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from longibench.benchmark.cohorts.parsing.tables import (
    number_of,
    parse_table,
    read_columns,
    read_records,
)
from longibench.benchmark.core.errors import UserError

PLAIN = "subject,visit,age\né1,a,70.5\né2,b,71.5\n"
TABS = PLAIN.replace(",", "\t")
R = '"","subject","visit","age"\n"1","é1","a",70.5\n"2","é2","b",71.5\n'
COMMAS = "subject;visit;age\né1;a;70,5\né2;b;71,5\n"


def found(path: Path) -> list[tuple[str, str, float | None]]:
    return [(row["subject"], row["visit"], number_of(row["age"])) for row in read_records(path)[1]]


READ = {
    "UTF-8": PLAIN.encode(),
    "BOM": PLAIN.encode("utf-8-sig"),
    "Excel's Unicode text": TABS.encode("utf-16"),
    "UTF-16 big": b"\xfe\xff" + TABS.encode("utf-16-be"),
    "UTF-16 without BOM": TABS.encode("utf-16-le"),
    "UTF-16 big without BOM": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "UTF-32 without BOM": PLAIN.encode("utf-32-be"),
    "cp1252": PLAIN.encode("cp1252"),
    "end of file of DOS": PLAIN.encode() + b"\x1a",
    "accents as two signs": PLAIN.replace("é", "e\u0301").encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "semicolons": COMMAS.encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "sep": ("sep=;\r\n" + COMMAS).encode(),
    "sep in quotes": ('"sep=;"\n' + COMMAS).encode(),
    "sep of tabs": ("sep=\t\n" + TABS).encode(),
    "quoted decimal commas": PLAIN.replace("70.5", '"70,5"').replace("71.5", '"71,5"').encode(),
    "decimal commas under tabs": COMMAS.replace(";", "\t").encode(),
    "commas in a header of semicolons": COMMAS.replace("visit", "visit,", 1).encode(),
    "spaces": PLAIN.replace(",", ", ").encode(),
    "spaces before quotes": 'subject, visit, age\n"é1", "a", "70.5"\né2, b, 71.5 \n'.encode(),
    "NBSP": PLAIN.replace("70.5", "70.5\u00a0").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "no newline at the end": PLAIN.rstrip("\n").encode(),
    "blank lines": PLAIN.replace("\n", "\n\n \n").encode(),
    "empty rows": (PLAIN + ",,\n,,\n").encode(),
    "trailing separators": PLAIN.replace("\n", ",,\n").encode(),
    "trailing separators of rows": "subject,visit,age\né1,a,70.5,\né2,b,71.5,\n".encode(),
    "comments": ("# made by x, y, z, v, w\n#\n" + PLAIN).encode(),
    "commented header": ("# " + PLAIN).encode(),
    "title rows": ("Our study\n\n" + PLAIN).encode(),
    "title rows of Excel": ("Our study;;\n;;\n" + COMMAS).encode(),
    "index of pandas": ",subject,visit,age\n0,é1,a,70.5\n1,é2,b,71.5\n".encode(),
    "index read twice": "Unnamed: 0,subject,visit,age\n0,é1,a,70.5\n1,é2,b,71.5\n".encode(),
    "write.csv of R": R.encode(),
    "write.table of R": R.removeprefix('"",').replace(",", "\t").encode(),
    "formulas": 'subject,visit,age\n"=""é1""",a,70.5\n="é2",b,="71.5"\n'.encode(),
    "quoted newlines": PLAIN.replace("age", 'age,"a\nn"').replace("5\n", '5,"x\ny"\n').encode(),
    "the same column again": PLAIN.replace("\n", ",a\n").replace("age,a", "age,visit", 1)
    .replace("71.5,a", "71.5,b").encode(),
    "an .xls that is text": TABS.encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_rightly(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("t.xls" if ".xls" in name else "t.csv")
    path.write_bytes(READ[name])
    assert found(path) == [("é1", "a", 70.5), ("é2", "b", 71.5)]
    assert {"subject", "visit", "age"} <= set(read_columns(path))


REFUSED = {
    "t.csv": {
        "words": (b"subject visit age\n1 a 70.5\n2 b 71.5\n", "spaces separate its columns"),
        "fixed width": (b"subject  visit\n1        a\n", "spaces separate its columns"),
        "R with spaces": (b'"a" "b"\n"1" 1 2\n"2" 1 2\n', "spaces separate its columns"),
        "words and commas": (b"a b\n1 70,5\n2 71,5\n", "spaces separate its columns"),
        "decimal commas": (b"subject,age\n1,70,5\n2,71,5\n", "quote cells with decimal commas"),
        "one surplus cell": (b"a,b\n1,2\n1,2,3\n", "line 3: 3 cells under 2 columns; .*quotes"),
        "NUL": (b"subject,age\n1,7\x000\n2,71\n", "contains control characters; save it as CSV"),
        "binary": (bytes(range(1, 128)) * 9, "contains control characters; save it as CSV"),
        "two encodings": ("a,é\n".encode() + b"\x81,1\n", "line 2 is not text in utf-8; save"),
        "HTML": (b"<html><table><tr><td>a</td></tr></table></html>", "HTML.* save it as CSV"),
        "JSON": (json.dumps([{"a": 1}]).encode(), "it is JSON; save it as CSV"),
        "Parquet": (b"PAR1\x15\x04", "a Parquet file; save it as CSV"),
        "damaged gzip": (gzip.compress(PLAIN.encode())[:-9], "gunzip fails"),
        "open quote": (b'a,b\n1,"2\n', "cannot be read as a table"),
        "no byte": (b"", "it is empty"),
        "only a BOM": (b"\xef\xbb\xbf\n", "it is empty"),
    },
    "t.xls": {"HTML": (b"<table><tr><td>a</td></tr></table>", "HTML.* save it as CSV")},
    "t.ods": {"": (b"PK\x03\x04", "an OpenDocument sheet; save it as CSV")},
    "t.numbers": {"": (b"PK\x03\x04", "a Numbers document; save it as CSV")},
    "t.sav": {"": (b"$FL2", "SPSS data; save it as CSV")},
    "t.dta": {"": (b"s\x02", "Stata data; save it as CSV")},
    "t.parquet": {"": (b"PAR1", "a Parquet file; save it as CSV")},
}


@pytest.mark.parametrize(("name", "case"), [(n, case) for n in REFUSED for case in REFUSED[n]])
def test_what_is_not_read_is_named_with_the_remedy(tmp_path: Path, name: str, case: str) -> None:
    content, match = REFUSED[name][case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=match):
        parse_table(tmp_path / name)


def test_no_letter_is_lost_without_a_note(tmp_path: Path) -> None:
    """Two people whose ids differ by an accent stay two."""
    path = tmp_path / "t.csv"
    path.write_bytes("id,n\nRené,1\nRenè,2\n".encode("latin-1"))
    table = parse_table(path)
    assert [row["id"] for row in table.rows] == ["René", "Renè"]
    assert table.notes[0].startswith("t.csv: not UTF-8; read as Windows' cp1252")


def test_rows_have_the_numbers_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Title\n\nid,n\n\na,1\n,\nb,2\n")
    table = parse_table(path)
    assert [row.where for row in table.rows] == [f"{path}, row 5", f"{path}, row 7"]
    assert table.notes == ("t.csv: its header is in row 3",)


def test_columns_without_a_latin_name_are_named_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("被験者,年齢,\n1,70,\n")
    assert read_records(path) == (["column_1", "column_2"], [{"column_1": "1", "column_2": "70"}])


def test_equal_names_with_different_cells_are_refused_where_they_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,age,Age\n1,70,71\n")
    assert read_records(path, "id")[1] == [{"id": "1", "age": "70"}]
    with pytest.raises(UserError, match="two columns age differ; rename or remove one"):
        read_records(path, "age")


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id;age\n")
    assert read_records(path) == (["id", "age"], [])


def test_a_workbook_is_read_by_its_columns(tmp_path: Path) -> None:
    """Dates are dates, numbers have no point, title rows are above, notes report the sheet."""
    book = openpyxl.Workbook()
    book.active.append(["About this study"])
    sheet = book.create_sheet("scans")
    for row in (
        ["Our study"],
        [],
        ["Subject", "Date", "Age", "Note"],
        ["001", datetime(2011, 5, 3), 70.5, None],
        [2, datetime(2011, 5, 3, 14, 30), 71, "x"],
    ):
        sheet.append(row)
    path = tmp_path / "t.xlsx"
    book.save(path)
    table = parse_table(path, {"subject", "date"})
    assert [tuple(row.values()) for row in table.rows] == [
        ("001", "2011-05-03", "70.5", ""),
        ("2", "2011-05-03 14:30:00", "71", "x"),
    ]
    assert table.rows[0].where == f"{path}, row 4"
    assert table.notes == (
        "t.xlsx: its header is in row 3",
        "t.xlsx: sheet scans is read, not Sheet",
    )
    path.rename(tmp_path / "t.csv")
    assert len(parse_table(tmp_path / "t.csv", {"subject"}).rows) == 2  # whatever its name


def test_old_excel_needs_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    monkeypatch.setitem(__import__("sys").modules, "xlrd", None)
    with pytest.raises(UserError, match="pip install xlrd, or save it as CSV"):
        parse_table(path)


def test_a_title_of_as_many_words_as_there_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("Exported table\n\nfilename\tacq_time\na.nii\t2010-01-05\n")
    assert parse_table(path).columns == ["filename", "acq_time"]
