"""Tables, dates, codes and folders as studies write them."""

import re
from datetime import date
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.parsing.dates import month_label, parse_date
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import (
    NearestRows,
    find_folders,
    scan_in,
)
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, plain, read_records, text_of
from longibench.benchmark.cohorts.parsing.values import (
    apoe4_of,
    diagnosis_of,
    diagnosis_of_cdr,
    sex_of,
)
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", "\t"])
def test_bom_case_spaces_quotes_and_short_rows(tmp_path: Path, separator: str) -> None:
    rows = ['\ufeff"Image Data ID"|"Acq Date "|MR-Delay', '"I1"| 3/20/2015 |0', "I2|"]
    path = write(tmp_path / "t.csv", "\n".join(rows).replace("|", separator))
    columns, read = read_records(path)
    assert columns == ["image_data_id", "acq_date", "mr_delay"]
    assert [list(row.values()) for row in read] == [["I1", "3/20/2015", "0"], ["I2", "", ""]]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"t\.csv: has no column rid; it has ptid, age"):
        read_records(write(tmp_path / "t.csv", "PTID,Age\n1,2\n"), "rid")
    with pytest.raises(UserError, match="no such folder or file"):
        read_records(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("3", 3), (" 1.5 ", 1.5), ("", None), ("n/a", None), ("NaN", None), ("inf", None),
     (">1700", None), ("-4", -4), (None, None)],
)  # fmt: skip
def test_numbers(cell: str | None, number: float | None) -> None:
    assert number_of(cell) == number


def test_codes_for_missing_are_the_studies() -> None:
    assert number_of("-4", ("-1", "-4")) is None
    assert text_of("-4") == "-4"
    assert plain(" Image Data-ID ") == "image_data_id"


@pytest.mark.parametrize(
    "text",
    ["2006-11-02", "2006-11-02_08_16_44.0", "2006-11-02T08:16", "11/2/2006", "11/02/2006",
     " 20061102 "],
)  # fmt: skip
def test_dates(text: str) -> None:
    assert parse_date(text) == date(2006, 11, 2)


@pytest.mark.parametrize("text", ["", "-4", "2006-11", "31/12/2006", "2006-02-30", "11/2/06", "bl"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date|no calendar day"):
        parse_date(text)


def test_month_labels() -> None:
    assert [month_label(days) for days in (0, 189, 371, 3653)] == ["M000", "M006", "M012", "M120"]


@pytest.mark.parametrize(
    ("label", "subject"),
    [("OAS2_0001", "OAS2_0001"), ("sub-OAS20001", "OAS2_0001"), ("OAS30001", "OAS30001"),
     ("sub-OASIS30001", "OAS30001"), ("sub-AIBL12", "AIBL12"), ("sub-ADNI002S10893", "002_S_10893"),
     ("002_s_0295", "002_S_0295")],
)  # fmt: skip
def test_one_person_has_one_id_in_every_layout(label: str, subject: str) -> None:
    assert canonical_subject(label) == subject
    assert canonical_subject(subject) == subject


def test_values() -> None:
    assert [sex_of(cell) for cell in ("Female", "m", "1", "", None)] == ["F", "M", None, None, None]
    assert [diagnosis_of(cell) for cell in ("NL", "Dementia", "EMCI")] == ["CN", "AD", "EMCI"]
    assert [diagnosis_of_cdr(cell, "half") for cell in ("0", "0.5", "1", "2", "", "-1")] == [
        "CN", "half", "AD", "AD", None, None,
    ]  # fmt: skip
    assert [apoe4_of(cell) for cell in ("34", "e4/e4", "33", "", "-4-4", "4")] == [
        1, 2, 0, None, None, None,
    ]  # fmt: skip


def test_the_nearest_row_in_time() -> None:
    cells = (
        ("s", 10, {"n": "a"}),
        ("s", 30, {"n": "b"}),
        ("s", 31, {"n": ""}),
        ("t", 20, {"n": "c"}),
    )
    rows = NearestRows([(who, day, Row(row)) for who, day, row in cells], RepeatedRows(frozenset()))
    assert rows.near("s", 21, 15, "n")["n"] == "b"
    assert rows.near("s", 20, 15, "n")["n"] == "a"  # the earlier of two equally near
    assert rows.near("s", 46, 15, "n") == {}  # an empty cell is no value
    assert rows.near("u", 0, 15, "n") == {}


def test_rows_of_one_day_that_contradict_each_other_give_no_value() -> None:
    repeated = RepeatedRows(frozenset({"dx"}))
    cells = [Row({"dx": dx}, f"t.csv, row {row}") for row, dx in enumerate(("1", "3", "1.0"), 2)]
    rows = NearestRows([("s", 10, row) for row in cells], repeated)
    assert rows.near("s", 10, 5, "dx") == {}
    assert rows.near("s", 11, 5, "dx") == {}
    assert repeated.notes() == (
        "t.csv, column dx: rows about the same thing differ in 1 case, which count as missing, "
        "such as '1' in row 2 and '3' in row 3",
    )


def test_folders_by_name_and_what_is_read_of_a_series(tmp_path: Path) -> None:
    for name in ("b/S1", "a/S2", "a/S2/S3", "S4", "__MACOSX/S5", ".c/S6"):
        (tmp_path / name).mkdir(parents=True)
    pattern = re.compile(r"S\d")
    assert [folder.name for folder in find_folders(tmp_path, pattern)] == ["S4", "S2", "S1"]
    assert [folder.name for folder in find_folders(tmp_path, pattern, depth=1)] == ["S4"]
    series = tmp_path / "S4"
    assert scan_in(series) is None
    write(series / "1.DCM", "x")
    assert scan_in(series) == series
    write(series / "2.nii.gz", "x")
    assert scan_in(series) == series / "2.nii.gz"
    assert scan_in(tmp_path / "nowhere") is None
