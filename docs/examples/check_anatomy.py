"""Measure both versions of the embedded network on the same volumes, and write docs/anatomy.md.

    python docs/examples/check_anatomy.py FOLDER [PART ...]

Each part leaves a CSV file in a folder of FOLDER that is named by the weights; without names those
that are missing are measured, then ``page`` writes ``docs/anatomy/``,
``metrics/data/detectable.csv``, the figures and the tables of the page. ``real`` segments the
volumes of ``python cli.py prepare bids:DATASET --preset paper --workspace FOLDER/real``, if there
are any. ``--weights`` and ``--docs`` measure unfinished weights of the newest version, and write to
another folder, which has a copy of ``anatomy.md``.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from anatomy_training.anatomies import World
from anatomy_training.damage import SHRINKAGE
from anatomy_training.figures import draw_real
from anatomy_training.held_out_segmentation import head_rows
from anatomy_training.images import Camera, sides_of
from anatomy_training.page import LOG, publish
from anatomy_training.people import GRIDS_MM, People
from anatomy_training.response import YEARS, person_features, response_table
from anatomy_training.segmenting import person_rows
from anatomy_training.training import LOG as STEP_LOG
from anatomy_training.versions import digests, load_versions

from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.metrics.anatomy import NEWEST, Network, random_twin, read

DOCS = Path(__file__).resolve().parents[1]
PEOPLE, DAMAGED, HEADS = 120, 60, 8
THREADS = 2  # a volume each
REPEATS = 5  # of which the fastest counts

T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Check:
    """What is measured.

    Attributes:
        folder: Of the prepared scans, and of folders of parts.
        weights: Of the newest version; None: the released ones.
        docs: Where the page is.
    """

    folder: Path
    weights: Path | None
    docs: Path

    @cached_property
    def networks(self) -> dict[int, Network]:
        """Every version, the newest first."""
        return load_versions(self.weights)

    @cached_property
    def extractors(self) -> dict[str, Network]:
        """Every version, and the newest with random weights."""
        versions = {f"version {number}": network for number, network in self.networks.items()}
        return {**versions, "random": random_twin(0)}

    @cached_property
    def digests(self) -> dict[int, str]:
        """Of the weights of each version."""
        return digests(self.weights)

    @property
    def parts(self) -> Path:
        """The folder of the parts' files: those of other weights are never taken for theirs."""
        return self.folder / self.digests[NEWEST]

    @property
    def log(self) -> Path:
        """Of the training of the newest version."""
        return self.weights.with_name(STEP_LOG) if self.weights else LOG


def people(check: Check) -> pd.DataFrame:
    """Volumes of people with known volumes, who are scanned twice and again years later."""
    simulator, networks = People(), check.networks
    rows = on_threads(
        lambda number: person_rows(networks, simulator.subject(number)),
        range(1, PEOPLE + 1),
        "people",
    )
    return pd.DataFrame([row for some in rows for row in some])


def held_out(check: Check) -> pd.DataFrame:
    """Heads, contrasts and templates that training does not have."""
    world, networks = World.load(), check.networks
    tables = []
    for name, template in (("elderly", world.elderly), ("MNI152", world.young)):
        camera = Camera(template)
        views = [(number, mm) for number in range(1, HEADS + 1) for mm in GRIDS_MM]

        def measure(view: tuple[int, float], camera: Camera = camera) -> list[dict[str, object]]:
            return list(head_rows(networks, camera, *view))

        rows = [row for some in on_threads(measure, views, f"heads, {name}") for row in some]
        tables.append(pd.DataFrame(rows).assign(template=name))
    return pd.concat(tables)


def response(check: Check) -> pd.DataFrame:
    """FID of damaged scans, and five years later."""
    simulator = People(years=(YEARS,), shrinkage=SHRINKAGE.strengths)
    extractors = check.extractors
    features = on_threads(
        lambda number: person_features(extractors, simulator.subject(number)),
        range(1, DAMAGED + 1),
        "damage",
    )
    return response_table(features)


def real(check: Check) -> pd.DataFrame:
    """Volumes in ml of prepared scans, and pictures; the background is outside deepbet's mask."""
    rows, pictures = [], []
    paths = (check.folder / "real" / "prepared").glob("*.nii")
    # The first visit, which the others are registered to, has a file of transforms.
    visits = sorted(paths, key=lambda path: not path.with_suffix(".json").exists())
    for visit, path in enumerate(visits, 1):
        image = load_nifti(path)
        x, y, z = (float(size) for size in image.header.get_zooms())
        volume = np.asarray(image.dataobj, np.float32)
        mask = float((volume > -1).sum()) * x * y * z / 1000
        for version, network in check.networks.items():
            reading = read(network, volume, (x, y, z))
            rows.append({"visit": visit, "version": version, "mask": mask, **reading.volumes})
            if version == NEWEST:
                pictures.append((volume, reading.probabilities))
    if pictures:
        draw_real(pictures, check.parts / "anatomy_real")
    return pd.DataFrame(rows)


def speed(check: Check) -> pd.DataFrame:
    """Seconds per volume on one thread."""
    rows = []
    for spacing in GRIDS_MM:
        shape, side = sides_of(spacing), (spacing, spacing, spacing)
        volume = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        for name, network in check.extractors.items():
            features, tissue = [], []
            for _ in range(REPEATS):
                began = time.perf_counter()
                reading = read(network, volume, side)
                features.append(time.perf_counter() - began)
                _ = reading.shares
                tissue.append(time.perf_counter() - began)
            sides = "x".join(map(str, shape))
            named = {"spacing_mm": spacing, "volume": sides, "extractor": name}
            rows.append({**named, "features": min(features), "tissue": min(tissue)})
    return pd.DataFrame(rows)


PARTS: dict[str, Callable[[Check], pd.DataFrame]] = {
    part.__name__: part for part in (people, held_out, response, real, speed)
}
PAGE = "page"


def on_threads(function: Callable[[Item], T], items: Sequence[Item], label: str) -> list[T]:
    """Apply a function to every item, in order, and show how far it is."""
    with ThreadPoolExecutor(THREADS) as pool:
        found: Iterable[T] = pool.map(function, items)
        return list(Console().track(found, label, len(items)))


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", help=", ".join([*PARTS, PAGE]))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--docs", type=Path, default=DOCS)
    given = parser.parse_args()
    if given.weights and given.docs == DOCS:
        parser.error("--weights needs --docs: unfinished weights are not published")
    if unknown := set(given.parts).difference([*PARTS, PAGE]):
        parser.error(f"no part is named {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    check = Check(given.folder, given.weights, given.docs)
    check.parts.mkdir(parents=True, exist_ok=True)
    for name in given.parts or [*PARTS, PAGE]:
        path, began = check.parts / f"{name}.csv", time.monotonic()
        if name == PAGE:
            publish(check.parts, check.docs, check.digests, check.log, released=given.docs == DOCS)
        elif given.parts or not path.exists():
            table = PARTS[name](check)
            if len(table):
                table.to_csv(path, index=False)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
