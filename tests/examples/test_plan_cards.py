"""The planner's table takes a method's training as a run does."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.training.memory_plan import MemoryPlan

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "plan_cards.py"


def test_a_method_has_its_own_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_from_file_location("plan_cards", SCRIPT)
    assert spec
    assert spec.loader
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    given: list[Any] = []

    def plan(recipe: Any, training: Any, *_: Any) -> MemoryPlan:
        given.append(training)
        return MemoryPlan(1, 1, 0, None, 16.0, 1)

    monkeypatch.setattr(script, "plan_memory", plan)
    script.row("paper", "copy-smoothed", 16)
    assert given[0].iterations == 100
