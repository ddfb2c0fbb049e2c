"""Measures the values of docs/anatomy.md for the embedded network.

``python docs/examples/check_anatomy.py FOLDER [PART ...]`` with the parts ``sensitivity``,
``overlap``, ``cohort``, ``repeats``, ``real``, ``speed`` and ``log``: tables as Markdown on stdout,
figures and CSV files in FOLDER; all parts by default. About three quarters of an hour on two cores.
``repeats`` also writes ``metrics/data/detectable.csv``. ``real`` segments the volumes of
``python cli.py prepare bids:DATASET --preset paper --workspace FOLDER/real``.
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
import seaborn as sns
import torch
from anatomy_training.anatomies import World
from anatomy_training.damage import DAMAGES
from anatomy_training.images import Camera
from anatomy_training.overlap import segment_held_out, summarise
from anatomy_training.people import People, Values
from anatomy_training.repeats import record, repeat_table
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
from longibench.benchmark.settings.phantom_clean import CleanSettings
from longibench.metrics.anatomy import (
    SHA256,
    VERSION,
    WEIGHTS,
    load_embedded,
    random_twin,
    read,
    tissue_volumes,
)
from longibench.metrics.anatomy_network import AnatomyNetwork
from longibench.metrics.scan import Spacing
from longibench.reports.figures.style import COLOURS, look, save

PEOPLE = 60  # in each of the two groups
REPEATED = 120  # people scanned twice
TWINS = (0, 1, 2)
HEADS = 6
LOG = WEIGHTS.with_name("anatomy_training.csv")
SIDE = (2.5, 2.5, 2.5)


def sensitivity(folder: Path) -> None:
    """FID against damage, and five years against none, compared with random twins."""
    extractors = {"embedded": pooled(load_embedded())}
    extractors |= {f"random twin {seed}": pooled(random_twin(seed)) for seed in TWINS}
    subjects = simulate_subjects(World.load(), range(1, 2 * PEOPLE + 1))
    people, others = subjects[:PEOPLE], subjects[PEOPLE:]
    for reference in (None, others):  # their own first scans, then other people's
        rows = [
            {"extractor": n, **atrophy_row(e, people, reference)} for n, e in extractors.items()
        ]
        show(pd.DataFrame(rows), 4)
    chosen = {name: extractors[name] for name in ("embedded", "random twin 0")}
    table = damage_table(chosen, people)
    table["ratio"] = table["fid"] / table["floor"]
    table.to_csv(folder / "sensitivity.csv", index=False)
    wide = table.pivot(index=["damage", "strength"], columns="extractor", values="ratio")
    show(wide.reset_index(), 2)
    draw_sensitivity(table, folder)


def pooled(network: AnatomyNetwork) -> Extract:
    """Pooled features of a volume at 2.5 mm."""
    return lambda volume: read(network, volume, SIDE).pooled


def draw_sensitivity(table: pd.DataFrame, folder: Path) -> None:
    """FID over its floor against strength, a panel per damage."""
    undamaged = table.drop_duplicates(["damage", "extractor"]).assign(ratio=1.0)
    undamaged["strength"] = undamaged["damage"].map({its.name: its.nothing for its in DAMAGES})
    with look():
        grid = sns.relplot(
            pd.concat([undamaged, table], ignore_index=True), kind="line",
            x="strength", y="ratio", col="damage", col_order=[its.name for its in DAMAGES],
            hue="extractor", style="extractor", markers=True, palette=COLOURS[:2], errorbar=None,
            facet_kws={"sharex": False}, height=2.7, aspect=0.9,
        )  # fmt: skip
        grid.set_titles("{col_name}").set(yscale="log", ylabel="")
        for panel, damage in zip(grid.axes.flat, DAMAGES, strict=True):
            panel.set_xlabel(damage.unit)
        grid.axes.flat[0].set_ylabel("FID / FID of\nundamaged volumes")
        sns.move_legend(grid, "outside lower center", ncols=2, title=None)
        grid.figure.set_layout_engine("constrained")
    save(grid.figure, folder / "anatomy_sensitivity", [".png"])


def overlap(folder: Path) -> None:
    """Dice and volumes on held-out heads and contrasts."""
    torch.set_num_threads(2)
    rows = segment_held_out(load_embedded(), Camera(World.load()), HEADS)
    rows.to_csv(folder / "overlap.csv", index=False)
    show(summarise(rows), 3)


def cohort(folder: Path) -> None:
    """Volumes and annual change on ``phantom:clean``, against the truth."""
    place = folder / "phantom"
    if not place.is_dir():
        study = CleanSettings(subjects=40, spacing_mm=2.5, seed=51_977)
        write_phantom(place, study, Console())
    network = load_embedded()
    truth = pd.read_csv(place / "derivatives" / "truth" / "truth.tsv", sep="\t")
    rows = [measured(network, place, row) for row in truth.to_dict("records")]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "cohort.csv", index=False)
    show(pd.DataFrame([agreement(table, name) for name in ("brain", "ventricle")]), 3)


def measured(network: AnatomyNetwork, place: Path, row: dict) -> dict[str, object]:
    """Measured and true volumes of one visit, ml."""
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
    """Agreement of measured and true volumes, and of their annual change in percent."""
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


def repeats(folder: Path) -> None:
    """Two scans of the same anatomy on three grids; writes ``metrics/data/detectable.csv``."""
    network = load_embedded()

    def measure(volume: Values, side: Spacing) -> dict[str, float]:
        return tissue_volumes(read(network, volume, side).probabilities, side)

    people = People().subjects(range(1, REPEATED + 1))
    table = repeat_table(VERSION, SHA256, measure, people)
    record(table)
    show(table, 3)


def real(folder: Path) -> None:
    """Volumes and pictures of prepared scans; the background is -1 outside of deepbet's mask."""
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
    """Two planes through the ventricles, each with and without the segmented tissue."""
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
    names = {
        "entropy": "cross entropy",
        "dice": "1 - Dice",
        "told": "squared error of the auxiliary targets",
    }
    losses = rows.rename(columns=names).melt("iteration", list(names.values()))
    with look():
        grid = sns.relplot(
            losses, kind="line", x="iteration", y="value", col="variable", color=COLOURS[0],
            errorbar=None, facet_kws={"sharey": False}, height=2.6, aspect=1.3,
        )  # fmt: skip
        grid.set_titles("{col_name}").set(ylim=(0, None), ylabel="")
        grid.figure.set_layout_engine("constrained")
    save(grid.figure, folder / "anatomy_training", [".png"])
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
    part.__name__: part for part in (sensitivity, overlap, cohort, repeats, real, speed, log)
}

if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[2:] or PARTS:
        print(f"## {part}\n", flush=True)
        PARTS[part](target)
