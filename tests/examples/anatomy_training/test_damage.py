"""Damage that rises with its strength, and what is made of it."""

import numpy as np
import pytest
from anatomy_training.anatomies import World
from anatomy_training.damage import DAMAGES, Damage
from anatomy_training.sensitivity import (
    Subject,
    Values,
    atrophy_row,
    damage_table,
    simulate_subjects,
)

from longibench.benchmark.cohorts.phantom.scanner import field_of_view
from longibench.metrics.metric import Features

IMAGED = [damage for damage in DAMAGES if damage.apply is not None]


@pytest.fixture(scope="module")
def subjects(world: World) -> list[Subject]:
    return simulate_subjects(world, [1, 2, 3, 4])


def test_five_kinds_at_four_rising_strengths() -> None:
    assert len(DAMAGES) == 5
    for damage in DAMAGES:
        assert len(damage.strengths) == 4
        assert list(damage.strengths) == sorted(set(damage.strengths))


@pytest.mark.parametrize("damage", IMAGED, ids=lambda damage: damage.name)
def test_damage_grows_and_leaves_the_background(damage: Damage, subjects: list[Subject]) -> None:
    assert damage.apply is not None
    volume = subjects[0].first
    damaged = [damage.apply(volume, strength) for strength in damage.strengths]
    errors = [float(np.abs(each - volume).mean()) for each in damaged]
    assert errors == sorted(set(errors))
    assert errors[0] > 0
    corner = np.s_[:3, :3, :3]
    assert all((each[corner] == -1).all() and np.abs(each).max() <= 1 for each in damaged)
    assert damage.apply(volume, damage.strengths[0]).tobytes() == damaged[0].tobytes()


def test_ageing_and_shrinking_ventricles_change_the_dark_middle(subjects: list[Subject]) -> None:
    assert subjects[0].first.shape == field_of_view(2.5).shape
    middle = np.s_[24:40, 36:56, 32:46]

    def dark(volume: Values) -> int:
        return int((volume[middle] < -0.4).sum())

    for subject in subjects:
        sizes = [dark(subject.later), dark(subject.first), *map(dark, subject.shrunk)]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] > sizes[1] > sizes[-1]


def roughness(volume: Values) -> Features:
    """Two features that damage of any kind changes."""
    return np.array([np.abs(np.diff(volume, axis=0)).mean(), volume.mean()], np.float64)


def test_damage_is_held_against_the_same_peoples_first_scans(subjects: list[Subject]) -> None:
    table = damage_table({"roughness": roughness}, subjects)
    assert len(table) == 20
    assert table["floor"].nunique() == 1
    assert table[table["damage"] == "checkerboard"]["fid"].is_monotonic_increasing


@pytest.mark.parametrize("paired", [True, False])
def test_atrophy_is_held_against_a_scan_without_any(subjects: list[Subject], paired: bool) -> None:
    row = atrophy_row(roughness, subjects, None if paired else subjects[:2])
    assert row["ratio"] == pytest.approx(row["five_years"] / row["none"])
    assert np.isfinite(row["z"])


def test_a_second_scan_shows_the_same_anatomy_with_other_noise(subjects: list[Subject]) -> None:
    for subject in subjects:
        away = {
            name: np.abs(getattr(subject, name) - subject.first).mean()
            for name in ("again", "later")
        }
        assert 0 < away["again"] < away["later"]
