"""The list of planted faults fits the code: ``plant.py`` plants them."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FAULTS = yaml.safe_load(Path(__file__).with_name("faults.yaml").read_text("utf-8"))
TOPS = ("benchmark", "methods", "metrics", "reports", "longibench")
FILES = [
    ROOT / "cli.py",
    *(path for top in TOPS for path in (ROOT / top).rglob("*.py") if not path.is_symlink()),
]
LINES = [line.strip() for path in FILES for line in path.read_text("utf-8").splitlines()]
TESTS = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}


def test_there_are_thirty() -> None:
    assert len({fault["name"] for fault in FAULTS}) == 30


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["name"] for fault in FAULTS])
def test_a_fault_changes_one_line_and_has_tests(fault: dict[str, str]) -> None:
    assert LINES.count(fault["line"]) == 1
    assert fault["instead"] != fault["line"]
    assert set(fault["tests"]) <= TESTS
