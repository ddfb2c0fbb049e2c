"""Volumes whose faults are known, made from a source, what was simulated, and nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from torch import Tensor

from longibench.benchmark.cohorts.open_cohort import open_cohort, phantom_of
from longibench.benchmark.cohorts.phantom.anatomy import Body, displacement
from longibench.benchmark.cohorts.phantom.futures import Volume
from longibench.benchmark.cohorts.phantom.person import Person
from longibench.benchmark.cohorts.phantom.plain_truth import expected_volumes, shown_at
from longibench.benchmark.cohorts.phantom.simulation import (
    Simulation,
    Visit,
    build_simulation,
    simulate,
)
from longibench.benchmark.cohorts.phantom.truth import write_clean
from longibench.benchmark.cohorts.phantom.visit_truth import CLEAN
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.seeds import derive_seed
from longibench.benchmark.core.workspace import MANIFEST, Workspace
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.store.volumes import (
    prepared_space,
    read_volume,
    write_volume,
)
from longibench.benchmark.preparation.truth import VOLUME_CLEAN, prepare_truth
from longibench.benchmark.settings.schema import Settings
from longibench.metrics.masks import head_mask

BRIGHTER, WIDER, RANDOM = "intensity offset", "ventricle offset", "random direction"
MEAN, EXPECTED = "mean rate", "expected change"
OFFSET = 0.03  # of intensities in [-1, 1]
ENLARGED = 0.095  # of the source's ventricles
SIGN_MM = 10.0  # standard deviation of the noise whose sign it is
RATES = ("ventricle_growth", "brain_loss", "hippocampus_loss")
KEYS = ["subject", "visit"]

Rendered = dict[tuple[str, str], Volume]


def write_fools(pairs: pd.DataFrame, settings: Settings, scratch: Path, futures: int) -> list[str]:
    """Write the volumes that no row of a run has, a folder with a manifest for each kind.

    Args:
        pairs: Evaluation pairs with their truth, under the rule ``all``.
        settings: Of the run that the pairs are from.
        scratch: The run's workspace; the folders lie in its ``fools``.
        futures: Simulated futures behind what can be expected.

    Returns:
        The kinds, which are the folders' names.
    """
    rendered = _render(pairs, settings, Workspace(scratch), futures)
    rows: dict[str, list[dict[str, str]]] = {}
    for pair in pairs.to_dict("records"):
        key = (pair["subject"], pair["visit"])
        _, affine = prepared_space(pair["source"])
        given = {kind: volumes[key] for kind, volumes in rendered.items()}
        for kind, volume in _fools(pair, given, settings.grid.spacing_mm):
            name = f"sub-{'_'.join(key)}.nii"
            write_volume(scratch / "fools" / kind / name, volume.clip(-1, 1), affine)
            rows.setdefault(kind, []).append(dict(zip(KEYS, key, strict=True), generated=name))
    for kind, listed in rows.items():
        pd.DataFrame(listed).to_csv(scratch / "fools" / kind / MANIFEST, index=False)
    return list(rows)


def _fools(
    pair: dict[str, str], rendered: dict[str, Volume], spacing_mm: float
) -> Iterator[tuple[str, Volume]]:
    """Each kind with its volume (X, Y, Z), not clipped."""
    source, before, after = (
        read_volume(pair[name]) for name in ("source", "source_clean", "target_clean")
    )
    yield BRIGHTER, source + OFFSET * head_mask(source)
    yield (
        RANDOM,
        source + (after - before) * random_signs(pair["subject"], source.shape, spacing_mm),
    )
    for kind, volume in rendered.items():
        yield kind, source + (volume - before)


def random_signs(subject: str, shape: tuple[int, ...], spacing_mm: float) -> Volume:
    """A smooth random field of -1 and 1, (X, Y, Z), the same for all visits of a subject."""
    noise = np.random.default_rng(derive_seed(RANDOM, subject)).standard_normal(shape)
    return np.sign(ndimage.gaussian_filter(noise, SIGN_MM / spacing_mm)).astype(np.float32)


def _render(
    pairs: pd.DataFrame, settings: Settings, workspace: Workspace, futures: int
) -> dict[str, Rendered]:
    """Other changes of the same first visits without noise, prepared like their sources."""
    cohort = open_cohort(settings.cohort, settings, workspace, Console(quiet=True))
    prepared = prepare_cohort(
        cohort, settings.grid, workspace.prepared, Console(quiet=True), settings.preparation
    )
    phantom = phantom_of(settings.cohort, settings).model_copy(update={"futures": futures})
    simulation = build_simulation(phantom)
    trained = set(prepared.table["subject"]) - set(pairs["subject"])
    rates = _mean_rates(simulation.people.person(int(subject)) for subject in trained)
    files: dict[str, dict[tuple[str, str], Path]] = {}
    visits = list(pairs.groupby("subject"))
    for subject, its in Console().track(visits, f"{settings.cohort}: render", len(visits)):
        person = simulation.people.person(int(str(subject)))
        first = next(simulate(simulation, person, simulation.people.anatomy(person)))
        years = its["interval_years"].tolist()
        for kind, volumes in _changes(simulation, person, first, years, rates).items():
            for visit, volume in zip(its["visit"], volumes, strict=True):
                path = workspace.root / "rendered" / kind / f"{subject}_{visit}.nii.gz"
                write_clean(path, volume, first.acquisition.affine)
                files.setdefault(kind, {})[str(subject), visit] = path
    return {kind: _on_grid(prepared, settings, workspace, its) for kind, its in files.items()}


def _mean_rates(people: Iterable[Person]) -> dict[str, object]:
    """The mean rates of some participants; which rates there are depends on the phantom."""
    rows = pd.DataFrame([vars(person) for person in people])
    means = rows[[name for name in RATES if name in rows]].mean()
    return {**means.to_dict(), "tilts": (0.0, 0.0)}


def _changes(
    simulation: Simulation,
    person: Person,
    first: Visit,
    years: list[float],
    rates: dict[str, object],
) -> dict[str, list[Volume]]:
    """What the first visit's session shows after other changes, a volume (X, Y, Z) for each time.

    Args:
        simulation: The phantom, with futures.
        person: The participant.
        first: The first visit.
        years: Since the first visit, ascending.
        rates: Of the mean participant.
    """
    show, people = shown_at(simulation, first), simulation.people
    mean = people.velocity(replace(person, **rates))  # type: ignore[arg-type]
    body = Body(displacement(first.positions), people.modes, mean)
    return {
        WIDER: [show(_enlarged(simulation, first))] * len(years),
        MEAN: [show(body.at(time)) for time in years],
        EXPECTED: expected_volumes(simulation, person, first, years),
    }


def _enlarged(simulation: Simulation, first: Visit) -> Tensor:
    """The map (3, X, Y, Z) of the first visit with ventricles that are ``ENLARGED``.

    The first mode moves the ventricles; how much of it that takes is found by trying.
    """
    modes, volumes = simulation.people.modes, simulation.volumes
    region = volumes.region(first.positions)
    before = volumes.ml(first.positions, region)["ventricle_ml"]
    velocity, positions = ENLARGED * modes.velocity((1.0,)), first.positions
    for _ in range(3):
        positions = Body(displacement(first.positions), modes, velocity).at(1.0)
        growth = volumes.ml(positions, region)["ventricle_ml"] / before - 1
        velocity = velocity * (ENLARGED / growth)
    return positions


def _on_grid(
    prepared: Prepared, settings: Settings, workspace: Workspace, files: dict[tuple[str, str], Path]
) -> Rendered:
    """Noise-free volumes in place of the visits' own, brought onto the grid as those are."""
    table = prepared.table.copy()
    keys = list(zip(table["subject"], table["visit"], strict=True))
    table[CLEAN] = [str(files[key]) if key in files else None for key in keys]
    found = prepare_truth(
        replace(prepared, table=table),
        settings.grid,
        workspace.prepared,
        set(table["volume"]),
        Console(quiet=True),
    )
    paths = zip(keys, found.table[VOLUME_CLEAN], strict=True)
    return {key: read_volume(path) for key, path in paths if isinstance(path, str)}
