"""Plant the faults of faults.yaml one at a time and print whether the tests find them.

python tests/planted_faults/plant.py [CHECKOUT] [--only NAME ...]

Works on a copy of the files that git tracks, with the interpreter that runs this script. Exit code
0 where every fault is found.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FAULTS = Path(__file__).with_name("faults.yaml")
NOT_PRODUCT = ("tests", "docs")  # all other Python files are product code, wherever they lie
LONGEST = 900  # seconds; a fault by which the tests never end is found too
PASSED, FAILED, NOT_IMPORTED = 0, 1, 2  # exit codes of pytest

Fault = dict[str, Any]


def copy_tracked(checkout: Path, copy: Path) -> list[Path]:
    """Copy the tracked files, links as links, and return the Python files of the copy."""
    listed = ["git", "-C", str(checkout), "ls-files", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if os.path.lexists(checkout / name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, copy / name, follow_symlinks=False)
    return [path for path in copy.rglob("*.py") if not path.is_symlink()]


def find_line(fault: Fault, product: list[Path]) -> tuple[Path, int]:
    """The file and the number, from 0, of the one line that a fault replaces."""
    places = [
        (path, number)
        for path in product
        for number, line in enumerate(path.read_text("utf-8").splitlines())
        if line.strip() == fault["line"]
    ]
    if len(places) != 1:
        sys.exit(f"{fault['name']}: its line occurs {len(places)} times, not once: {fault['line']}")
    return places[0]


def find_tests(fault: Fault, tests: list[Path]) -> list[str]:
    """The test files of a fault; of two with one name both."""
    if missing := set(fault["tests"]) - {path.stem for path in tests}:
        sys.exit(f"{fault['name']}: there is no test file {', '.join(sorted(missing))}")
    return [str(path) for path in tests if path.stem in fault["tests"]]


def run_tests(copy: Path, files: list[str]) -> tuple[int, str]:
    """Exit code of pytest on the copy, not on what is installed, and what it printed."""
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **own}
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    command = [sys.executable, "-m", "pytest", *options, *files]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"FAILED no end after {LONGEST} s"
    return done.returncode, done.stdout + done.stderr


def is_found(fault: Fault, place: tuple[Path, int], copy: Path, files: list[str]) -> bool:
    """Plant a fault, run its tests, take it out again and print one line."""
    (path, number), began = place, time.monotonic()
    sound = path.read_text("utf-8")
    lines = sound.splitlines(keepends=True)
    lines[number] = lines[number].replace(fault["line"], fault["instead"])
    path.write_text("".join(lines), "utf-8")
    code, output = run_tests(copy, files)
    path.write_text(sound, "utf-8")
    if code not in (PASSED, FAILED, NOT_IMPORTED):
        sys.exit(f"{fault['name']}: pytest could not run (exit code {code}):\n{output[-2000:]}")
    by = next((line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    word, seconds = "found " if code else "MISSED", time.monotonic() - began
    print(f"{word}  {fault['name']:<45} {seconds:5.1f} s  {by.partition(' - ')[0]}", flush=True)
    return code != PASSED


def main() -> None:
    """Check the list, see that the tests pass without a fault, then plant one after another."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?", default=ROOT, help="this one if left out")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these faults alone")
    given = parser.parse_args()
    faults = yaml.safe_load(FAULTS.read_text("utf-8"))
    if unknown := set(given.only or ()) - {fault["name"] for fault in faults}:
        sys.exit(f"{FAULTS.name} has no fault {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder).resolve()
        code = copy_tracked(given.checkout, copy)
        product = [path for path in code if path.relative_to(copy).parts[0] not in NOT_PRODUCT]
        tests = [path for path in code if path.is_relative_to(copy / "tests")]
        planned = [(its, find_line(its, product), find_tests(its, tests)) for its in faults]
        planned = [one for one in planned if not given.only or one[0]["name"] in given.only]
        status, output = run_tests(copy, sorted({file for *_, files in planned for file in files}))
        if status != PASSED:
            sys.exit(f"the tests fail without any fault:\n{output[-4000:]}")
        found = sum(is_found(its, place, copy, files) for its, place, files in planned)
    print(f"{found} of {len(planned)} found")
    sys.exit(0 if found == len(planned) else 1)


if __name__ == "__main__":
    main()
