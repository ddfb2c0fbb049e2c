"""Cells that are neither empty nor readable are counted and reported."""

from pathlib import Path

from longibench.benchmark.cohorts.parsing.tables import read_records
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import sex_of


def test_an_unreadable_cell_is_counted_and_an_empty_one_is_not(tmp_path: Path) -> None:
    """The note has the table, the column, the number of cells and the first of them."""
    table = tmp_path / "people.csv"
    table.write_text("age,sex\n70.5,F\nseventy,x\n,n/a\nn/a,M\n-4,F\nold,F\n")
    rows, unread = read_records(table)[1], UnreadCells()
    ages = [unread.number(row, "age", ("-4",)) for row in rows]
    sexes = [unread.value(row, "sex", sex_of) for row in rows]
    assert ages == [70.5, None, None, None, None, None]
    assert sexes == ["F", None, None, "M", "F", "F"]
    assert unread.notes() == (
        "people.csv, column age: 2 cells cannot be read and count as missing, "
        "such as 'seventy' in row 3",
        "people.csv, column sex: 1 cell cannot be read and count as missing, such as 'x' in row 3",
    )


def test_a_missing_column_is_no_unreadable_cell(tmp_path: Path) -> None:
    """Tables have different columns."""
    table = tmp_path / "people.csv"
    table.write_text("age\n70.5\n")
    unread = UnreadCells()
    assert unread.number(read_records(table)[1][0], "mmse") is None
    assert unread.notes() == ()


def test_a_note_names_no_participant(tmp_path: Path) -> None:
    """Tables of single participants are counted together, without their ids."""
    unread = UnreadCells()
    for label in ("01", "02"):
        table = tmp_path / f"sub-{label}_ses-M00_scans.tsv"
        table.write_text("mmse\tfilename\nabc\tx\n")
        unread.number(read_records(table)[1][0], "mmse")
    assert unread.notes() == (
        "sub-*_ses-*_scans.tsv, column mmse: 2 cells cannot be read and count as missing, "
        "such as 'abc' in row 2",
    )
