"""Labels of rows, and rows of a preset."""

from pathlib import Path

import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import ROWS, Workspace
from longibench.benchmark.protocol.protocol import build_protocol
from longibench.benchmark.runs.cell import Cell, make_cell, scoring_of
from longibench.benchmark.runs.row_names import Naming, name_rows, read_rows
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import REGISTRY


@pytest.fixture
def given(options: tuple[str, ...]) -> list[str]:
    return [option for option in options if "=" in option]


def cell_of(method: str, settings: Settings, workspace: Path) -> Cell:
    place, console = Workspace(workspace), Console(quiet=True)
    protocol = build_protocol(settings, place, console)
    scoring = scoring_of(settings, protocol, place, ())
    return make_cell(Recipe.of(method, settings), settings, protocol, place, console, scoring)


@pytest.mark.parametrize(
    ("changes", "is_the_preset"),
    [
        ([], True),
        (["methods.vae.latent=16"], True),  # another method's
        (["training.checkpoint_every=7"], True),  # no result depends on it
        (["methods.ours.width=16"], True),  # the preset's value
        (["methods.ours.width=8"], False),
        (["methods.ours.diffusion.sampler.steps=5"], False),
        (["methods.ours.training.learning_rate=0.01"], False),
        (["training.iterations=7"], False),
        (["generation.samples=2"], False),
        (["device.precision=64-true"], False),
        (["device.precision=32-true"], True),  # auto on this machine
        (["device.tf32=false"], True),  # on a CPU
    ],
)
def test_a_row_is_the_presets_if_none_of_its_settings_was_overridden(
    given: list[str], workspace: Path, changes: list[str], is_the_preset: bool
) -> None:
    preset, settings = load_settings("demo", given), load_settings("demo", [*given, *changes])
    cell = cell_of("ours", settings, workspace)
    found = Naming(preset=preset).preset_of(cell, settings)
    assert found == ("demo" if is_the_preset else "")


def test_a_method_without_settings_in_the_preset_is_not_the_presets(
    given: list[str], workspace: Path, tmp_path: Path
) -> None:
    path = tmp_path / "needs_width.py"
    path.write_text(NEEDS_WIDTH)
    preset = load_settings("demo", given)
    settings = load_settings("demo", [*given, "methods.needs-width.width=3"])
    try:
        recipe = Recipe.of("needs-width", settings, (path,))
        place, console = Workspace(workspace), Console(quiet=True)
        protocol = build_protocol(settings, place, console)
        scoring = scoring_of(settings, protocol, place, (path,))
        cell = make_cell(recipe, settings, protocol, place, console, scoring)
        assert Naming(preset=preset).preset_of(cell, settings) == ""
    finally:
        REGISTRY.pop("needs-width", None)


NEEDS_WIDTH = """
from methods.copy_source import CopySource
from methods.method import MethodSettings

class Width(MethodSettings):
    width: int

class NeedsWidth(CopySource, name="needs-width"):
    Settings = Width
"""


def test_rows_are_added_to_existing_ones(given: list[str], workspace: Path) -> None:
    preset, settings = load_settings("demo", given), load_settings("demo", [*given, "seed=3"])
    folder = workspace / (workspace / "latest").read_text().strip()
    cell = cell_of("ours", settings, workspace)
    name_rows(folder, [cell], settings, Naming("mine", preset))
    before = (folder / ROWS).stat().st_mtime_ns
    name_rows(folder, [cell], settings, Naming())
    rows = read_rows(folder)
    assert rows["ours"] == {cell.label.settings: {"label": "mine", "preset": "demo"}}
    assert list(rows["copy-source"].values()) == [{"preset": "demo"}]
    assert (folder / ROWS).stat().st_mtime_ns == before


def test_a_label_is_for_rows_with_overrides(given: list[str], workspace: Path) -> None:
    """Not for the copies, nor for a preset's row if other rows of the command have overrides."""
    preset = load_settings("demo", given)
    settings = load_settings("demo", [*given, "methods.ours.width=8"])
    cells = [
        cell_of(name, settings, workspace)
        for name in ("copy-source", "copy-smoothed", "vae", "ours")
    ]
    folder = workspace / "another"

    def labels(cells: list[Cell], label: str | None) -> dict[str, str | None]:
        name_rows(folder, cells, settings, Naming(label, preset))
        rows = read_rows(folder)
        found = {method: next(iter(rows[method].values())).get("label") for method in rows}
        assert found.pop("copy-source") is found.pop("copy-smoothed") is None
        return found

    assert labels(cells, "narrow") == {"vae": None, "ours": "narrow"}
    assert labels(cells[:3], "plain") == {"vae": "plain", "ours": "narrow"}
    assert labels(cells, None) == {"vae": "plain", "ours": "narrow"}
    assert labels(cells[3:], "") == {"vae": "plain", "ours": ""}


@pytest.mark.parametrize("label", ["lr 0.01", "DDIM 5 (mine)", "5% more, a/b", "Größe 3"])
def test_a_label_is_short_and_plain(label: str) -> None:
    assert Naming(label).label == label


@pytest.mark.parametrize(
    "label",
    [
        "=cmd()",
        " x",
        "-1",
        "a\nb",
        "a\x1b[2J",
        "$x$",
        "x" * 41,
        "![x](y)",
        "<b>",
        "a|b",
        "{x}",
        "_a",
    ],
)
def test_another_label_is_refused(label: str) -> None:
    with pytest.raises(UserError, match=r"--label .*: write at most 40 letters"):
        Naming(label)


@pytest.mark.parametrize("text", ["{", "[]", '{"ours": 1}', '{"ours": {"a": 1}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / ROWS).write_text(text)
    with pytest.raises(UserError, match=r"rows\.json: cannot be read"):
        read_rows(tmp_path)
