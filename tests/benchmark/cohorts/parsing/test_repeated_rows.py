"""Several rows about one thing: what they agree on counts, contradictions are reported."""

from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.tables import Row


def rows(*cells: str) -> list[Row]:
    """Rows of a table with the columns id and age."""
    return [
        Row({"id": "s1", "age": cell, "note": cell}, f"/t/sub-01_x.tsv, row {number}")
        for number, cell in enumerate(cells, 2)
    ]


def test_equal_values_and_empty_cells_contradict_nothing() -> None:
    repeated = RepeatedRows(frozenset({"age"}))
    assert repeated.one(rows("n/a", "70", "70.0"))["age"] == "70"
    assert repeated.notes() == ()


def test_a_contradiction_is_missing_and_is_reported_if_the_column_is_used() -> None:
    repeated = RepeatedRows(frozenset({"age"}), missing=("-4",))
    assert repeated.by(rows("70", "-4", "72"), lambda row: row["id"])["s1"] == {
        "id": "s1",
        "age": "",
        "note": "",
    }
    assert repeated.notes() == (
        "sub-*_x.tsv, column age: rows about the same thing differ in 1 case, which count as "
        "missing, such as '70' in row 2 and '72' in row 4",
    )


def test_columns_of_any_of_the_rows_are_kept() -> None:
    """Two tables about one person may have different columns."""
    one, two = Row({"id": "a", "age": "70"}, "/t/a.csv, row 2"), Row({"id": "a", "sex": "F"})
    assert RepeatedRows(frozenset()).one([one, two]) == {"id": "a", "age": "70", "sex": "F"}
