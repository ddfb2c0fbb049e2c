"""The tables of docs/phantom.md are those of docs/phantom.csv."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("phantom_table", DOCS / "examples" / "phantom_table.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(DOCS / "phantom.csv")


def test_the_page_shows_the_measured_table(script: ModuleType, table: pd.DataFrame) -> None:
    assert script.render(table) in (DOCS / "phantom.md").read_text(encoding="utf-8")


def test_enough_people_were_measured(table: pd.DataFrame) -> None:
    assert table.loc[table["quantity"] == "growth on size", "n"].max() >= 500


@pytest.mark.parametrize(("grid", "low", "high"), [("5 mm", 0.94, 0.98), ("2.5 mm", 0.92, 0.96)])
def test_two_visits_are_as_alike_as_meant(
    table: pd.DataFrame, grid: str, low: float, high: float
) -> None:
    rows = table[table["version"] == "phantom"].set_index("quantity")
    assert low < rows.loc[f"correlation of two visits, {grid}", "mean"] < high
