"""The remaining work of a cell, and the code with which it was planned."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.score_table import known_scores
from longibench.benchmark.protocol.protocol import build_protocol
from longibench.benchmark.runs import cell as module
from longibench.benchmark.runs.cell import Cell, check_identity, complete, make_cell, scoring_of
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.recipe import Recipe


@pytest.fixture
def cell_of(options: tuple[str, ...], workspace: Path) -> Callable[..., Cell]:
    """Makes the cell of a method, optionally with further settings."""

    def make(method: str, *more: str) -> Cell:
        settings = load_settings("demo", [*(its for its in options if "=" in its), *more])
        place, console = Workspace(workspace), Console(quiet=True)
        protocol = build_protocol(settings, place, console)
        scoring = scoring_of(settings, protocol, place, ())
        recipe = Recipe.of(method, settings)
        return make_cell(recipe, settings, protocol, place, console, scoring)

    return make


@pytest.fixture
def cell(cell_of: Callable[..., Cell]) -> Cell:
    """The finished cell of ``copy-source``."""
    return cell_of("copy-source")


def of_other_code(cell: Cell, name: str) -> Cell:
    """The cell as planned with other code of a metric."""
    identities = tuple(
        replace(its, code="another") if its.name == name else its for its in cell.scoring.identities
    )
    return replace(cell, scoring=replace(cell.scoring, identities=identities))


def test_nothing_is_left_of_a_finished_cell(cell: Cell) -> None:
    assert cell.generated
    assert cell.metrics_left == []
    assert len(cell.scored_as) == len(cell.scoring.identities)


def test_a_metric_of_other_code_is_left(cell: Cell) -> None:
    assert of_other_code(cell, "ssim").metrics_left == ["ssim"]


@pytest.mark.parametrize("damage", ["", "metric\n", "\x00"])
def test_with_a_damaged_table_every_metric_is_left(cell: Cell, damage: str) -> None:
    (cell.folder / "scores.csv").write_text(damage)
    assert len(cell.metrics_left) == len(cell.scoring.identities)
    assert known_scores(cell.folder) is None


def test_a_process_with_other_code_than_the_plan_does_nothing(cell: Cell) -> None:
    """Like a worker that starts after a file was changed."""
    evaluator = cell.scoring.evaluator(Console(quiet=True))
    check_identity(cell, evaluator)
    info = {**cell.generation.info, "made_by": {"code": "another"}}
    changed = replace(of_other_code(cell, "ssim"), generation=replace(cell.generation, info=info))
    with pytest.raises(UserError, match="the code of copy-source, ssim has changed since the run"):
        complete(changed, cell.scoring.workspace, evaluator)


def test_processes_measure_without_tf32(
    cell_of: Callable[..., Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values must not depend on the device, whatever the generation's precision is."""
    cell, launched = cell_of("copy-source", "metrics.names=[ssim,mae]"), []
    assert cell.generation.device.tf32
    monkeypatch.setattr(module, "count_processes", lambda device: 2)
    monkeypatch.setattr(module, "launch", lambda device, work, given: launched.append(device))
    complete(cell, cell.scoring.workspace, cell.scoring.evaluator(Console(quiet=True)))
    assert [device.tf32 for device in launched] == [False]


def test_each_fold_has_a_model_that_was_not_trained_on_its_test_subjects(
    cell_of: Callable[..., Cell],
) -> None:
    folds = [cell_of("vae", "split.folds=3", f"split.fold={fold}") for fold in range(3)]
    for cell in folds:
        assert cell.training
        assert cell.generation.model == cell.training.folder
        train, test = (set(job.pairs["subject"]) for job in (cell.training, cell.generation))
        assert test
        assert not train & test
    assert len({cell.generation.model for cell in folds}) == 3
    assert len({cell.folder for cell in folds}) == 3


def test_a_model_is_shared_if_nothing_in_its_training_differs(
    cell_of: Callable[..., Cell],
) -> None:
    first = cell_of("vae").generation
    again = cell_of("vae", "metrics.names=[ssim]", "generation.samples=2").generation
    assert again.model == first.model
    assert again.folder != first.folder
    for other in ("seed=1", "split.test=4", "training.iterations=13", "methods.vae.latent=2"):
        assert cell_of("vae", other).generation.model != first.model
