"""Measures ``report`` on a large synthetic protocol for docs/speed.md: wall, CPU and memory.

``python docs/examples/measure_report.py SMALL WORKSPACE [--subjects 1000]``. SMALL is a finished
protocol's folder, such as that of ``python cli.py run --methods copy-source``: its metrics, titles
and digests are used again. The large protocol is written to WORKSPACE once. Its pairs share the
volumes of one subject of SMALL, and there are no generated volumes.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REFERENCE = "copy-source"
METHODS = ("ours", "med-ddpm", "vae", *(f"other-{number}" for number in range(1, 6)))
VISITS = 5
NAME = "large-0123456789ab"
KINDS = ("value", "leave-out", "floor", "half")
MISSING = 0.001  # share of the values that could not be computed


def enlarge(small: Path, workspace: Path, subjects: int) -> Path:
    """Write a protocol of many subjects with synthetic scores, and return its folder."""
    folder = workspace / NAME
    folder.mkdir(parents=True)
    protocol = json.loads((small / "protocol.json").read_text())
    protocol["protocol"] = NAME
    protocol["pairs"] |= {"count": subjects * VISITS, "subjects": subjects}
    protocol["split"] |= {"test_subjects": subjects}
    (folder / "protocol.json").write_text(json.dumps(protocol))
    for name in ("metrics.json", "provenance.json"):
        shutil.copy(small / name, folder / name)
    pairs = _pairs(small, workspace, subjects)
    pairs.to_csv(folder / "pairs.csv", index=False)
    known = pd.read_csv(small / "scores.csv", keep_default_na=False, dtype=str)
    scores = pd.concat(_scores(known, pairs), ignore_index=True)
    scores.to_csv(folder / "scores.csv", index=False)
    rows = {method: {_settings(method): {"preset": "demo"}} for method in (REFERENCE, *METHODS)}
    (folder / "rows.json").write_text(json.dumps(rows))
    facts = json.loads(next(small.glob("predictions/*/run.json")).read_text())
    for method in rows:
        run = folder / "predictions" / f"{method}-s0-{_settings(method)}"
        run.mkdir(parents=True)
        own = {"method": method, "settings": _settings(method)}
        (run / "run.json").write_text(json.dumps(facts | own))
    return folder


def _settings(method: str) -> str:
    return f"{sum(map(ord, method)):012x}"


def _pairs(small: Path, workspace: Path, subjects: int) -> pd.DataFrame:
    """Pairs with groups and sexes; all have the volumes of the first subject of ``small``."""
    known = pd.read_csv(small / "pairs.csv", dtype=str)
    files = known[known["subject"] == known["subject"].iloc[0]]
    (workspace / "prepared").mkdir(exist_ok=True)
    for path in {*files["source"], *files["target"]}:
        shutil.copy(small.parent / path, workspace / path)
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(subjects), VISITS)
    year = np.tile(np.arange(1, VISITS + 1), subjects)
    return pd.DataFrame(
        {
            "subject": [f"{one:05d}" for one in number],
            "visit": [f"M{12 * one:03d}" for one in year],
            "interval_years": year + rng.normal(0, 0.05, len(year)),
            "source": files["source"].iloc[0],
            "target": files["target"].to_numpy()[(year - 1) % len(files)],
            "group": rng.choice(["CN", "MCI", "AD"], subjects)[number],
            "sex": rng.choice(["F", "M"], subjects)[number],
        }
    )


def _scores(known: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of every method and metric: per pair, per subject, or per set with leave-outs."""
    rng = np.random.default_rng(1)
    subjects = pairs["subject"].drop_duplicates()
    for level, method in enumerate((REFERENCE, *METHODS)):
        effect = pd.Series(rng.normal(0, 0.02, len(subjects)), subjects)
        for _, rows in known.groupby("metric", sort=True):
            first = rows.iloc[0].to_dict() | {"method": method, "settings": _settings(method)}
            size = {"protocol": NAME, "n": len(pairs)}
            if rows["visit"].any():
                where = pairs[["subject", "visit", "interval_years"]]
                yield _filled(first, rng, level, effect, where, {**size, "n": 1})
            elif rows.loc[rows["role"] == "value", "subject"].any():
                where = subjects.to_frame()
                yield _filled(first, rng, level, effect, where, {**size, "n": VISITS})
            else:
                alone = pd.DataFrame({"subject": [""], "visit": [""]})
                yield _filled(first, rng, level, effect, alone, size)
                left_out = {**size, "role": "leave-out"}
                yield _filled(first, rng, level, effect, subjects.to_frame(), left_out)


def _filled(
    first: dict[str, Any],
    rng: np.random.Generator,
    level: int,
    effect: pd.Series,
    where: pd.DataFrame,
    facts: dict[str, Any],
) -> pd.DataFrame:
    """Rows of one method and metric with random values."""
    blank = {"visit": "", "interval_years": "", "note": ""}
    table = pd.DataFrame([first | blank | facts]).loc[[0] * len(where)].reset_index(drop=True)
    table[where.columns] = where.to_numpy()
    of_subject = effect.reindex(table["subject"]).fillna(0).to_numpy()
    table["value"] = 0.9 - 0.01 * level + of_subject + rng.normal(0, 0.01, len(table))
    if len(table) > 1 and facts.get("role") != "leave-out":
        lost = rng.random(len(table)) < MISSING
        table.loc[lost, ["value", "note"]] = [np.nan, "not computed"]
    return table


def measure(workspace: Path) -> None:
    """Run ``report`` in a fresh process and print what it took."""
    cli = Path(__file__).parents[2] / "cli.py"
    command = [sys.executable, str(cli), "report", "--workspace", str(workspace)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{wall:.0f} s, of the CPU {used.ru_utime:.0f} s and in the system {used.ru_stime:.0f} s, "
        f"{used.ru_maxrss / 2**20:.2f} GB"
    )


def main() -> None:
    """Write the protocol if it is not there yet, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("small", type=Path)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--subjects", type=int, default=1000)
    given = parser.parse_args()
    if not (given.workspace / NAME).is_dir():
        enlarge(given.small, given.workspace, given.subjects)
    measure(given.workspace)


if __name__ == "__main__":
    main()
