"""Measure both phantoms and write docs/phantom.csv and the tables of docs/phantom.md.

    python docs/examples/phantom_table.py SCRATCH [--people 500] [--pairs 40]

Sizes and rates are those of the true volumes of PEOPLE participants, between the first visit and
two years later; the correlation of two visits is measured on volumes after the benchmark's own
preparation. About ten minutes on two cores.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from marked_section import replace_section

from longibench.benchmark.cohorts.open_cohort import open_cohort
from longibench.benchmark.cohorts.phantom.acquisition import noise_of
from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.person import YEAR, Person
from longibench.benchmark.cohorts.phantom.scanner import from_head, sample_session, to_head
from longibench.benchmark.cohorts.phantom.simulation import Simulation, build_simulation
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

DOCS = Path(__file__).resolve().parents[1]
TABLE, PAGE = DOCS / "phantom.csv", DOCS / "phantom.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
VERSIONS = {"phantom": PhantomSettings, "phantom:clean": CleanSettings}
GROUPS = ("CN", "MCI", "AD")
YEARS = 2.0
GRIDS = {5.0: "[32,40,32]", 2.5: "[64,80,64]"}
BACKGROUND = -1.0
HEAD_MM, SEED = 70.0, 15  # radius of what is compared of a head; of the sampled positions

# Quantity: unit, then by group what studies report. Sources: docs/phantom.md.
PUBLISHED = {
    "age": ("years", "77.0 ± 5.1", "76.0 ± 7.2", "76.5 ± 7.4", "Hua"),
    "lateral ventricles": ("ml", "35 ± 19", "42 ± 23", "49 ± 25", "ADNI-1, not re-read"),
    "hippocampi": ("ml", "7.3 ± 0.9", "6.4 ± 1.1", "5.7 ± 1.0", "ADNI-1, not re-read"),
    "brain": ("ml", "1030 ± 105", "1020 ± 110", "980 ± 115", "ADNI-1, not re-read"),
    "brain, loss": ("% a year", "0.5 ± 0.5", "1.2 ± 0.9", "1.9 ± 0.9", "Sluimer"),
    "grey matter, loss": ("% a year", "0.8", "", "", "Crivello"),
    "white matter, loss": ("% a year", "", "", "", "half of grey is meant"),
    "ventricles, growth": ("% a year", "4.2 ± 3.6", "5.2 ± 4.3, 8.2 ± 4.7", "9.9 ± 5.3", "Schuff"),
    "ventricles, growth in ml": ("ml a year", "1.4", "", "", "Resnick"),
    "hippocampi, loss": ("% a year", "1.4", "2.6", "4.7", "Barnes; MCI Schuff 2009"),
}
COLUMN = {
    "lateral ventricles": "ventricle_ml",
    "hippocampi": "hippocampus_ml",
    "brain": "brain_ml",
    "grey matter": "grey_ml",
    "white matter": "white_ml",
    "ventricles": "ventricle_ml",
}


def main() -> None:
    """Measure, and write the table and the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=40)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for version in VERSIONS:
        people = measure_people(version, given.people)
        rows += [{"version": version, **row} for row in summarise(people)]
        rows += [{"version": version, **row} for row in scanner_rows(version, given.people)]
        rows += [{"version": version, **row} for row in correlations(version, given)]
    table = pd.DataFrame(rows)
    table.to_csv(TABLE, index=False, float_format="%.4f")
    write_page(PAGE, pd.read_csv(TABLE))


def measure_people(version: str, count: int) -> pd.DataFrame:
    """True volumes of many participants at the first visit and ``YEARS`` later, a row each."""
    torch.set_num_threads(1)
    simulation = build_simulation(VERSIONS[version](subjects=count))
    with ThreadPoolExecutor(2) as pool:
        numbers = range(1, count + 1)
        measured = pool.map(lambda number: _measure(simulation, number), numbers)
        rows = list(Console().track(measured, f"{version}: people", count))
    return pd.DataFrame(rows)


def _measure(simulation: Simulation, number: int) -> dict[str, Any]:
    person: Person = simulation.people.person(number)
    body = simulation.people.body(person, simulation.people.anatomy(person))
    first = body.at(0.0)
    region = simulation.volumes.region(first)
    before, later = simulation.volumes.ml(first, region), body.at(YEARS)
    after = simulation.volumes.ml(later, region)
    jacobian = simulation.volumes.smallest_jacobian(body.at(person.days[-1] / YEAR))
    found: dict[str, Any] = {"group": person.group, "age": person.age, "jacobian": jacobian}
    for name in ("lateral ventricles", "hippocampi", "brain"):
        found[name] = before[COLUMN[name]]
    for name in ("brain", "grey matter", "white matter", "hippocampi"):
        column = COLUMN[name]
        found[f"{name}, loss"] = 100 * (1 - after[column] / before[column]) / YEARS
    growth = (after["ventricle_ml"] - before["ventricle_ml"]) / YEARS
    found["ventricles, growth in ml"] = growth
    found["ventricles, growth"] = 100 * growth / before["ventricle_ml"]
    return found


def summarise(people: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Mean and spread by group, growth on size, and what the group explains."""
    for quantity in PUBLISHED:
        for group in GROUPS:
            values = people.loc[people["group"] == group, quantity]
            yield _row(quantity, group, values.mean(), values.std(), len(values))
    growth, size = "ventricles, growth in ml", "lateral ventricles"
    for group in (*GROUPS, "all"):
        some = people if group == "all" else people[people["group"] == group]
        yield _row("growth on size", group, some[growth].corr(some[size]), np.nan, len(some))
    for quantity in ("brain, loss", "ventricles, growth", "hippocampi, loss"):
        yield _row(
            f"share of group: {quantity}", "all", _explained(people, quantity), np.nan, len(people)
        )
    yield _row("smallest Jacobian", "all", people["jacobian"].min(), np.nan, len(people))


def _row(quantity: str, group: str, mean: float, spread: float, count: int) -> dict[str, Any]:
    return {"quantity": quantity, "group": group, "mean": mean, "sd": spread, "n": count}


def _explained(people: pd.DataFrame, quantity: str) -> float:
    """Share of the variance between people that the group explains (eta squared)."""
    values = people[quantity]
    within = values - people.groupby("group")[quantity].transform("mean")
    return float(1 - within.var(ddof=0) / values.var(ddof=0))


def scanner_rows(version: str, count: int) -> Iterator[dict[str, Any]]:
    """Noise by voxel size, in percent of white matter, and how far two visits lie apart."""
    settings = VERSIONS[version]()
    for spacing in GRIDS:
        noise = noise_of(settings.model_copy(update={"spacing_mm": spacing}))
        yield _row(f"noise, % of white matter, {spacing:g} mm", "all", 100 * noise, np.nan, 1)
    points = FIELD.points()
    points = points[points.norm(dim=1) < HEAD_MM]
    found = []
    for number in range(1, count + 1):
        rng = np.random.default_rng([SEED, number])
        first, later = (sample_session(rng, settings.scanner, 1.0) for _ in range(2))
        apart = from_head(to_head(points, later), first) - points
        found.append(float(apart.square().sum(dim=1).mean().sqrt()))
    yield _row("distance of two visits, mm", "all", np.mean(found), np.std(found, ddof=1), count)


def correlations(version: str, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Correlation of the first two visits in the source's head, after preparation, by grid."""
    for spacing, shape in GRIDS.items():
        overrides = [
            f"grid.spacing_mm={spacing}",
            f"grid.shape={shape}",
            f"phantom.subjects={given.pairs}",
            "phantom.follow_up_years=[1.0]",
        ]
        settings = load_settings("demo", overrides).model_copy(update={"cohort": version})
        workspace, console = Workspace(given.scratch), Console()
        cohort = open_cohort(version, settings, workspace, console)
        prepared = prepare_cohort(
            cohort, settings.grid, workspace.prepared, console, settings.preparation
        )
        found = []
        for _, visits in prepared.table.sort_values("years").groupby("subject"):
            source, target = (read_volume(path) for path in visits["volume"].head(2))
            head = source > BACKGROUND
            found.append(np.corrcoef(source[head], target[head])[0, 1])
        quantity = f"correlation of two visits, {spacing:g} mm"
        yield _row(quantity, "all", float(np.mean(found)), float(np.std(found, ddof=1)), len(found))


def write_page(page: Path, table: pd.DataFrame) -> None:
    """Replace what stands between the page's marks."""
    replace_section(page, BEGIN, END, f"\n{render(table)}")


def render(table: pd.DataFrame) -> str:
    """Both tables as Markdown: what studies report by group, and what has no published value."""
    cells = {(row.version, row.quantity, row.group): row for row in table.itertuples(index=False)}
    people = int(table.loc[table["quantity"] == "growth on size", "n"].max())
    pairs = int(table.loc[table["quantity"].str.startswith("correlation"), "n"].max())
    lines = [
        f"Measured on {people} participants of each version; the correlation of two visits, on "
        f"{pairs}.",
        "",
    ]
    lines += [
        "| | group | published | source | phantom | phantom:clean |",
        "|---|---|---|---|---|---|",
    ]
    for quantity, (unit, *by_group, source) in PUBLISHED.items():
        for group, text in zip(GROUPS, by_group, strict=True):
            shown = [_spread(cells[version, quantity, group]) for version in VERSIONS]
            lines.append(
                f"| {quantity}, {unit} | {group} | {text} | {source} | {' | '.join(shown)} |"
            )
    lines += ["", "| | group | phantom | phantom:clean |", "|---|---|---|---|"]
    for quantity, group in dict.fromkeys(zip(table["quantity"], table["group"], strict=True)):
        if quantity not in PUBLISHED:
            shown = [_spread(cells[version, quantity, group]) for version in VERSIONS]
            lines.append(f"| {quantity} | {group} | {' | '.join(shown)} |")
    return "".join(f"{line}\n" for line in lines)


def _spread(row: Any) -> str:
    """A mean with its standard deviation, with three digits."""
    decimals = 0 if abs(row.mean) >= 100 else 1 if abs(row.mean) >= 10 else 2
    if row.quantity.startswith(("correlation", "smallest")):
        decimals = 3
    text = f"{row.mean:.{decimals}f}"
    return text if pd.isna(row.sd) else f"{text} ± {row.sd:.{decimals}f}"


if __name__ == "__main__":
    main()
