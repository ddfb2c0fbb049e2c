"""Compare the estimates of ``run --dry-run`` with the time of the actual run.

``python docs/examples/check_dry_run.py [--methods LIST] [--preset NAME] [--set KEY=VALUE ...]``, as
for ``run``. The cohort is prepared by the dry run and reused by the run, whose time is that of the
whole command, including the start of Python. Results on a busy machine are not meaningful.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.runs.dry_run import Estimate
from longibench.benchmark.runs.runner import dry_run
from longibench.benchmark.settings.loading import load_settings

CLI = Path(__file__).parents[2] / "cli.py"


def options(arguments: list[str]) -> tuple[str, str, list[str]]:
    """Methods, preset and overrides."""
    given: dict[str, list[str]] = {"--methods": ["vae,med-ddpm,ours"], "--preset": ["demo"]}
    given["--set"] = []
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        given[name].append(value)
    return given["--methods"][-1], given["--preset"][-1], given["--set"]


def real_seconds(folder: Path, methods: str, preset: str, overrides: list[str]) -> float:
    """Duration of the command in seconds."""
    command = [sys.executable, str(CLI), "run", "--methods", methods, "--preset", preset]
    command += [f"--set={override}" for override in overrides]
    began = time.monotonic()
    subprocess.run([*command, "--workspace", str(folder), "--quiet"], check=True)
    return time.monotonic() - began


def compare(found: Estimate, folder: Path) -> str:
    """The estimate of a cell, and what its run recorded."""
    (place,) = folder.glob(f"*/predictions/{found.name}-*/run.json")
    run = json.loads(place.read_text())
    return (
        f"{found.name}: train {found.training:.1f} estimated, {run['train_seconds']:.1f} real; "
        f"generate {found.generation:.1f}, {run['generate_seconds']:.1f}; "
        f"score {found.scoring:.1f} s"
    )


def main() -> None:
    """Estimate, run, and print both."""
    methods, preset, overrides = options(sys.argv[1:])
    settings = load_settings(preset, overrides)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        estimates = dry_run(methods.split(","), settings, Workspace(folder), Console(quiet=True))
        real = real_seconds(folder, methods, preset, overrides)
        for found in estimates:
            print(compare(found, folder))
    total = sum(found.seconds for found in estimates)
    print(f"total: {total:.0f} s estimated, {real:.0f} s real: ratio {total / real:.2f}")


if __name__ == "__main__":
    main()
