"""The table of injected losses in docs/anatomy.md is that of docs/anatomy/injected_loss.csv."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from longibench.metrics.anatomy import RELEASES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("injected", DOCS / "examples" / "check_injected_loss.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(DOCS / "anatomy" / "injected_loss.csv")


def test_the_page_shows_the_measured_table(script: ModuleType, table: pd.DataFrame) -> None:
    assert script.render(table) in (DOCS / "anatomy.md").read_text(encoding="utf-8")


def test_both_visits_were_measured_on_every_grid(script: ModuleType, table: pd.DataFrame) -> None:
    brains = table[table["structure"] == "brain"]
    instruments = {"bright", *(f"v{version}" for version in RELEASES)}
    assert set(brains["instrument"]) == instruments
    counts = brains.groupby(["instrument", "edge", "grid_mm", "visit"])["injected"].nunique()
    assert len(counts) == len(instruments) * 2 * len(script.GRIDS) * 2
    assert set(counts) == {len(script.LOSSES)}


@pytest.mark.parametrize("version", RELEASES)
def test_the_released_weights_were_measured(version: int, table: pd.DataFrame) -> None:
    (weights,) = table.loc[table["instrument"] == f"v{version}", "weights"].unique()
    assert RELEASES[version].sha256.startswith(weights)


def test_the_newest_version_finds_a_loss_of_five_percent(table: pd.DataFrame) -> None:
    """Within half a point, on each scan and grid, as the brain was written and cut again."""
    rows = table[(table["injected"].round() == 5) & (table["structure"] == "brain")]
    rows = rows[rows["instrument"] == "v2"]
    assert set(rows["edge"]) == {"as written", "cut again"}
    assert (rows["found"] - 5).abs().max() < 0.5


def test_a_loss_by_hand(script: ModuleType) -> None:
    truth = {
        "volume_factor": 0.95,
        "target_volume_mm3_before": 1000.0,
        "target_volume_mm3_after_measured": 940.0,
    }
    before, after = {"brain": 200.0, "ventricles": 10.0}, {"brain": 191.0, "ventricles": 11.0}
    brain, ventricles = script.losses_of(before, after, truth)
    assert brain["injected"] == pytest.approx(5)
    assert brain["of_mask"] == pytest.approx(6)
    assert brain["found"] == pytest.approx(4.5)
    assert ventricles["found"] == pytest.approx(-10)
    assert [
        row["structure"] for row in script.losses_of({"brain": 1.0}, {"brain": 1.0}, truth)
    ] == ["brain"]


def test_a_brain_is_cut_again_where_its_mask_is_contracted(
    script: ModuleType, tmp_path: Path
) -> None:
    """Voxels of which less than half is left are background, in every loss but not in the brain."""
    values = np.array([0, 3, 600, 700, 0, 0], np.float32).reshape(6, 1, 1)
    share = np.array([0, 0.4, 1, 1, 0.6, 0], np.float32).reshape(6, 1, 1)
    for loss in (script.ORIGINAL, *script.LOSSES):
        for kind, image in (("brains", values), ("masks", share)):
            root = tmp_path / (f"{kind}-{loss}" if loss else kind)
            script.write(script.scan_path(root, "a", script.ORIGINAL), image, np.eye(4))
    found = {edge: script.gather(tmp_path, edge) for edge in (script.AS_WRITTEN, script.CUT)}
    written, cut = (
        np.asarray(script.nib.load(script.scan_path(place, "a", 5)).dataobj).ravel()
        for place in found.values()
    )
    assert written.tolist() == values.ravel().tolist()
    assert cut.tolist() == [0, 0, 600, 700, script.DARKEST, 0]
    sessions = pd.read_csv(found[script.CUT] / "sub-a" / "sub-a_sessions.tsv", sep="\t")
    assert sessions["days"].tolist() == [0, *script.LOSSES]
    assert json.loads((found[script.CUT] / "dataset_description.json").read_text())["Name"]
