"""``rows.json`` of a protocol: what a user calls a row of its tables, and which are a preset's."""

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import write_json
from longibench.benchmark.core.workspace import PATIENCE, ROWS, Workspace
from longibench.benchmark.devices.fabric import arithmetic, resolved
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe

if TYPE_CHECKING:
    from longibench.benchmark.runs.cell import Cell

LABEL = re.compile(r"[^\W_][\w .,:;+=%()/-]{0,39}")  # safe in a spreadsheet, in HTML and in LaTeX

Rows = dict[str, dict[str, dict[str, str]]]
"""By method and digest of settings: ``label`` and ``preset``, where there are any."""


@dataclass(frozen=True)
class Naming:
    """What a run's rows are called, besides by what differs between them.

    Attributes:
        label: Given by the user; empty takes one away, None leaves what there is. It is for what
            was overridden: where some rows of a command have the preset's settings and some have
            not, for the others alone, and never for a method that does not learn.
        preset: The settings before anything was overridden: rows that equal them are the preset's.
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
        """The preset whose row a cell's is, its settings as asked for; empty for none."""
        same = self.preset and _equal(cell.generation.recipe, settings, self.preset)
        return self.preset.preset if self.preset and same else ""


def name_rows(folder: Path, cells: Sequence["Cell"], settings: Settings, naming: Naming) -> None:
    """Add what is known of the cells' rows; what was said of other rows stays.

    Args:
        folder: The protocol's folder.
        cells: Cells of the protocol.
        settings: As asked for, ``auto`` not resolved.
        naming: What they are called.
    """
    with Workspace(folder.parent).lock(folder / ROWS, PATIENCE):
        before = read_rows(folder)
        rows = deepcopy(before)
        presets = [naming.preset_of(cell, settings) for cell in cells]
        learns = [cell.training is not None for cell in cells]
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
    """What is known of a protocol's rows; nothing where the file is not there.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / ROWS
    if not path.is_file():
        return {}
    try:
        stored: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(method): {str(key): dict(row) for key, row in its.items()}
            for method, its in stored.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); delete it, and the same 'python cli.py run' "
            "writes it anew, but for labels"
        ) from error


def _equal(recipe: Recipe, settings: Settings, preset: Settings) -> bool:
    """Whether a method is made as the preset makes it, on this machine."""
    try:
        accelerator = resolved(settings.device).accelerator  # where it is made decides no row
        made, of_preset = (_made(recipe, its, accelerator) for its in (settings, preset))
    except UserError:  # the preset alone does not say all that the method needs
        return False
    return made == of_preset


def _made(recipe: Recipe, settings: Settings, accelerator: str) -> list[Any]:
    name, learns = recipe.name, recipe.method().learns
    device = settings.device.model_copy(update={"accelerator": accelerator})
    return [
        Recipe.of(name, settings, recipe.plugins).values,
        settings.training_of(name).identity() if learns else None,
        settings.generation.samples,
        arithmetic(resolved(device)),
    ]
