"""Damage every kind of file of a finished workspace, run every command on it, and count outcomes.

    python docs/examples/damage_table.py EMPTY_FOLDER TABLE.csv [--only KIND ...]

Makes a small workspace: simulated cohort, copy-source and vae, and volumes scored by ``evaluate``.
Each case damages one file of a copy, then runs ``run``, ``report`` or ``evaluate`` on it. Right:
exit code 0 and all numbers of the undisturbed workspace, or exit code 2 and one line that names
what is damaged. After ``run``, or after what the line advises, the workspace must equal the
undisturbed one but for times, dates and costs. With docs/damage.csv as the table, all of it, the
section of docs/reliability.md is written too.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import pandas as pd
from marked_section import replace_section

from longibench.cli import main as command_line

SMALL = (
    *("--quiet", "--set", "phantom.subjects=10", "--set", "split.test=3"),
    *("--set", "grid.shape=[16,20,16]", "--set", "grid.spacing_mm=8"),
    *("--set", "training.iterations=4", "--set", "training.checkpoint_every=2"),
    *("--set", "device.threads=1", "--set", "device.accelerator=cpu"),
    *("--set", "reference_rows=false"),
    *("--set", "metrics.names=[ssim,mae,fid,brain-change-error-ml]"),
)
RUN = ("run", "--methods", "copy-source,vae", *SMALL)
PAGE = Path(__file__).resolve().parents[1] / "reliability.md"
BEGIN, END = "<!-- damage -->", "<!-- end -->"
COMMANDS = ("run", "report", "evaluate")
COSTS = ("second", "time", "created", "memory", "flops", "peak", "energy", "command", "parameters")

KINDS = {
    "latest": "latest",
    "simulated scan": "cohorts/phantom-*/sub-*/ses-*/anat/*_T1w.nii.gz",
    "simulated cohort, tables": "cohorts/phantom-*/*.tsv",
    "simulated cohort, digests": "cohorts/phantom-*/digests.csv",
    "prepared volume": "prepared/*.nii",
    "prepared subject": "prepared/*[0-9a-f].json",
    "digests of raw scans": "prepared/sha256.json",
    "prepared, digests": "prepared/digests.csv",
    "measured vector": "measured/*.npy",
    "measured values": "measured/*.json",
    "measured, digests": "measured/digests.csv",
    "model, settings": "models/vae-*/settings.json",
    "model, end of training": "models/vae-*/trained.json",
    "model, losses": "models/vae-*/losses.csv",
    "checkpoint, weights": "models/vae-*/step-*/weights.safetensors",
    "checkpoint, averaged weights": "models/vae-*/step-*/ema.safetensors",
    "checkpoint, state": "models/vae-*/step-*/state.pt",
    "checkpoint, index": "models/vae-*/step-*/index.json",
    "model, digests": "models/vae-*/digests.csv",
    "protocol": "*/protocol.json",
    "pairs": "*/pairs.csv",
    "metrics": "*/metrics.json",
    "names of rows": "*/rows.json",
    "score table": "phantom-*/scores.csv",
    "provenance": "*/provenance.json",
    "protocol, digests": "phantom-*/digests.csv",
    "generated volume": "*/predictions/vae-*/sub-*.nii.gz",
    "manifest": "*/predictions/vae-*/manifest.csv",
    "run": "*/predictions/vae-*/run.json",
    "scores of a run": "*/predictions/vae-*/scores.csv",
    "predictions, digests": "*/predictions/vae-*/digests.csv",
    "submission, manifest": "*/predictions/mine-*/manifest.csv",
    "submission, run": "*/predictions/mine-*/run.json",
    "submission, scores": "*/predictions/mine-*/scores.csv",
    "submission, digests": "*/predictions/mine-*/digests.csv",
}


def flip(path: Path) -> None:
    """Flip one bit in the middle; in text, the lowest bit of a digit."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content) if 48 <= byte <= 55]
    text = path.suffix in (".json", ".csv", ".tsv", "")
    place = digits[len(digits) // 2] if text and digits else len(content) // 2
    content[place] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    """Cut in the middle; a table at the end of a line."""
    content = path.read_bytes()
    half = content[: len(content) // 2]
    path.write_bytes(half.rpartition(b"\n")[0] + b"\n" if path.suffix == ".csv" else half)


def exchange(path: Path, same_kind: list[Path]) -> None:
    """Replace the content by that of another file, of the same kind or folder if there is one."""
    beside = sorted(other for other in path.parent.iterdir() if other.is_file())
    others = [other for other in (*same_kind, *beside) if other != path]
    path.write_bytes(others[0].read_bytes() if others else b"phantom-000000000000\n")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": truncate,
    "random": lambda path: path.write_bytes(b"\x8f\x00\xff{[" * 50),
    "one bit flipped": flip,
}
EXCHANGED = "exchanged"


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit code, stdout and stderr together."""

    code: int
    text: str


def call(*arguments: str) -> Outcome:
    """Run a command in this process; code 1 is an exception that nobody expected."""
    text = io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["longibench", *arguments]),
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(text),
    ):
        try:
            command_line()
        except SystemExit as ending:
            code = int(ending.code or 0)
        except Exception as error:
            code = 1
            text.write(f"\n{type(error).__name__}: {error}")
    return Outcome(code, text.getvalue())


def command(name: str, workspace: Path, volumes: Path) -> tuple[str, ...]:
    """The arguments of one of the three commands."""
    place = ("--workspace", str(workspace))
    if name == "run":
        return (*RUN, *place)
    if name == "report":
        return ("report", "--quiet", *place)
    return ("evaluate", str(volumes), "--name", "mine", "--quiet", *place)


def make(root: Path) -> tuple[Path, Path]:
    """A finished workspace, and the folder of volumes made elsewhere."""
    workspace, volumes = root / "undisturbed", root / "mine"
    run = call(*command("run", workspace, volumes))
    if run.code:
        raise SystemExit(run.text)
    (made,) = workspace.glob("*/predictions/copy-source-*")
    shutil.copytree(made, volumes)
    for name in ("run.json", "scores.csv", "digests.csv"):
        (volumes / name).unlink()
    for name in ("evaluate", "report"):
        done = call(*command(name, workspace, volumes))
        if done.code:
            raise SystemExit(done.text)
    return workspace, volumes


def content_of(path: Path) -> object:
    """A file's content without times, dates and costs."""
    with contextlib.suppress(ValueError, KeyError):  # it is still damaged
        if path.suffix == ".json":
            return _plain(json.loads(path.read_text()))
        if path.name == "losses.csv":
            return pd.read_csv(path).drop(columns="seconds").to_csv()
    return path.read_bytes()


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {
            key: _plain(its)
            for key, its in sorted(value.items())
            if not any(word in key for word in COSTS)
        }
    return value


def compared(workspace: Path) -> Iterator[Path]:
    """The files that two equal workspaces have in common; names relative to the workspace."""
    for path in sorted(workspace.rglob("*")):
        name = path.relative_to(workspace)
        left_out = (
            path.name in ("digests.csv", "preparation.log", "sha256.json", "index.json", "state.pt")
            or path.name.startswith(".")
            or "report" in name.parts
            or "measured" in name.parts
        )
        if path.is_file() and not left_out:
            yield name


def differences(undisturbed: Path, workspace: Path) -> list[str]:
    """Files that are missing, or differ in more than times, dates and costs."""
    found = []
    for name in compared(undisturbed):
        if not (workspace / name).is_file():
            found.append(f"{name} is missing")
        elif content_of(undisturbed / name) != content_of(workspace / name):
            found.append(f"{name} differs")
    return found


def numbers_of(workspace: Path) -> dict[str, bytes]:
    """The tables that hold numbers: the score table, and the report's but for costs."""
    names = [*workspace.glob("*/scores.csv"), *workspace.glob("*/report/*.csv")]
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in names
        if "seconds" not in path.read_text() and "Training" not in path.read_text()[:200]
    }


@dataclass(frozen=True)
class Case:
    """One damage of one kind of file, and the command that meets it."""

    kind: str
    damage: str
    command: str


def judge(case: Case, undisturbed: Path, volumes: Path, scratch: Path) -> str:
    """The outcome of a case in words; a fault begins with ``WRONG``."""
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(undisturbed, scratch)
    *others, path = _matches(case.kind, scratch)
    if case.damage == EXCHANGED:
        exchange(path, others)
    else:
        DAMAGES[case.damage](path)
    done = call(*command(case.command, scratch, volumes))
    if done.code not in (0, 2) or "Traceback" in done.text:
        return f"WRONG: exit {done.code}: {done.text[-300:]}"
    if done.code == 0:
        outcome = "right"
        if numbers_of(scratch) != numbers_of(undisturbed):
            return "WRONG: other numbers"
    else:
        outcome = "refused"
        wrong = _follow_advice(case, done.text, scratch, volumes)
        if wrong:
            return f"WRONG: {wrong}"
    if case.command != "run" and done.code == 0:
        return outcome
    if "submission" in case.kind and case.command == "run":
        call(*command("evaluate", scratch, volumes))  # a run does not read these files
    left = differences(undisturbed, scratch)
    if left and not _legitimate(case):
        return f"WRONG: not equal afterwards: {'; '.join(left[:3])}"
    return f"{outcome}, repaired"


def _follow_advice(case: Case, text: str, scratch: Path, volumes: Path) -> str:
    """Do what an error's line advises; returns what is wrong with it, or nothing."""
    lines = [line for line in text.splitlines() if line.startswith("error:")]
    if len(lines) != 1:
        return f"no message of one line: {text[-300:]}"
    if folder := re.search(r"or delete (\S+), and run", lines[0]):
        shutil.rmtree(folder[1])
    if "delete it" in lines[0]:
        Path(lines[0].removeprefix("error: ").partition(": ")[0]).unlink()
    for name in ("evaluate", "run") if "submission" in case.kind else ("run",):
        again = call(*command(name, scratch, volumes))
        if again.code:
            return f"after '{lines[0]}', {name} ends with {again.text[-300:]}"
    return ""


def _matches(kind: str, workspace: Path) -> list[Path]:
    """The files of a kind, last the one to damage: of the prepared volumes, one that is shown."""
    found = sorted(workspace.glob(KINDS[kind]))
    if kind == "prepared volume":
        (pairs,) = workspace.glob("*/pairs.csv")
        shown = {workspace / name for name in pd.read_csv(pairs)["target"]}
        found.sort(key=lambda path: path in shown)
    return found


def _legitimate(case: Case) -> bool:
    """Volumes and checkpoints may be deleted after scoring, to save space."""
    return (
        case.damage == "deleted" and case.kind == "generated volume"
    ) or "checkpoint" in case.kind


def render(outcomes: pd.DataFrame) -> str:
    """The section of docs/reliability.md: counts, then a row a kind and a column a damage."""
    wrong = outcomes["outcome"].str.startswith("WRONG")
    right = outcomes["outcome"].str.startswith("right")
    repaired = outcomes["outcome"].str.endswith("repaired")
    lines = [
        f"{len(outcomes)} cases: {right.sum()} right, {(~right & ~wrong).sum()} refused, "
        f"{wrong.sum()} wrong; {repaired.sum()} equal to the undisturbed workspace afterwards.",
        "",
        f"| file | {' | '.join((*DAMAGES, EXCHANGED))} |",
        "|---" * (2 + len(DAMAGES)) + "|",
    ]
    for kind, rows in outcomes.groupby("kind", sort=False):
        cells = [
            " ".join(_sign(its) for its in rows.loc[rows["damage"] == damage, "outcome"])
            for damage in (*DAMAGES, EXCHANGED)
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _sign(outcome: str) -> str:
    return {"right": "+", "refused": "-"}.get(outcome.partition(",")[0], "WRONG")


def write_section(outcomes: pd.DataFrame, page: Path) -> None:
    """Replace the section between the two marks of the page."""
    replace_section(page, BEGIN, END, f"\n{render(outcomes)}\n")


def main() -> None:
    """Run the cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--only", nargs="+", default=list(KINDS))
    given = parser.parse_args()
    os.environ["MPLBACKEND"] = "Agg"
    undisturbed, volumes = make(given.folder)
    rows = []
    cases = itertools.product(given.only, (*DAMAGES, EXCHANGED), COMMANDS)
    for case in itertools.starmap(Case, cases):
        outcome = judge(case, undisturbed, volumes, given.folder / "scratch")
        print(f"{case.kind}, {case.damage}, {case.command}: {outcome}", flush=True)
        rows.append({**asdict(case), "outcome": outcome.partition(":")[0]})
    table = pd.DataFrame(rows)
    table.to_csv(given.table, index=False)
    if given.table.resolve() == PAGE.with_name("damage.csv"):
        write_section(table, PAGE)
    sys.exit(bool(table["outcome"].str.startswith("WRONG").any()))


if __name__ == "__main__":
    main()
