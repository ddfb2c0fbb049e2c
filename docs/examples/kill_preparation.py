"""Kills ``prepare`` at ten random moments, and compares the result with an undisturbed run.

``python docs/examples/kill_preparation.py SPEC FOLDER [option ...]``, such as ``bids:heads /tmp/k
--preset half``. Prints how often each scan was prepared, and whether all files are equal.
"""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from longibench.benchmark.core.files import file_digest

KILLS = 10
SECONDS = (10.0, 60.0)  # between the start of a run and its end by SIGKILL
CLI = Path(__file__).parents[2] / "cli.py"


def prepare(spec: str, workspace: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """Start ``prepare``."""
    command = [sys.executable, str(CLI), "prepare", spec, "--workspace", str(workspace), "--quiet"]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


def kill_often(spec: str, workspace: Path, options: list[str]) -> int:
    """Kill ``prepare`` at random moments until ten kills are done or nothing is left to do."""
    moments = random.Random(0)
    for number in range(KILLS):
        process = prepare(spec, workspace, options)
        try:
            process.wait(moments.uniform(*SECONDS))
            return number
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(1)  # its workers end with it
    return KILLS


def logged(workspace: Path) -> Counter[tuple[str, str]]:
    """How often the end of each scan was logged."""
    lines = (workspace / "prepared" / "preparation.log").read_text().splitlines()
    return Counter((cells[1], cells[2]) for cells in (line.split("\t") for line in lines))


def volumes(workspace: Path) -> dict[str, str]:
    """Digest of every prepared volume by name."""
    return {path.name: file_digest(path) for path in (workspace / "prepared").glob("*.nii")}


def main(spec: str, folder: Path, options: list[str]) -> None:
    """Run both ways and print the comparison."""
    disturbed, quiet = folder / "disturbed", folder / "quiet"
    kills = kill_often(spec, disturbed, options)
    for workspace in (disturbed, quiet):
        if prepare(spec, workspace, options).wait():
            sys.exit("prepare failed")
    counts, same = logged(disturbed), volumes(disturbed) == volumes(quiet)
    left = len(list((disturbed / "prepared").glob(".unfinished-*")))
    print(f"{kills} kills; {len(counts)} scans, each prepared {set(counts.values())} times")
    print(
        f"{len(volumes(quiet))} volumes, equal byte for byte: {same}; {left} unfinished files left"
    )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
