"""A dry run with the command line: times a few steps, writes no model and no volume."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_it_estimates_every_method_and_keeps_no_file(
    cli: Callable[..., Any], workspace: Path, tiny: Path, options: tuple[str, ...]
) -> None:
    arguments = ("run", "--methods", "tiny,copy-source", "--plugin", tiny, "--workspace", workspace)
    before = {path for path in workspace.rglob("*") if "models" in path.parts}
    result = cli(*arguments, *options, "--dry-run")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    heads = ["train", "generate", "score", "total", "memory", "optimizer", "step"]
    assert lines[0].split() == heads
    assert [line.split()[0] for line in lines[1:]] == ["tiny-s0", "copy-source-s0", "total"]
    assert {path for path in workspace.rglob("*") if "models" in path.parts} == before
    assert not list(workspace.glob("*/predictions/tiny-*"))
