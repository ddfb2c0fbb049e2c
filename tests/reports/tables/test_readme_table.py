"""README's table is what its script makes of a finished run."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from longibench.reports.model.results import Results

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("readme_table", ROOT / "docs" / "examples" / "readme_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_line_a_metric_with_halves_below(script: ModuleType, full: Results) -> None:
    lines = script.block(full).splitlines()
    assert lines[0] == (
        "|  | Copy of the source | VAE | Med-DDPM | Dao et al. (ours) | Real against real |"
    )
    heads = [line.split("|")[1].strip() for line in lines[2:6]]
    assert heads == [
        "FID [random:0, N=72] ↓",
        "the same in halves, n = 36",
        "SSIM [Wang, whole volume] ↑",
        "SSIM [Wang, source's head] ↑",
    ]
    assert "| **30.5** a (" in lines[2]
    assert lines[3].endswith("| 3.0 |")
    assert "72 pairs of 24 test subjects" in script.block(full)
    assert lines[-1].startswith("Made by `")


def test_readme_has_the_scripts_heads(script: ModuleType, full: Results) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    inside = text.partition(script.BEGIN)[2].partition(script.END)[0]
    heads, made = (_heads(block) for block in (inside, script.block(full)))
    assert [head for head in heads if "oracle" not in head] == made  # the fake run has none


def _heads(block: str) -> list[str]:
    return [cell.strip() for cell in block.splitlines()[0].split("|")]
