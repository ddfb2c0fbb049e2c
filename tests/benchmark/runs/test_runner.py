"""The record of the code of a protocol's last run."""

import shutil
import subprocess
from pathlib import Path

import pytest

from longibench.benchmark.runs import runner
from longibench.benchmark.settings.loading import load_settings

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_only_that_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of a repository around an environment with longibench."""
    subprocess.run([*GIT, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "a"], cwd=tmp_path, check=True)
    for home, known in ((tmp_path, True), (tmp_path / ".venv", False)):
        home.mkdir(exist_ok=True)
        monkeypatch.setattr(runner, "HOME", home)
        assert bool(runner.provenance(load_settings("demo"))["git"]) == known
