from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.names import (
    LONGEST,
    PART,
    category_name,
    check_name,
    check_text,
    file_name_part,
    inside,
    is_inside,
)
from longibench.benchmark.evaluation.generate import file_names

FILE_NAME, TEMPORARY = 255, len(".unfinished-01234567-")  # bytes; the beginning while it is written


def accepted(text: str) -> bool:
    try:
        return check_name(text, "subject", "here") == text
    except UserError:
        return False


def names() -> st.SearchStrategy[str]:
    odd = st.text("aAbB.%~_-+ é中\U0001f600$^'|<", min_size=1, max_size=LONGEST)
    return st.one_of(odd, st.text(min_size=1, max_size=LONGEST)).filter(accepted)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (float("nan"), "is not text"),
        (".", "begins with a dot"),
        ("..", "begins with a dot"),
        (".hidden", "begins with a dot"),
        ("x/../../..", "contains '/', a separator of paths"),
        ("/etc/passwd", "contains '/', a separator of paths"),
        ("C:\\x", r"contains '\\', a separator of paths"),
        ("a\nb", "contains the control character U\\+000A"),
        ("a\x00b", "contains the control character U\\+0000"),
        ("a\x1b[31m", "contains the control character U\\+001B"),
        ("a\u202eb", "contains the control character U\\+202E"),
        ("a\u2028b", "contains the control character U\\+2028"),
        ("M\ufffdller", "contains the sign that replaces lost letters"),
        ("a\udce9", "contains bytes that are not UTF-8"),
        ("=cmd()", "begins with '=', as a formula does"),
        ("+a", "begins with '\\+'"),
        ("-a", "begins with '-'"),
        ("@a", "begins with '@'"),
        ("\uff1da", "as a formula does"),
        ("a" * 101, "is longer than 100 characters"),
    ],
)
def test_what_the_rule_refuses(text: object, problem: str) -> None:
    with pytest.raises(UserError, match=f"t.csv, row 3: subject .* {problem}.*; use another one"):
        check_name(text, "subject", "t.csv, row 3")


@pytest.mark.parametrize("text", ["002_S_0295", "m12", "-30", "a b", "$x^", "a|b", "é", "01", "NA"])
def test_what_it_accepts_stays_as_it_is(text: str) -> None:
    assert check_name(text, "subject", "") == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" a ", "a"),
        ("e\u0301", "é"),
        ("11/2/2006", "11-2-2006"),
        ("2006/1/2 9:00", "2006-1-2 9:00"),
    ],
)
def test_one_spelling(text: str, name: str) -> None:
    assert check_name(text, "visit", "") == name


def test_text_that_is_no_name_may_hold_all_but_what_cannot_be_read() -> None:
    assert check_text("/data/a b/=é", "path", "here") == "/data/a b/=é"
    for text in ("/data/a\nb", "/data/\udce9", "\x1b"):
        with pytest.raises(UserError, match=r"here: path .* contains .*; rename it"):
            check_text(text, "path", "here")


@pytest.mark.parametrize("text", ["002_S_0295", "M012", "OAS2_0001", "ours", "med-ddpm", "v1.2"])
def test_ordinary_names_are_file_names(text: str) -> None:
    assert file_name_part(text) == text


def test_other_characters_are_encoded() -> None:
    assert file_name_part("a b~é$") == "a%20b%7E%C3%A9%24"


@given(names(), names())
def test_a_part_is_short_stays_in_its_folder_and_is_of_one_name(one: str, other: str) -> None:
    part = file_name_part(one)
    assert part.isascii()
    assert len(part) <= PART
    assert is_inside(part)
    assert Path(part).parts == (part,)
    assert (part == file_name_part(other)) == (one == other)


@settings(deadline=None)
@given(st.sets(st.tuples(names(), names(), st.integers(0, 999_999)), min_size=1, max_size=6))
def test_files_of_volumes_are_distinct_on_every_file_system(
    keys: set[tuple[str, str, int]],
) -> None:
    found = file_names(pd.DataFrame(sorted(keys), columns=["subject", "visit", "sample"]))
    assert len({name.casefold() for name in found}) == len(keys)
    assert max(map(len, found)) + TEMPORARY <= FILE_NAME
    assert all(is_inside(name) and Path(name).parts == (name,) for name in found)


def _files(*keys: tuple[str, str]) -> Iterator[str]:
    table = pd.DataFrame(keys, columns=["subject", "visit"]).assign(sample=0)
    yield from file_names(table)


def test_ids_that_differ_in_case_or_in_where_they_end_have_files_of_their_own() -> None:
    assert list(_files(("s1", "m12"), ("S2", "m12"))) == [
        "sub-s1_m12_sample-0_T1w.nii.gz",
        "sub-S2_m12_sample-0_T1w.nii.gz",
    ]
    for keys in ((("s1", "m12"), ("S1", "m12")), (("a", "b_c"), ("a_b", "c"))):
        first, second = _files(*keys)
        assert first.casefold() != second.casefold()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../../x", "/x", "a/.."])
def test_no_name_leaves_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a path below it"):
        inside(tmp_path, name)


def test_a_name_inside(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b.nii") == tmp_path / "a" / "b.nii"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MCI", "MCI"),
        ("site 3/4", "site 3/4"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mAD", "\\u001b[31mAD"),
        ("\u202eDA", "\\u202eDA"),
        ("e\u0301", "é"),
    ],
)
def test_a_category_is_shown_as_it_is_but_for_what_is_not_seen(text: str, name: str) -> None:
    assert category_name(text) == name


def test_long_categories_are_cut_and_stay_different() -> None:
    first, second = category_name("x" * 300), category_name("x" * 299 + "y")
    assert first != second
    assert len(first) == len(second) == LONGEST
