from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.settings.loading import load_settings

Cli = Callable[..., Any]
FOLDED = load_settings("demo", ["split.folds=3", "split.fold=1", "seed=4"])


def test_every_fold_with_every_seed() -> None:
    matrix = Matrix.parse("0, 1", "all", FOLDED)
    points = [(one.split.fold, one.seed) for one in matrix.settings(FOLDED)]
    assert points == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_by_default_seed_and_fold_are_those_of_the_settings() -> None:
    assert list(Matrix.parse(None, None, FOLDED).settings(FOLDED)) == [FOLDED]
    chosen = Matrix.parse(None, "2,0", FOLDED).settings(FOLDED)
    assert [(one.split.fold, one.seed) for one in chosen] == [(2, 4), (0, 4)]


@pytest.mark.parametrize(
    ("seeds", "folds", "message"),
    [
        ("0,x", None, "--seeds 0,x: write whole numbers"),
        ("-1", None, "--seeds -1: write whole numbers"),
        (",", None, "--seeds ,: write whole numbers"),
        (None, "every", "--folds every: write whole numbers"),
        (None, "3", "'split': fold 3 of 3"),
        ("1,1", None, "--seeds: 1 is listed twice"),
        ("1,01", None, "--seeds: 1 is listed twice"),
        (None, "0,0", "--folds: 0 is listed twice"),
        ("9" * 23, None, "--seeds .* is too large, 9223372036854775807 is the largest"),
        ("9" * 5000, None, "--seeds .* is too large"),
    ],
)
def test_wrong_numbers_and_folds_are_named(
    seeds: str | None, folds: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        list(Matrix.parse(seeds, folds, FOLDED).settings(FOLDED))


def test_folds_of_a_split_without_any_are_refused() -> None:
    with pytest.raises(UserError, match=r"--folds: the split has none.*split.folds=5"):
        Matrix.parse(None, "all", load_settings("demo"))


def test_seeds_share_a_table_and_folds_have_their_own(
    cli: Cli, options: tuple[str, ...], tiny: Path, workspace: Path
) -> None:
    folded = ["--set", "split.folds=2", "--folds", "all", "--seeds", "0,1"]
    given = ["--methods", "tiny", "--plugin", tiny, "--workspace", workspace, *options, *folded]
    given += ["--set", "metrics.names=[ssim]", "--set", "training.iterations=1"]
    given += ["--set", "split.test=0.3"]  # folds decide, not a number of subjects
    result = cli("run", *given)
    assert result.code == 0, result.err
    tables = [Path(line) for line in result.out.split()]
    assert len({table.parent for table in tables}) == 2
    scores = [read_scores(table) for table in tables]
    assert all(set(table["training_seed"]) == {0, 1} for table in scores)
    held_out = [set(pd.read_csv(table.parent / "pairs.csv")["subject"]) for table in tables]
    assert not held_out[0] & held_out[1]
    assert (workspace / "latest").read_text().strip() == tables[0].parent.name
    before = {path: path.stat().st_mtime_ns for path in workspace.glob("*/predictions/*/*")}
    assert cli("run", *given).code == 0
    after = {path: path.stat().st_mtime_ns for path in workspace.glob("*/predictions/*/*")}
    assert after == before


def test_an_unknown_launcher_is_named(cli: Cli, options: tuple[str, ...], workspace: Path) -> None:
    given = ["--methods", "copy-source", "--workspace", workspace, *options]
    result = cli("run", *given, "--launcher", "rai")
    assert result.code == 2
    assert "unknown launcher 'rai'. Did you mean 'ray'?" in result.err
