"""What runs asked for and have not finished: method, seed, stage, and what continues."""

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from longibench.benchmark.core.workspace import RUN, SCORES, Workspace
from longibench.benchmark.evaluation.generate import VOLUME
from longibench.benchmark.evaluation.score_table import known_scores
from longibench.benchmark.runs.requested import RequestedCell, read_requested
from longibench.benchmark.training.checkpoints import last_step, read_final

AT_WORK = "; a process is at work on it"
SHOWN = 3  # commands; the cells of an array have one each
ROW = ["method", "settings", "training_seed"]


@dataclass(frozen=True)
class Unfinished:
    """What is missing of a protocol.

    Attributes:
        cells: A sentence for each method and seed that is not scored.
        folds: A sentence for each other fold of the same command that is not scored.
        commands: The commands that continue; they may contain paths.
        methods: Names of the methods that are not scored.
    """

    cells: tuple[str, ...] = ()
    folds: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """Everything that is missing, without a path."""
        return [*self.cells, *self.folds]

    @property
    def how(self) -> str:
        """How to continue, without the paths that a command may contain; empty if complete."""
        if not self.sentences:
            return ""
        which = f" --methods {','.join(self.methods)}" if self.methods else ""
        return (
            f"The same 'python cli.py run{which}', with the other options of the run that was "
            "started, continues: finished work is kept."
        )

    @property
    def how_here(self) -> str:
        """The commands themselves, for the user's own terminal."""
        more = f", and {len(self.commands) - SHOWN} more" if len(self.commands) > SHOWN else ""
        return f"this continues: {'; '.join(self.commands[:SHOWN])}{more}"


def find_unfinished(folder: Path, scores: pd.DataFrame | None) -> Unfinished:
    """Compare what runs asked for with what is on disk.

    Args:
        folder: The protocol's folder.
        scores: Its score table; None if nothing is scored.

    Returns:
        What is missing; nothing for a protocol of an earlier version, which has no list.

    Raises:
        DamagedFileError: ``requested.json`` is damaged.
    """
    requested = read_requested(folder)
    scored = _scored(scores)
    cells = {
        name: cell
        for name, cell in requested["cells"].items()
        if set(map(tuple, cell["metrics"])) - scored.get(_row(cell), set())
    }
    several = Counter((its["method"], its["training_seed"]) for its in requested["cells"].values())
    folds = _other_folds(folder, requested["folds"])
    own = next((fold for fold, name in requested["folds"].items() if name == folder.name), "")
    where = f", fold {own}" if own else ""
    sentences = [
        f"{_name(cell, several)}{where}: {_state(folder, name, cell, scored)}."
        for name, cell in cells.items()
    ]
    commands = [_command(cell) for cell in (cells or requested["cells"]).values()]
    return Unfinished(
        tuple(sentences),
        tuple(folds),
        tuple(dict.fromkeys(commands if cells or folds else [])),
        tuple(dict.fromkeys(cell["method"] for cell in cells.values())),
    )


def _scored(scores: pd.DataFrame | None) -> dict[tuple[str, str, int], set[tuple[str, str]]]:
    """Names and definitions of the scored metrics, by method, settings and training seed."""
    found: dict[tuple[str, str, int], set[tuple[str, str]]] = {}
    if scores is None:
        return found
    keys = scores[[*ROW, "metric", "definition"]].drop_duplicates()
    for method, settings, seed, metric, definition in keys.itertuples(index=False):
        found.setdefault((method, settings, int(seed)), set()).add((metric, definition))
    return found


def _command(cell: RequestedCell) -> str:
    """The command as it works here: its paths may be relative to another folder."""
    start = cell.get("started_in")
    if not start or Path(start) == Path.cwd():
        return cell["command"]
    return f"cd {shlex.quote(start)} && {cell['command']}"


def _row(cell: RequestedCell) -> tuple[str, str, int]:
    return cell["method"], cell["settings"], cell["training_seed"]


def _name(cell: RequestedCell, several: Counter[tuple[str, int]]) -> str:
    name = f"{cell['method']}, seed {cell['training_seed']}"
    if several[cell["method"], cell["training_seed"]] > 1:
        return f"{name}, settings {cell['settings']}"
    return name


def _state(
    folder: Path, name: str, cell: RequestedCell, scored: dict[tuple[str, str, int], set]
) -> str:
    """How far a cell is, and whether a process is at work on it."""
    workspace, place = Workspace(folder.parent), folder / "predictions" / name
    places = [place, *([workspace.root / cell["model"]] if cell["model"] else [])]
    at_work = AT_WORK if any(workspace.is_locked(its) for its in places) else ""
    done = scored.get(_row(cell), set())
    if done:
        left = [
            metric for metric, definition in cell["metrics"] if (metric, definition) not in done
        ]
        return f"scored, without {', '.join(left)}{at_work}"
    count = len(list(place.glob(f"sub-*{VOLUME}")))
    if (place / RUN).is_file():
        return f"generated, not scored{at_work}"
    if count:
        return f"generated {count} of {cell['volumes']} volumes, not scored{at_work}"
    return f"{_training(workspace, cell)}{at_work}"


def _training(workspace: Workspace, cell: RequestedCell) -> str:
    if cell["model"] is None:
        return "not started"
    model = workspace.root / cell["model"]
    if read_final(model) is not None:
        return "trained, nothing generated"
    step = last_step(model) if model.is_dir() else 0
    if step:
        return f"trained {step} of {cell['iterations']} iterations"
    return "training has no checkpoint yet" if model.is_dir() else "not started"


def _other_folds(folder: Path, folds: dict[str, str]) -> list[str]:
    """What is missing of the other folds of a command."""
    sentences = []
    for fold, name in folds.items():
        other = folder.parent / name
        if other == folder:
            continue
        cells = read_requested(other)["cells"]
        left = len(_left(other, cells))
        if not cells or left:
            state = f"{len(cells) - left} of {len(cells)}" if cells else "none"
            sentences.append(f"Fold {fold}, {name}: {state} of its methods and seeds are scored.")
    return sentences


def _left(folder: Path, cells: dict[str, RequestedCell]) -> list[str]:
    """The cells without a score for each of their metrics."""
    left = []
    for name, cell in cells.items():
        table = known_scores(folder / "predictions" / name)
        done = _scored(table).get(_row(cell), set())
        if set(map(tuple, cell["metrics"])) - done:
            left.append(name)
    return left


def newer_scores(folder: Path) -> bool:
    """Whether a cell was scored after the protocol's table was written.

    A run joins the tables of its cells at its end, which an interrupted one does not reach.
    """
    written = [path.stat().st_mtime_ns for path in folder.glob(f"predictions/*/{SCORES}")]
    joined = folder / SCORES
    return bool(written) and (not joined.is_file() or joined.stat().st_mtime_ns < max(written))
