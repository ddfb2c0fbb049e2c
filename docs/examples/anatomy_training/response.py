"""How FID responds to damage of rising strength, and to five years of atrophy."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from anatomy_training.damage import DAMAGES, Damage
from anatomy_training.people import Scans, Subject, Values
from longibench.metrics.anatomy import Network, read
from longibench.metrics.frechet import Parts
from longibench.metrics.frechet_subsets import FrechetSubsets
from longibench.metrics.metric import Features
from longibench.metrics.statistics import jackknife_interval

YEARS = 5.0  # of atrophy
FIRST, AGAIN, ATROPHY = "first", "again", "atrophy"
SEED = 5_301  # of the noise that is added

# Grid in mm, extractor, damage and its step, from 1; step 0 has no damage.
Key = tuple[float, str, str, int]
Row = dict[str, object]


def person_features(networks: Mapping[str, Network], person: Subject) -> dict[Key, Features]:
    """Features (d,) of every scan of a person, damaged and not, by every extractor."""
    found: dict[Key, Features] = {}
    for spacing, scans in person.scans.items():
        side = (spacing, spacing, spacing)
        for kind, step, volume in _volumes(scans, person.number):
            for name, network in networks.items():
                found[spacing, name, kind, step] = read(network, volume, side).pooled
    return found


def _volumes(scans: Scans, number: int) -> Iterator[tuple[str, int, Values]]:
    yield FIRST, 0, scans.first
    yield AGAIN, 0, scans.again
    yield ATROPHY, 1, scans.later
    for damage in DAMAGES:
        for step, strength in enumerate(damage.strengths, start=1):
            yield damage.name, step, _damaged(scans, damage, step, strength, number)


def _damaged(scans: Scans, damage: Damage, step: int, strength: float, number: int) -> Values:
    if damage.apply is None:
        return scans.shrunk[step - 1]
    return damage.apply(scans.again, strength, np.random.default_rng([SEED, number]))


def response_table(people: Sequence[Mapping[Key, Features]]) -> pd.DataFrame:
    """FID of damaged second scans, and of later ones, against the first scans of the same people.

    Generated and real follow-ups of a benchmark are of the same people too.

    Args:
        people: Of ``person_features``.

    Returns:
        A row for each grid, extractor, damage and step: ``fid``, its parts ``mean`` and
        ``covariance``, its ``difference`` from that of the undamaged second scans, which have step
        0, and the ``standard_error`` of the difference, a jackknife over people.
    """
    sets = {key: np.stack([person[key] for person in people]) for key in people[0]}
    rows: list[Row] = []
    for spacing, name in dict.fromkeys((key[:2]) for key in sets):
        some = {key[2:]: features for key, features in sets.items() if key[:2] == (spacing, name)}
        for row in _extractor_rows(some):
            rows.append({"spacing_mm": spacing, "extractor": name, **row})
    return pd.DataFrame(rows)


def _extractor_rows(sets: Mapping[tuple[str, int], Features]) -> Iterator[Row]:
    reference = sets[FIRST, 0]
    found = {key: _jackknifed(its, reference) for key, its in sets.items() if key[0] != FIRST}
    clean, without_clean = found[AGAIN, 0]
    for (kind, step), (parts, without) in found.items():
        change = jackknife_interval(parts.distance - clean.distance, without - without_clean)
        yield {
            "damage": kind,
            "step": step,
            "strength": _strength(kind, step),
            "people": len(reference),
            "fid": parts.distance,
            "mean": parts.mean,
            "covariance": parts.covariance,
            "ratio": parts.distance / clean.distance,
            "difference": change.estimate,
            "standard_error": change.standard_error,
        }


def _jackknifed(generated: Features, reference: Features) -> tuple[Parts, Features]:
    """FID of everyone, in parts, and without each person, (N,)."""
    subsets, everyone = FrechetSubsets(generated, reference), np.arange(len(reference))
    rests = [np.delete(everyone, number) for number in everyone]
    without = np.array([subsets.parts(rest, rest).distance for rest in rests])
    return subsets.parts(everyone, everyone), without


def _strength(kind: str, step: int) -> float:
    strengths = {damage.name: damage.strengths for damage in DAMAGES} | {ATROPHY: (YEARS,)}
    return strengths[kind][step - 1] if step else 0.0
