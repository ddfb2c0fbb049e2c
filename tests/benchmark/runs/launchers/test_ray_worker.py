"""The checks of a worker before its cell, without a cluster."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import longibench
from longibench.benchmark.runs.launchers.ray import work
from longibench.benchmark.training.recipe import Recipe


def test_a_worker_with_other_code_refuses_the_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example if its Python imports another longibench than the driver's."""
    monkeypatch.chdir(tmp_path)  # restores the folder, which a worker changes
    info = {"made_by": {"code": "of the driver"}}
    recipe = Recipe("copy-source", {}, (16, 20, 16))
    generation = SimpleNamespace(recipe=recipe, info=info)
    cell = SimpleNamespace(name="copy-source-s0", generated=True, generation=generation)
    error = work(cast(Any, cell), str(tmp_path), quiet=True)
    assert "has other code of copy-source than the driver" in error
    assert str(longibench.__file__) in error
