"""Measures ``cohort`` on large synthetic cohorts for docs/speed.md: wall, CPU and memory.

``python docs/examples/measure_cohort.py FOLDER``. Writes a BIDS dataset (4,000 subjects with 5
sessions) and a table (40,000 subjects with 5 visits) to FOLDER once. The files of scans are empty,
because ``cohort`` opens none.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

VISITS = 5
BIDS_SUBJECTS, TABLE_SUBJECTS = 4_000, 40_000


def people(subjects: int) -> pd.DataFrame:
    """One row per visit: subject, month, day and covariates."""
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(subjects), VISITS)
    year = np.tile(np.arange(VISITS), subjects)
    return pd.DataFrame(
        {
            "subject": [f"{one:05d}" for one in number],
            "month": 12 * year,
            "days": year * 365 + rng.integers(0, 30, len(year)) * (year > 0),
            "age": rng.normal(72, 6, subjects).round(1)[number],
            "sex": rng.choice(["F", "M"], subjects)[number],
            "group": rng.choice(["CN", "MCI", "AD"], subjects)[number],
            "site": rng.choice(["north", "south", "west"], subjects)[number],
            "mmse": rng.integers(20, 31, len(number)),
        }
    )


def write_bids(root: Path, subjects: int) -> None:
    """A dataset with participants.tsv and a sessions.tsv for each subject."""
    root.mkdir(parents=True)
    description = {"Name": "synthetic", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    table = people(subjects)
    table["participant_id"] = "sub-" + table["subject"]
    table["session_id"] = [f"ses-M{month:03d}" for month in table["month"]]
    columns = ["participant_id", "age", "sex", "group", "site"]
    first = table.drop_duplicates("subject")[columns]
    first.to_csv(root / "participants.tsv", sep="\t", index=False)
    for name, rows in table.groupby("participant_id"):
        for session in rows["session_id"]:
            folder = root / str(name) / session / "anat"
            folder.mkdir(parents=True)
            (folder / f"{name}_{session}_T1w.nii.gz").touch()
        sessions = rows[["session_id", "days", "mmse"]].rename(columns={"days": "days_since_first"})
        sessions.to_csv(root / str(name) / f"{name}_sessions.tsv", sep="\t", index=False)


def write_table(folder: Path, subjects: int) -> Path:
    """A table that names the file of each visit, and the files."""
    folder.mkdir(parents=True)
    table = people(subjects)
    table["visit"] = [f"m{month:02d}" for month in table["month"]]
    table["path"] = [f"{s}/{s}_{v}.nii.gz" for s, v in zip(table.subject, table.visit, strict=True)]
    for subject in table["subject"].unique():
        (folder / subject).mkdir()
    for path in table["path"]:
        (folder / path).touch()
    path = folder / "visits.csv"
    table.drop(columns="month").to_csv(path, index=False)
    return path


def _specs(folder: Path) -> Iterator[str]:
    bids, table = folder / "bids", folder / "table" / "visits.csv"
    if not bids.is_dir():
        write_bids(bids, BIDS_SUBJECTS)
    if not table.is_file():
        write_table(table.parent, TABLE_SUBJECTS)
    yield from (f"bids:{bids}", f"table:{table}")


def main() -> None:
    """Write the cohorts if they are not there yet, and measure each in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    cli = Path(__file__).parents[2] / "cli.py"
    for spec in _specs(folder):
        place = ["--workspace", str(folder / "runs"), "--json", "--ids"]
        command = [sys.executable, str(cli), "cohort", spec, *place]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
        wall, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        scans = json.loads(done.stdout)["scans"]
        print(f"{spec}: {scans:,} scans, {wall:.0f} s, CPU {cpu:.0f} s")


if __name__ == "__main__":
    main()
