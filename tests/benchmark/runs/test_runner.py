"""What a protocol's last run says of the code that made it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from longibench.benchmark.runs import runner
from longibench.benchmark.settings.loading import load_settings

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_the_commit_is_that_of_a_checkout_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of a repository that an environment with longibench lies in."""
    subprocess.run([*GIT, "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "a"], cwd=tmp_path, check=True)
    for home, known in ((tmp_path, True), (tmp_path / ".venv", False)):
        home.mkdir(exist_ok=True)
        monkeypatch.setattr(runner, "HOME", home)
        assert bool(runner.provenance(load_settings("demo"))["git"]) == known
