"""The parts of FID: known answers, their sum, and one decomposition for all of them."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.linalg import sqrtm

from longibench.metrics import frechet_subsets
from longibench.metrics.fid import FID
from longibench.metrics.fid_infinity import FIDInfinity
from longibench.metrics.fid_parts import FIDCovariance, FIDMean
from longibench.metrics.fid_random import FIDRandom
from longibench.metrics.instruments import Instruments

COUNT = 24
SUBJECTS = [f"{row % 12:02d}" for row in range(COUNT)]
FEW, MANY = 40, 5  # features of 24 volumes: either side of N = d


def draw(dimension: int, seed: int, shift: float = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(COUNT, dimension)) / np.arange(1, dimension + 1) + shift


def parts(instruments: Instruments) -> tuple[FIDMean, FIDCovariance, FID]:
    return FIDMean(instruments), FIDCovariance(instruments), FID(instruments)


@pytest.mark.parametrize("dimension", [FEW, MANY])
def test_a_shift_moves_the_mean_part_alone(dimension: int) -> None:
    mean, covariance, fid = parts(Instruments())
    real = draw(dimension, 1, 100)
    given = {"generated": real + 2, "reference": real}
    assert mean(**given) == pytest.approx(4 * dimension)
    assert covariance(**given) < 1e-10
    assert fid(**given) == pytest.approx(4 * dimension)


@pytest.mark.parametrize("dimension", [FEW, MANY])
def test_a_change_of_spread_moves_the_covariance_part_alone(dimension: int) -> None:
    """Three times the distance from the mean: (3 - 1)^2 times the trace of the covariance."""
    mean, covariance, fid = parts(Instruments())
    real = draw(dimension, 1, 100)
    centre = real.mean(axis=0)
    given = {"generated": centre + 3 * (real - centre), "reference": real}
    expected = 4 * np.trace(np.cov(real, rowvar=False))
    assert mean(**given) < 1e-20
    assert covariance(**given) == pytest.approx(expected)
    assert fid(**given) == pytest.approx(expected)


def test_agree_with_the_formula_at_more_volumes_than_features() -> None:
    mean, covariance, _ = parts(Instruments())
    generated, real = draw(MANY, 1, 0.3), draw(MANY, 2)
    s1, s2 = np.cov(generated, rowvar=False), np.cov(real, rowvar=False)
    given = {"generated": generated, "reference": real}
    shift = np.linalg.norm(generated.mean(axis=0) - real.mean(axis=0))
    assert mean(**given) == pytest.approx(shift**2)
    assert covariance(**given) == pytest.approx(np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real))


@pytest.mark.parametrize("dimension", [FEW, MANY])
def test_sum_to_fid_exactly_in_value_interval_and_floor(dimension: int) -> None:
    given = {"generated": draw(dimension, 1, 0.3), "reference": draw(dimension, 2)}
    apart = (FIDMean(Instruments()), FIDCovariance(Instruments()), FID(Instruments()))
    for mean, covariance, fid in (parts(Instruments()), apart):
        assert mean(**given) + covariance(**given) == fid(**given)
        without = [its.leave_one_out(**given, groups=SUBJECTS) for its in (mean, covariance, fid)]
        assert len(without[2]) == 12
        for subject, value in without[2].items():
            assert without[0][subject] + without[1][subject] == value
        floors = [its.floor(**given, groups=SUBJECTS) for its in (mean, covariance, fid)]
        first, second, both = (vars(floor) for floor in floors)
        assert first["count"] == both["count"] == 12
        for role in ("real", "generated"):
            assert first[role] + second[role] == pytest.approx(both[role], rel=1e-12)


@pytest.mark.parametrize("dimension", [FEW, MANY])
def test_metrics_on_the_same_features_compare_each_subset_once(
    dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    plain = frechet_subsets.FrechetSubsets._parts

    def counting(
        self: frechet_subsets.FrechetSubsets, generated: Sequence[int], reference: Sequence[int]
    ) -> frechet_subsets.Parts:
        compared.append(len(generated))
        return plain(self, generated, reference)  # type: ignore[arg-type]

    monkeypatch.setattr(frechet_subsets.FrechetSubsets, "_parts", counting)
    groups = [str(row) for row in range(COUNT)]
    instruments = Instruments()
    for seed in (1, 3):  # two methods against the same real volumes
        given = {"generated": draw(dimension, seed, 0.3), "reference": draw(dimension, 2)}
        compared.clear()
        for metric in parts(instruments):
            metric(**given)
            metric.leave_one_out(**given, groups=groups)
            metric.floor(**given, groups=groups)
        assert len(compared) == 1 + COUNT + 10 + 10
        compared.clear()
        whole = FIDInfinity(instruments)
        whole.value_by_subject(**given, groups=groups)
        whole.leave_one_out(**given, groups=groups)
        assert compared.count(COUNT) == 0  # of all volumes
        assert COUNT - 1 not in compared  # without one subject


def test_other_features_are_not_taken_for_the_same() -> None:
    instruments = Instruments()
    mean, covariance, fid = parts(instruments)
    real = draw(FEW, 2)
    values = [
        (its(generated=draw(FEW, seed, 0.3), reference=real), its(generated=real, reference=real))
        for seed in (1, 3)
        for its in (mean, covariance, fid)
    ]
    assert len({first for first, _ in values}) == 6
    assert all(second < 1e-10 for _, second in values)


def test_titles_name_the_part_and_the_extractor() -> None:
    instruments = Instruments("random:0")
    titles = [its(instruments).title for its in (FIDMean, FIDCovariance, FIDRandom)]
    assert titles[:2] == [
        "FID, mean part [MedicalNet ResNet-10, random:0]",
        "FID, covariance part [MedicalNet ResNet-10, random:0]",
    ]
    own = Instruments("embedded-random:0").title
    assert titles[2] == f"FID, untrained network [{own}]"
