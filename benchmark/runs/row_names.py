"""``rows.json`` of a protocol: the labels of the rows of its tables, and rows of a preset."""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import PATIENCE, ROWS, Workspace
from longibench.benchmark.devices.fabric import arithmetic, resolved
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe

if TYPE_CHECKING:
    from longibench.benchmark.runs.cell import Cell

LABEL = re.compile(r"[^\W_][\w .,:;+=%()/-]{0,39}")  # safe in a spreadsheet, in HTML and in LaTeX

ADVICE = "delete it, and the same 'python cli.py run' writes it again, without other runs' labels"
Rows = dict[str, dict[str, dict[str, str]]]
"""By method and digest of settings: ``label`` and ``preset``, each optional."""


@dataclass(frozen=True)
class Naming:
    """Names of a run's rows, in addition to the differences between their settings.

    Attributes:
        label: Given by the user; empty removes a label, None keeps it. It is for rows with
            overrides: if only some rows of a command have the preset's settings, it is for the
            other rows only, and never for a reference or a method that does not learn.
        preset: The settings without overrides: rows with equal settings are the preset's.
    """

    label: str | None = None
    preset: Settings | None = None

    def __post_init__(self) -> None:
        if self.label and not LABEL.fullmatch(self.label):
            raise UserError(
                f"--label {self.label!r}: write at most 40 letters, digits, spaces and "
                ". , : ; + = % ( ) / - _, a letter or a digit first"
            )

    def preset_of(self, cell: "Cell", settings: Settings) -> str:
        """The preset of a cell's row, from its settings before ``auto`` is resolved; else empty."""
        same = self.preset and _equal(cell.generation.recipe, settings, self.preset)
        return self.preset.preset if self.preset and same else ""


def name_rows(folder: Path, cells: Sequence["Cell"], settings: Settings, naming: Naming) -> None:
    """Add names for the cells' rows; those of other rows are kept.

    Args:
        folder: The protocol's folder.
        cells: Cells of the protocol.
        settings: Before ``auto`` is resolved.
        naming: Their names.
    """
    with Workspace(folder.parent).lock(folder / ROWS, PATIENCE):
        before = read_rows(folder)
        rows = deepcopy(before)
        presets = [naming.preset_of(cell, settings) for cell in cells]
        learns = [_is_named(cell) for cell in cells]
        overridden = any(one and not preset for one, preset in zip(learns, presets, strict=True))
        for cell, preset, one in zip(cells, presets, learns, strict=True):
            row = rows.setdefault(cell.label.method, {}).setdefault(cell.label.settings, {})
            if preset:
                row["preset"] = preset
            if naming.label is not None and one and not (overridden and preset):
                row["label"] = naming.label
        if rows != before:
            write_json(folder / ROWS, rows)


def read_rows(folder: Path) -> Rows:
    """Names of a protocol's rows; empty if the file does not exist.

    Raises:
        DamagedFileError: The file is damaged.
    """
    path = folder / ROWS
    if not path.is_file():
        return {}
    return read_json(path, Rows, ADVICE)


def _is_named(cell: "Cell") -> bool:
    """Whether a label can be for a cell's row: the settings of a command change what it learns."""
    return cell.training is not None and cell.generation.recipe.method().role() == "method"


def _equal(recipe: Recipe, settings: Settings, preset: Settings) -> bool:
    """Whether settings and preset give a method the same identity, on this machine."""
    try:
        accelerator = resolved(settings.device).accelerator  # the device does not decide about rows
        made, of_preset = (_made(recipe, its, accelerator) for its in (settings, preset))
    except UserError:  # the preset alone lacks a setting of the method
        return False
    return made == of_preset


def _made(recipe: Recipe, settings: Settings, accelerator: str) -> list[Any]:
    name, learns = recipe.name, recipe.method().learns
    device = settings.device.model_copy(update={"accelerator": accelerator})
    return [
        Recipe.of(name, settings, recipe.plugins).values,
        recipe.training(settings).identity() if learns else None,
        settings.generation.samples,
        arithmetic(resolved(device)),
    ]
