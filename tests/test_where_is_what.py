"""The page that shows where things are: every file and name in it exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "where-is-what.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:benchmark|methods|metrics|reports|tests|docs|cli\.py)[\w/.-]*)`")
NAMED = re.compile(r"`([\w/.-]+\.py)`: ((?:`\w+`(?:, | and (?=`\w))?)+)")


@pytest.mark.parametrize("path", sorted(set(PATH.findall(PAGE))))
def test_a_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "names"), NAMED.findall(PAGE))
def test_the_names_are_defined_there(path: str, names: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    for name in re.findall(r"`(\w+)`", names):
        assert re.search(rf"^\s*(def|class) {name}\b|^{name}\b.*=", text, re.MULTILINE), name


def test_there_is_something_to_check() -> None:
    assert len(PATH.findall(PAGE)) > 60
    assert len(NAMED.findall(PAGE)) > 60
