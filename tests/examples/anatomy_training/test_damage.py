"""Damage that rises with its strength, and FID's response to it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anatomy_training import response
from anatomy_training.damage import DAMAGES, SHRINKAGE, Damage
from anatomy_training.people import People
from anatomy_training.response import Key, person_features, response_table
from anatomy_training.response_tables import response_first, response_ratios

from longibench.metrics.metric import Features

IMAGED = [damage for damage in DAMAGES if damage.apply is not None]


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    values = np.random.default_rng(0).uniform(-0.8, 0.8, (18, 18, 18)).astype(np.float32)
    outside = np.ones_like(values, bool)
    outside[6:-6, 6:-6, 6:-6] = False
    return np.where(outside, np.float32(-1), values)


def test_damage_has_four_rising_strengths() -> None:
    for damage in DAMAGES:
        assert list(damage.strengths) == sorted(set(damage.strengths))
        assert damage.strengths[0] > damage.nothing


@pytest.mark.parametrize("damage", IMAGED, ids=lambda damage: damage.name)
def test_damage_grows_and_leaves_the_background(damage: Damage, volume: np.ndarray) -> None:
    assert damage.apply is not None
    rng = np.random.default_rng
    damaged = [damage.apply(volume, strength, rng(1)) for strength in damage.strengths]
    errors = [float(np.abs(each - volume).mean()) for each in damaged]
    assert errors == sorted(set(errors))
    assert errors[0] > 0
    assert all((each[0] == -1).all() and np.abs(each).max() <= 1 for each in damaged)
    assert damage.apply(volume, damage.strengths[0], rng(1)).tobytes() == damaged[0].tobytes()


def test_every_scan_of_a_person_is_measured_once(
    simulator: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def roughness(network: Any, voxels: np.ndarray, side: tuple[float, ...]) -> SimpleNamespace:
        return SimpleNamespace(pooled=np.array([np.abs(np.diff(voxels, axis=0)).mean()]))

    monkeypatch.setattr(response, "read", roughness)
    monkeypatch.setattr(response, "DAMAGES", [each for each in DAMAGES if each is not SHRINKAGE])
    found = person_features({"one": None, "other": None}, simulator.subject(1))  # type: ignore[dict-item]
    assert len(found) == 2 * (3 + 4 * len(IMAGED))
    noisy = [found[5.0, "one", "noise", step][0] for step in (1, 2, 3, 4)]
    assert noisy == sorted(noisy)
    blurred = [found[5.0, "one", "blur", step][0] for step in (1, 2, 3, 4)]
    assert blurred == sorted(blurred, reverse=True)


def shifted(people: int, shifts: dict[tuple[str, str, int], float]) -> list[dict[Key, Features]]:
    """Features of people whose damaged scans are shifted, alike at every grid."""
    features = np.random.default_rng(0).standard_normal((people, 3))
    return [
        {
            (grid, *key): one + shift * np.array([1.0, 0, 0])
            for grid in (5.0, 2.5)
            for key, shift in shifts.items()
        }
        for one in features
    ]


def everywhere(shift: float) -> dict[tuple[str, str, int], float]:
    """Version 2 sees all but noise, which random weights see from the second step on."""
    shifts: dict[tuple[str, str, int], float] = {}
    for name in ("version 2", "version 1", "random"):
        shifts |= {(name, "first", 0): 0.0, (name, "again", 0): 0.5, (name, "atrophy", 1): 1.0}
        for damage in DAMAGES:
            for step in range(1, 5):
                seen = (
                    damage.name != "noise" if name == "version 2" else name == "random" and step > 1
                )
                shifts[name, damage.name, step] = 0.5 + shift * step * seen
    return shifts


def test_a_shift_is_the_part_of_the_mean_and_its_difference_is_exact() -> None:
    table = response_table(shifted(8, everywhere(0.5))).set_index(
        ["spacing_mm", "extractor", "damage", "step"]
    )
    row = table.loc[(5.0, "version 2", "blur", 2)]
    assert row["fid"] == pytest.approx(1.5**2)
    assert row["mean"] == pytest.approx(row["fid"])
    assert row["covariance"] == pytest.approx(0, abs=1e-9)
    assert row["difference"] == pytest.approx(1.5**2 - 0.5**2)
    assert row["standard_error"] == pytest.approx(0, abs=1e-9)  # the same for everybody
    assert row["ratio"] == pytest.approx(9)
    assert table.loc[(5.0, "version 2", "blur", 3), "strength"] == DAMAGES[0].strengths[2]


def test_the_page_names_what_sees_damage_that_the_newest_version_does_not() -> None:
    table = response_table(shifted(8, everywhere(0.5)))
    table["standard_error"] = 0.1
    lines = "\n".join(response_first(table))
    assert "| blur, sigma, voxels | 0.3 | 0.3 |" in lines
    assert "| none (random 0.02) | none (random 0.02) |" in lines
    second = (table["damage"] == "blur") & (table["step"] == 2) & (table["spacing_mm"] == 5.0)
    table.loc[second, "difference"] = 0.0  # what is seen below it may be by chance
    assert "| blur, sigma, voxels | 0.8 (no other) | 0.3 |" in "\n".join(response_first(table))
    table.loc[second, "difference"] = 1.0
    ratios = pd.Series(list(response_ratios(table)))
    assert ratios.str.contains(r"noise .*\| 5 \| 1\.00\* \(1\.00, 1\.00\) \|").any()
    assert ratios.str.contains(r"\| 4\.0 \(1\.00, 1\.00\) \| 9\.0 \(1\.00, 9\.0\) \|").any()
