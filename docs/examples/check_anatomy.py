"""Measures the values in docs/anatomy.md about the embedded network.

``python docs/examples/check_anatomy.py FOLDER [sensitivity|overlap|cohort|real|speed|log ...]``:
tables as Markdown on stdout, figures and CSV files into FOLDER; all parts without further
arguments. About half an hour on two cores. ``real`` segments what
``python cli.py prepare bids:DATASET --preset paper --workspace FOLDER/real`` has made.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from anatomy_training.anatomies import World
from anatomy_training.damage import DAMAGES
from anatomy_training.images import Camera
from anatomy_training.overlap import segment_held_out, summarise
from anatomy_training.sensitivity import (
    Extract,
    atrophy_row,
    damage_table,
    simulate_subjects,
)
from matplotlib.colors import ListedColormap

from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.metrics.anatomy import WEIGHTS, load_embedded, random_twin, read, tissue_volumes
from longibench.metrics.anatomy_network import AnatomyNetwork

SUBJECTS = 60  # in each of the two groups
TWINS = (0, 1, 2)
HEADS = 6
LOG = WEIGHTS.with_name("anatomy_training.csv")
SIDE = (2.5, 2.5, 2.5)


def sensitivity(folder: Path) -> None:
    """FID against damage, and five years against none, compared with random twins."""
    extractors = {"embedded": pooled(load_embedded())}
    extractors |= {f"random twin {seed}": pooled(random_twin(seed)) for seed in TWINS}
    subjects = simulate_subjects(World.load(), range(1, 2 * SUBJECTS + 1))
    aging, others = subjects[:SUBJECTS], subjects[SUBJECTS:]
    for reference in (None, others):  # their own first scans, then those of other subjects
        rows = [{"extractor": n, **atrophy_row(e, aging, reference)} for n, e in extractors.items()]
        show(pd.DataFrame(rows), 4)
    chosen = {name: extractors[name] for name in ("embedded", "random twin 0")}
    table = damage_table(chosen, aging)
    table["ratio"] = table["fid"] / table["floor"]
    table.to_csv(folder / "sensitivity.csv", index=False)
    wide = table.pivot(index=["damage", "strength"], columns="extractor", values="ratio")
    show(wide.reset_index(), 2)
    draw_sensitivity(table, folder / "anatomy_sensitivity.png")


def pooled(network: AnatomyNetwork) -> Extract:
    """A network's pooled features of a volume at 2.5 mm."""
    return lambda volume: read(network, volume, SIDE).pooled


def draw_sensitivity(table: pd.DataFrame, path: Path) -> None:
    """FID over its floor against strength, one panel per damage."""
    figure, axes = plt.subplots(1, len(DAMAGES), figsize=(13, 3), sharey=True, layout="constrained")
    for axis, damage in zip(axes, DAMAGES, strict=True):
        for name, rows in table[table["damage"] == damage.name].groupby("extractor"):
            style = {"marker": "o", "color": "C0" if name == "embedded" else "0.6"}
            undamaged = 1 if damage.unit == "gamma" else 0
            strengths = [undamaged, *rows["strength"]]
            axis.plot(strengths, [1, *rows["ratio"]], label=str(name), **style)
        axis.axhline(1, color="0.8", linewidth=0.8, zorder=0)
        axis.set(title=damage.name, xlabel=damage.unit, yscale="log")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("FID / FID of undamaged volumes")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)


def overlap(folder: Path) -> None:
    """Dice and volumes on heads and contrasts not used in training."""
    torch.set_num_threads(2)
    rows = segment_held_out(load_embedded(), Camera(World.load()), HEADS)
    rows.to_csv(folder / "overlap.csv", index=False)
    show(summarise(rows), 3)


def cohort(folder: Path) -> None:
    """Volumes and annual change on the benchmark's phantom, against the truth."""
    place = folder / "phantom"
    if not place.is_dir():
        write_phantom(place, PhantomSettings(subjects=40, spacing_mm=2.5, seed=51_977), Console())
    network = load_embedded()
    truth = pd.read_csv(place / "derivatives" / "truth" / "truth.tsv", sep="\t")
    rows = [measured(network, place, row) for row in truth.to_dict("records")]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "cohort.csv", index=False)
    show(pd.DataFrame([agreement(table, name) for name in ("brain", "ventricle")]), 3)


def measured(network: AnatomyNetwork, place: Path, row: dict) -> dict[str, object]:
    """Found and true volumes of one visit, ml."""
    person, visit = row["participant_id"], row["session_id"]
    image = load_nifti(place / person / visit / "anat" / f"{person}_{visit}_T1w.nii.gz")
    scan = np.asarray(image.dataobj, np.float32)
    low, high = np.percentile(scan[scan > 0], [1, 99.5])
    volume = np.where(scan > 0, ((scan - low) * 2 / (high - low) - 1).clip(-1, 1), -1)
    found = tissue_volumes(read(network, volume.astype(np.float32), SIDE).probabilities, SIDE)
    return {
        "person": person,
        "years": row["years"],
        "true_brain": row["brain_ml"],
        "true_ventricle": row["ventricle_ml"],
        "found_brain": found["brain"],
        "found_ventricle": found["ventricles"],
    }


def agreement(table: pd.DataFrame, name: str) -> dict[str, object]:
    """Agreement of found volumes and their annual change in percent with the true ones."""
    first = table.groupby("person").transform("first")
    later = table["years"] > 0
    rates = {
        side: (100 * (table[f"{side}_{name}"] / first[f"{side}_{name}"] - 1) / table["years"])[
            later
        ]
        for side in ("true", "found")
    }
    error = rates["found"] - rates["true"]
    ratio = table[f"found_{name}"] / table[f"true_{name}"]
    return {
        "structure": name,
        "volume, found / true": f"{ratio.mean():.3f} ± {ratio.std():.3f}",
        "correlation of volumes": table[f"found_{name}"].corr(table[f"true_{name}"]),
        "true change, %/year": f"{rates['true'].mean():.2f} ± {rates['true'].std():.2f}",
        "bias": error.mean(),
        "mean absolute error": error.abs().mean(),
        "correlation of changes": rates["found"].corr(rates["true"]),
    }


def real(folder: Path) -> None:
    """Volumes and images of prepared scans; the background is -1 outside deepbet's mask."""
    paths = sorted((folder / "real" / "prepared").glob("*.nii"))
    if not paths:
        print("nothing prepared\n")
        return
    network = load_embedded()
    figure, axes = plt.subplots(len(paths), 4, figsize=(11, 3.4 * len(paths)), squeeze=False)
    rows = []
    for path, line in zip(paths, axes, strict=True):
        image = load_nifti(path)
        x, y, z = (float(size) for size in image.header.get_zooms())
        volume = np.asarray(image.dataobj, np.float32)
        shares = read(network, volume, (x, y, z)).probabilities
        found = tissue_volumes(shares, (x, y, z))
        mask = float((volume > -1).sum()) * x * y * z / 1000
        head = found["brain"] + found["csf"] + found["ventricles"]
        rows.append({"mask, ml": mask, "all tissue, ml": head, "ratio": head / mask, **found})
        picture(line, volume, shares)
    show(pd.DataFrame(rows), 2)
    figure.tight_layout()
    figure.savefig(folder / "anatomy_real.png", dpi=110)


def picture(axes: np.ndarray, volume: np.ndarray, shares: np.ndarray) -> None:
    """Two planes through the ventricles, each with and without the tissue found."""
    colours = ListedColormap(["#3b7dd8", "#c98a4b", "#f2efe6", "#e02020"])
    labels = np.ma.masked_equal(shares.argmax(axis=0), 0)
    sides = [
        round(where * side) for where, side in zip((0.42, 0.55), volume.shape[::2], strict=True)
    ]
    planes = [np.s_[:, :, sides[1]], np.s_[sides[0], :, :]]
    for number, plane in enumerate(planes):
        for axis, overlaid in zip(axes[2 * number : 2 * number + 2], (False, True), strict=True):
            axis.imshow(volume[plane].T, origin="lower", cmap="gray", vmin=-1, vmax=1)
            if overlaid:
                axis.imshow(
                    labels[plane].T, origin="lower", cmap=colours, vmin=1, vmax=4, alpha=0.6
                )
            axis.axis("off")


def speed(folder: Path) -> None:
    """Seconds per volume on one thread, and the size of the file."""
    torch.set_num_threads(1)
    network = load_embedded()
    rows = []
    for shape, spacing in (((32, 40, 32), 5.0), ((64, 80, 64), 2.5), ((128, 160, 128), 1.25)):
        volume = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        times = []
        for _ in range(4):
            began = time.perf_counter()
            read(network, volume, (spacing, spacing, spacing))
            times.append(time.perf_counter() - began)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        sides = "x".join(map(str, shape))
        rows.append(
            {"volume": sides, "seconds": min(times), "peak memory of the process, MB": peak}
        )
    show(pd.DataFrame(rows), 2)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e6:.2f} MB\n")


def log(folder: Path) -> None:
    """The training's losses."""
    rows = pd.read_csv(LOG)
    figure, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="constrained")
    names = {
        "entropy": "cross entropy",
        "dice": "1 - Dice",
        "told": "squared error of the properties",
    }
    for axis, (column, name) in zip(axes, names.items(), strict=True):
        axis.plot(rows["iteration"], rows[column], color="C0", linewidth=1)
        axis.set(title=name, xlabel="iteration", ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "anatomy_training.png", dpi=150)
    print(f"{rows['iteration'].iloc[-1]} iterations, {rows['seconds'].iloc[-1] / 60:.0f} minutes\n")


def show(table: pd.DataFrame, decimals: int) -> None:
    """Print a table as Markdown."""
    print("| " + " | ".join(map(str, table.columns)) + " |")
    print("|" + " --- |" * len(table.columns))
    for row in table.itertuples(index=False):
        cells = [f"{cell:.{decimals}f}" if isinstance(cell, float) else str(cell) for cell in row]
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


PARTS: dict[str, Callable[[Path], None]] = {
    part.__name__: part for part in (sensitivity, overlap, cohort, real, speed, log)
}

if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[2:] or PARTS:
        print(f"## {part}\n", flush=True)
        PARTS[part](target)
