import json

import pytest

from longibench.benchmark.core.text import begins_formula, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 中", "plain é 中"),
        ("\x1b[31mred\x07", r"\u001b[31mred\u0007"),
        ("a\rb\x00\x7f\x9b", r"a\u000db\u0000\u007f\u009b"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("\u2028\udce9", r"\u2028\udce9"),
        ("\U000e0041", r"\udb40\udc41"),
        ("two\n\tlines", "two\n\tlines"),
    ],
)
def test_what_is_not_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_json_keeps_its_content() -> None:
    value = {"name": "a\x1b\x7f\x9b\u202e\U000e0041"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


def test_a_line_stays_one() -> None:
    assert one_line("a\r\nb\tc\x0bd\u2028e\x85f\x1b") == r"a b c d e f\u001b"


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\rx"])
def test_formulas_of_spreadsheets(text: str) -> None:
    assert begins_formula(text)
    assert begins_formula(f" {text}")


@pytest.mark.parametrize("text", ["", "a=b", "-30", "+1.5e3", "-inf", "0.1", "—", "x@y"])
def test_numbers_and_other_text_are_no_formulas(text: str) -> None:
    assert not begins_formula(text)


def test_a_wide_equals_sign_is_one() -> None:
    assert begins_formula("\N{FULLWIDTH EQUALS SIGN}1")
