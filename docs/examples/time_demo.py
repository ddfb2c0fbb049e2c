"""Time README's two commands, each as a user types it: python docs/examples/time_demo.py.

On a machine that does nothing else. Writes ``docs/scores/demo_time.json``.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kept_scores import KEPT
from quote_scores import TIMES

from longibench.benchmark.core.workspace import PROVENANCE, Workspace

CLI = Path(__file__).parents[2] / "cli.py"
COMMAND = "run --methods vae,med-ddpm,ours"


def seconds(command: str, workspace: Path) -> float:
    """Wall time of one command of the command line."""
    began = time.monotonic()
    words = [sys.executable, str(CLI), *command.split(), "--workspace", str(workspace)]
    subprocess.run(words, check=True)
    return time.monotonic() - began


def facts(workspace: Path) -> dict[str, Any]:
    """Machine, versions and commit of the run."""
    folder = Workspace(workspace).find_protocol(None)
    found = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    versions = found["versions"]
    return {
        "command": f"python cli.py {COMMAND}",
        "commit": found["git"],
        "machine": f"{found['threads']} cores of an {processor()}, no GPU",
        "versions": f"Python {found['python']}, torch {versions['torch']}, "
        f"MONAI {versions['monai']}",
    }


def processor() -> str:
    """The processor's name, where Linux gives it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))


def main() -> None:
    """Time both commands in a new workspace."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        run, report = seconds(COMMAND, workspace), seconds("report", workspace)
        found = {**facts(workspace), "run_seconds": run, "report_seconds": report}
    (KEPT / TIMES).write_text(f"{json.dumps(found, indent=2)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
