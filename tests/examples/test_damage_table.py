from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EVERY = 6  # damages: the kinds are tried with one each, in turn


@pytest.fixture(scope="module")
def script() -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("damage_table", ROOT / "docs" / "examples" / "damage_table.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_what_was_measured(script: ModuleType) -> None:
    outcomes = pd.read_csv(ROOT / "docs" / "damage.csv")
    assert list(dict.fromkeys(outcomes["kind"])) == list(script.KINDS)
    assert script.render(outcomes) in (ROOT / "docs" / "reliability.md").read_text("utf-8")
    assert not outcomes["outcome"].str.startswith("WRONG").any()


@pytest.mark.slow
def test_every_kind_of_file_is_found_damaged_and_made_again(
    script: ModuleType, tmp_path: Path, templates: None
) -> None:
    undisturbed, volumes = script.make(tmp_path)
    damages = [*script.DAMAGES, script.EXCHANGED]
    wrong = []
    for number, kind in enumerate(script.KINDS):
        command = script.COMMANDS[number % 3]
        case = script.Case(kind, damages[number % EVERY], command)
        outcome = script.judge(case, undisturbed, volumes, tmp_path / "scratch")
        wrong += [f"{case}: {outcome}"] if outcome.startswith("WRONG") else []
    assert not wrong, "\n".join(wrong)
