"""Measure a loss that another program injected into real brains.

    python docs/examples/check_injected_loss.py DATASET BIDSGATE FOLDER [--weights FILE]

DATASET is a BIDS folder of raw scans, BIDSGATE the program of that name in an environment of its
own (``pip install bidsgate==0.3.0``). Each scan is prepared on a grid of 1 mm, where its brain is
contracted by ``bidsgate inject-atrophy``; both are brought onto each grid and segmented by each
version. Writes docs/anatomy/injected_loss.csv and its table in docs/anatomy.md. Continues after an
interruption; ten minutes on one core.

Bidsgate interpolates linearly and does not cut the brain out again: a rim of dim voxels is left,
which preparation counts as head. The loss is therefore measured twice: on the brain as it was
written, and cut again where less than half of a voxel is in the contracted mask.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from anatomy_training.versions import digests, load_versions
from marked_section import replace_section
from scipy import ndimage

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import atomic_file
from longibench.benchmark.preparation.prepare import Prepared, prepare_cohort
from longibench.benchmark.preparation.store.volumes import Volume, load_nifti, read_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.metrics.anatomy import Network, read

DOCS = Path(__file__).resolve().parents[1]
TABLE, PAGE = DOCS / "anatomy" / "injected_loss.csv", DOCS / "anatomy.md"
BEGIN, END = "<!-- injected -->", "<!-- /injected -->"
LOSSES = (1, 2, 5)  # percent
ORIGINAL = 0
AS_WRITTEN, CUT = "as written", "cut again"
HALF = 0.5  # share of a voxel that must lie in the contracted mask
BRIGHT = -0.4  # between fluid and grey matter
TITLES = {"bright": "bright voxels"}
FINE = "[192,240,192]", 1.0
GRIDS = {5.0: "[32,40,32]", 2.5: "[64,80,64]", 1.5: "[128,160,128]", 1.0: FINE[0]}
STRUCTURES = ("brain", "ventricles")
DARKEST, RANGE = 1.0, 1000.0  # of a stripped brain, whose background is 0
AS_THEY_ARE = [f"preparation.{step}=none" for step in ("bias", "brain", "registration")]

Row = dict[str, Any]


def main() -> None:
    """Inject, measure, and write the table and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("bidsgate", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, help="instead of those of the newest version")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    strip(given.dataset, given.folder)
    truths = {loss: inject(given.bidsgate, given.folder, loss) for loss in LOSSES}
    versions = load_versions(given.weights)
    rows = [
        row
        for kind in (AS_WRITTEN, CUT)
        for row in measure(gather(given.folder, kind), given.folder, versions, truths)
    ]
    given.table.parent.mkdir(exist_ok=True)
    weights = {f"v{number}": digest for number, digest in digests(given.weights).items()}
    table = pd.DataFrame(rows)
    table.insert(3, "weights", table["instrument"].map(weights))
    table.to_csv(given.table, index=False, float_format="%.4f")
    replace_section(given.page, BEGIN, END, f"\n{render(pd.read_csv(given.table))}")


def prepare(place: Path, folder: Path, shape: str, mm: float, steps: list[str]) -> Prepared:
    """Prepare a BIDS folder with one process, as ``prepare`` does."""
    grid = [f"grid.shape={shape}", f"grid.spacing_mm={mm}", "preparation.workers=1"]
    settings = load_settings("paper", [*grid, *steps])
    cohort = read_cohort(Bids, place, "bids")
    return prepare_cohort(
        cohort, settings.grid, folder / "prepared", Console(), settings.preparation
    )


def strip(dataset: Path, folder: Path) -> None:
    """Write each visit's brain at 1 mm as a subject of a BIDS folder, and its mask as another's."""
    brains, masks = folder / "brains", folder / "masks"
    prepared = prepare(dataset, folder, *FINE, [])
    for row in prepared.table.itertuples():
        image = load_nifti(row.volume)
        volume = np.asarray(image.dataobj, np.float32)
        mask = ndimage.binary_fill_holes(volume > -1)
        values = np.where(mask, DARKEST + RANGE * (volume + 1) / 2, 0)
        subject = f"{row.subject}{row.visit}".replace("-", "")
        write(scan_path(brains, subject, ORIGINAL), values, image.affine)
        write(scan_path(masks, subject, ORIGINAL), mask, image.affine)


def scan_path(place: Path, subject: str, loss: int) -> Path:
    """An image of a BIDS folder; its session is the percentage that was injected."""
    base = f"sub-{subject}_ses-{loss:02}"
    return place / f"sub-{subject}" / f"ses-{loss:02}" / "anat" / f"{base}_T1w.nii.gz"


def write(path: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Store an image that is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            nib.save(nib.Nifti1Image(values.astype(np.float32), affine), temporary)


def inject(bidsgate: Path, folder: Path, loss: int) -> dict[str, dict[str, Any]]:
    """Contract each brain, and its mask, within the mask: what bidsgate records, by subject."""
    mask = f"{folder}/masks/{{subject}}/ses-00/anat/{{subject}}_ses-00_T1w.nii.gz"
    for kind in ("brains", "masks"):
        out = folder / f"{kind}-{loss}"
        if not (out / "complete").exists():
            command = [bidsgate, "inject-atrophy", folder / kind, "--out", out, "--mask", mask]
            subprocess.run([*command, "--factor", str(1 - loss / 100)], check=True)
            (out / "complete").touch()
    found = (folder / f"brains-{loss}").glob("sub-*/**/*_truth.json")
    return {path.name.split("_")[0][4:]: json.loads(path.read_text()) for path in found}


def gather(folder: Path, kind: str) -> Path:
    """A BIDS folder with each brain, and the same with each loss as a later session of it."""
    place = folder / kind
    for source in sorted((folder / "brains").glob("sub-*")):
        subject = source.name.removeprefix("sub-")
        for loss in (ORIGINAL, *LOSSES):
            suffix = f"-{loss}" if loss else ""
            brain, mask = (
                nib.load(scan_path(folder / f"{name}{suffix}", subject, ORIGINAL))
                for name in ("brains", "masks")
            )
            values = np.asarray(brain.dataobj, np.float32)
            if kind == CUT:
                inside = np.asarray(mask.dataobj) >= HALF
                values = np.where(inside, values.clip(min=DARKEST), 0)
            write(scan_path(place, subject, loss), values, brain.affine)
        sessions = [{"session_id": f"ses-{loss:02}", "days": loss} for loss in (ORIGINAL, *LOSSES)]
        table = place / source.name / f"{source.name}_sessions.tsv"
        pd.DataFrame(sessions).to_csv(table, sep="\t", index=False)
    (place / "dataset_description.json").write_text('{"Name": "losses", "BIDSVersion": "1.9.0"}')
    return place


def measure(
    place: Path, folder: Path, versions: dict[int, Network], truths: dict[int, dict[str, Any]]
) -> Iterator[Row]:
    """A row for each grid, visit, instrument, structure and loss."""
    for mm, shape in GRIDS.items():
        prepared = prepare(place, folder, shape, mm, AS_THEY_ARE)
        for visit, (subject, scans) in enumerate(prepared.table.groupby("subject"), start=1):
            print(f"{place.name}, {mm:g} mm, {subject}", flush=True)
            volumes = {int(row.visit): read_volume(row.volume) for row in scans.itertuples()}
            for instrument, found in segmented(volumes, mm, versions):
                for loss in LOSSES:
                    truth = truths[loss][str(subject)]
                    first = {"edge": place.name, "visit": visit, "grid_mm": mm}
                    for row in losses_of(found[ORIGINAL], found[loss], truth):
                        yield {**first, "instrument": instrument, **row}


def segmented(
    volumes: dict[int, Volume], mm: float, versions: dict[int, Network]
) -> Iterator[tuple[str, dict[int, dict[str, float]]]]:
    """Volumes in ml by each version, and of what is bright, which needs no network."""
    bright = {loss: float((volume > BRIGHT).sum()) for loss, volume in volumes.items()}
    yield "bright", {loss: {"brain": count * mm**3 / 1000} for loss, count in bright.items()}
    for version, network in versions.items():
        sides = (mm, mm, mm)
        yield (
            f"v{version}",
            {loss: read(network, volume, sides).volumes for loss, volume in volumes.items()},
        )


def losses_of(
    before: dict[str, float], after: dict[str, float], truth: dict[str, Any]
) -> Iterator[Row]:
    """The loss found of each structure, in percent, beside the true one."""
    mask = truth["target_volume_mm3_after_measured"] / truth["target_volume_mm3_before"]
    for structure in STRUCTURES:
        if structure in before:
            yield {
                "structure": structure,
                "injected": 100 * (1 - truth["volume_factor"]),
                "of_mask": 100 * (1 - mask),
                "before_ml": before[structure],
                "found": 100 * (1 - after[structure] / before[structure]),
            }


def render(table: pd.DataFrame) -> str:
    """Losses found, a row for each grid and edge, the mean of the visits."""
    injected = [f"{loss:g}" for loss in sorted(table["injected"].round(2).unique())]
    instruments = sorted(table["instrument"].unique())
    columns = [(name, structure) for structure in STRUCTURES for name in instruments]
    keys = ["grid_mm", "edge", "structure", "instrument", "injected"]
    means = table.round({"injected": 2}).groupby(keys)["found"].mean()
    columns = [its for its in columns if (5.0, AS_WRITTEN, its[1], its[0]) in means.index]
    names = " | ".join(f"{structure}, {TITLES.get(name, name)}" for name, structure in columns)
    lines = [
        f"Loss found in percent where {', '.join(injected)} were injected, the mean of "
        f"{table['visit'].nunique()} visits:",
        "",
        f"| mm | edge | {names} |",
        "|---|---|" + "---|" * len(columns),
    ]
    for mm in GRIDS:
        for edge in (AS_WRITTEN, CUT):
            cells = [means[mm, edge, structure, name] for name, structure in columns]
            shown = [", ".join(f"{round(value, 1) + 0.0:.1f}" for value in cell) for cell in cells]
            lines.append(f"| {mm:g} | {edge} | {' | '.join(shown)} |")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
