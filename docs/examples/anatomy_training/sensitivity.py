"""Does an extractor's FID increase with damage, and does it detect five years of atrophy?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from anatomy_training.anatomies import World
from anatomy_training.damage import DAMAGES, Damage
from longibench.benchmark.cohorts.phantom.anatomy import Body, displacement, sample_anatomy
from longibench.benchmark.cohorts.phantom.clean import CleanPerson, sample_clean
from longibench.benchmark.cohorts.phantom.person import generator, normal
from longibench.benchmark.cohorts.phantom.scanner import Scanner, sample_session
from longibench.benchmark.cohorts.phantom.simulation import CONTRAST
from longibench.benchmark.preparation.steps.intensity import scale_brain
from longibench.benchmark.settings.phantom_clean import CleanSettings
from longibench.metrics.fid import frechet_distance
from longibench.metrics.metric import Features
from longibench.metrics.statistics import jackknife_interval

SPACING_MM = 2.5
YEARS = 5.0
STUDY = CleanSettings(seed=660_133, spacing_mm=SPACING_MM)  # not used in any training
Values = NDArray[np.float32]
Extract = Callable[[Values], Features]


@dataclass(frozen=True)
class Subject:
    """One subject's images at 2.5 mm.

    Attributes:
        first: The first visit.
        again: The same anatomy, scanned again: another position, gain, bias field and noise.
        later: Five years later.
        shrunk: Scanned again with ventricles smaller by each strength of that damage.
    """

    first: Values
    again: Values
    later: Values
    shrunk: tuple[Values, ...]


class SubjectSimulator:
    """Images of the first phantom's subjects, and counterfactual images of them."""

    def __init__(self, world: World) -> None:
        """Args: the template and its modes of change."""
        self._world = world
        self._scanner = Scanner(world.template, SPACING_MM, STUDY.scanner.noise)

    def subject(self, number: int) -> Subject:
        """The subject with a number; visits differ in noise and position as in the cohort."""
        person = sample_clean(STUDY, number)
        anatomy = sample_anatomy(STUDY, person, self._world.modes)
        rng = generator(STUDY, number, 2)
        contrast = float(np.exp(CONTRAST * normal(rng)))

        def shoot(positions: Tensor) -> Values:
            session = sample_session(rng, STUDY.scanner, contrast)
            scan = self._scanner.acquire(positions, session, rng).astype(np.float32)
            return scale_brain(scan, scan > 0, (1.0, 99.5))

        body = self._body(person, anatomy, person.years_before)
        first, later = body.at(0.0), body.at(YEARS)
        shrunk = [self._shrunk(person, first, share) for share in _shrinkage().strengths]
        images = [shoot(each) for each in (first, first, later, *shrunk)]
        return Subject(images[0], images[1], images[2], tuple(images[3:]))

    def _shrunk(self, person: CleanPerson, positions: Tensor, share: float) -> Tensor:
        """The map of a visit with ventricles smaller by a share, and nothing else changed."""
        size = 1 + person.ventricle_growth * person.years_before  # relative to the template's
        other = replace(person, ventricle_growth=-share * size, brain_loss=0.0, tilts=(0.0, 0.0))
        return self._body(other, displacement(positions)).at(1.0)

    def _body(self, person: CleanPerson, anatomy: Tensor, start: float = 0.0) -> Body:
        modes = self._world.modes
        return Body(anatomy, modes, modes.velocity(person.weights), start)


def _shrinkage() -> Damage:
    return next(damage for damage in DAMAGES if damage.apply is None)


def simulate_subjects(world: World, numbers: Sequence[int]) -> list[Subject]:
    """Simulate images of many subjects, on two cores."""
    simulator = SubjectSimulator(world)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(simulator.subject, numbers))


def damage_table(extractors: Mapping[str, Extract], subjects: Sequence[Subject]) -> pd.DataFrame:
    """FID of damaged second scans against the first scans of the same subjects.

    Generated and real follow-ups of a benchmark are of the same subjects too.

    Args:
        extractors: By name.
        subjects: The scans of these subjects are damaged.

    Returns:
        One row per extractor, damage and strength: ``fid``, and the ``floor``, the FID of the
        undamaged second scans.
    """
    rows = []
    for name, extract in extractors.items():
        reference = extract_all(extract, [subject.first for subject in subjects])
        clean = extract_all(extract, [subject.again for subject in subjects])
        floor = frechet_distance(generated=clean, reference=reference)
        for damage in DAMAGES:
            for place, strength in enumerate(damage.strengths):
                images = list(_damaged(damage, place, subjects))
                found = extract_all(extract, images)
                fid = frechet_distance(generated=found, reference=reference)
                rows.append((name, damage.name, strength, fid, floor))
    return pd.DataFrame(rows, columns=["extractor", "damage", "strength", "fid", "floor"])


def _damaged(damage: Damage, place: int, subjects: Sequence[Subject]) -> Iterator[Values]:
    for subject in subjects:
        if damage.apply is None:
            yield subject.shrunk[place]
        else:
            yield damage.apply(subject.again, damage.strengths[place])


def atrophy_row(
    extract: Extract, subjects: Sequence[Subject], others: Sequence[Subject] | None = None
) -> dict[str, float]:
    """FID of scans five years later, and of second scans without any atrophy.

    Args:
        extract: The extractor.
        subjects: The subjects that age.
        others: Subjects whose first scans are the reference; None: the same subjects.

    Returns:
        Both distances, their ratio, and their difference over its standard error, a jackknife over
        the subjects that age.
    """
    paired = others is None
    first, again, later = (
        extract_all(extract, images)
        for images in (
            [subject.first for subject in (subjects if others is None else others)],
            [subject.again for subject in subjects],
            [subject.later for subject in subjects],
        )
    )
    distances = [frechet_distance(generated=each, reference=first) for each in (again, later)]
    differences = []
    for rows in _without(len(subjects)):
        reference = first[rows] if paired else first
        differences.append(
            frechet_distance(generated=later[rows], reference=reference)
            - frechet_distance(generated=again[rows], reference=reference)
        )
    change = jackknife_interval(distances[1] - distances[0], differences)
    return {
        "none": distances[0],
        "five_years": distances[1],
        "ratio": distances[1] / distances[0],
        "z": change.estimate / change.standard_error,
    }


def _without(count: int) -> list[NDArray[np.bool_]]:
    return [np.arange(count) != number for number in range(count)]


def extract_all(extract: Extract, images: Sequence[Values]) -> Features:
    """Features (N, d) of many volumes, on two cores, a thread each."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(2) as pool:
            return np.stack(list(pool.map(extract, images)))
    finally:
        torch.set_num_threads(before)
