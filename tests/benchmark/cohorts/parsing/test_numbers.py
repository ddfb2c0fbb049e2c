"""Numbers and ages as programs and people write them."""

import pytest

from longibench.benchmark.cohorts.parsing.numbers import parse_number, settled, settled_columns
from longibench.benchmark.cohorts.parsing.tables import Row
from longibench.benchmark.cohorts.parsing.unread import UnreadCells
from longibench.benchmark.cohorts.parsing.values import age_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70.5 ", 70.5),
        ("70,5", 70.5),
        ("0,123", 0.123),
        (",5", 0.5),
        ("1234,567", 1234.567),
        ("1,5E+02", 150.0),
        ("\u22124", -4.0),
        ("1 234,5", 1234.5),
        ("1\u00a0234", 1234.0),
        ("12'345.6", 12345.6),
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("1,234,567", 1234567.0),
        ("1.234.567", 1234567.0),
        ("1,234", None),
        ("1,234 ", None),
        ("1_000", None),
        ("1,2,3", None),
        ("70.5 y", None),
        ("inf", None),
        ("1e999", None),
        ("\u0661", None),
        ("", None),
    ],
)
def test_a_number_is_read_rightly_or_not_at_all(text: str, value: float | None) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,234", "70,5"], [1.234, 70.5]),
        (["1,234", "0,123"], [1.234, 0.123]),
        (["1,234", "1,234.5"], [1234.0, 1234.5]),
        (["1.234", "1.234,5"], [1234.0, 1234.5]),
        (["1.234", "70,5"], [None, 70.5]),
        (["1,234", "2,345"], [None, None]),
        (["1,234", "70,5", "1,234.5"], [None, 70.5, 1234.5]),
        (["1.234", "70.5"], [1.234, 70.5]),
    ],
)
def test_a_column_settles_what_a_comma_means(cells: list[str], values: list[float | None]) -> None:
    assert [parse_number(cell) for cell in settled(cells)] == values


def test_decimal_commas_elsewhere_put_thousands_in_doubt() -> None:
    """An English column beside a German one: its other numbers settle it, or nothing does."""
    columns = [["70,5", "71,5"], ["365", "1.234"], ["1.5", "1.234"], ["a.b", "c"]]
    read = [[parse_number(cell) for cell in cells] for cells in settled_columns(columns)]
    assert read[1:3] == [[365.0, None], [1.5, 1.234]]
    assert [*map(list, settled_columns(columns[1:]))] == columns[1:]


def test_a_pair_of_digits_puts_nothing_in_doubt() -> None:
    """A genotype such as 3,4 is no decimal comma."""
    columns = [["3,4", "3,3"], ["70.123", "71.456"]]
    assert [*map(list, settled_columns(columns, ","))] == columns


@pytest.mark.parametrize(
    ("text", "age"),
    [
        *(("89+", 89.0), (">89", 89.0), (">= 90", 90.0), ("\u226590", 90.0), ("90 +", 90.0)),
        *(("89 or older", 89.0), ("90 and above", 90.0), ("over 89", 89.0), ("70,5", 70.5)),
        *(("<5", None), ("old", None), ("89-90", None)),
    ],
)
def test_a_hidden_age_is_its_lower_bound(text: str, age: float | None) -> None:
    assert age_of(text) == age


def test_lower_bounds_are_counted_apart_from_unreadable_ages() -> None:
    unread = UnreadCells()
    rows = [
        Row({"age": age}, f"a.csv, row {n}") for n, age in enumerate(("89+", ">89", "x", ""), 2)
    ]
    assert [unread.age(row, "age") for row in rows] == [89.0, 89.0, None, None]
    assert unread.notes() == (
        "a.csv, column age: 1 cell cannot be read and count as missing, such as 'x' in row 4",
        "a.csv, column age: 2 cells read as the lower bound, such as '89+' in row 2",
    )
