"""The extrapolation: nearer to the truth than FID, by subject, the same each time."""

import numpy as np
import pytest

from longibench.metrics.fid import frechet_distance
from longibench.metrics.fid_infinity import LEAST_SUBJECTS, FIDInfinity, subject_samples
from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import TooFewVolumes


@pytest.fixture(scope="module")
def metric() -> FIDInfinity:
    return FIDInfinity(Instruments("random:0"))


def draw(subjects: int, visits: int, seed: int, shift: float = 0) -> np.ndarray:
    """Standard normal features in 8 dimensions, behind the subject's number."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(subjects * visits, 8)) + shift
    return features


def groups_of(subjects: int, visits: int) -> list[str]:
    return [f"{subject:02d}" for subject in range(subjects) for _ in range(visits)]


def test_takes_most_of_the_bias_away(metric: FIDInfinity) -> None:
    plain, extrapolated = [], []
    for seed in range(60):
        generated, reference = draw(80, 1, seed, 0.2), draw(80, 1, seed + 100)
        plain.append(frechet_distance(generated=generated, reference=reference))
        extrapolated.append(metric(generated=generated, reference=reference))
    truth = 8 * 0.2**2
    assert np.mean(plain) - truth > 0.3
    assert abs(np.mean(extrapolated) - truth) < 0.1


def test_a_copy_is_at_zero(metric: FIDInfinity) -> None:
    features = draw(25, 2, 0)
    given = {"generated": features, "reference": features, "groups": groups_of(25, 2)}
    assert metric.value_by_subject(**given) == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]
    assert metric(generated=features, reference=features) == pytest.approx(0, abs=1e-9)


def test_may_be_negative(metric: FIDInfinity) -> None:
    values = [metric(generated=draw(20, 1, s), reference=draw(20, 1, s + 50)) for s in range(8)]
    assert min(values) < 0  # clipped at 0, the mean of perfect methods would be above it


def test_is_the_same_each_time_and_in_any_order(metric: FIDInfinity) -> None:
    generated, reference = draw(30, 2, 0, 1), draw(30, 2, 1)
    groups = np.array(groups_of(30, 2))
    value = metric.value_by_subject(
        generated=generated, reference=reference, groups=groups.tolist()
    )
    order = np.random.default_rng(0).permutation(60)
    again = metric.value_by_subject(
        generated=generated[order], reference=reference[order], groups=groups[order].tolist()
    )
    assert again == pytest.approx(value, rel=1e-9)


def test_subjects_are_taken_whole() -> None:
    subjects = np.array(groups_of(24, 3))
    samples = subject_samples(subjects.tolist())
    assert [len(rows) // 3 for rows in samples] == [24, *[12, 12, 15, 15, 18, 18, 21, 21] * 2]
    for rows in samples:
        assert (np.unique(subjects[rows], return_counts=True)[1] == 3).all()
    assert not set(samples[1]) & set(samples[2])  # the two halves of an order


def test_few_subjects_are_refused_however_many_volumes(metric: FIDInfinity) -> None:
    features = draw(LEAST_SUBJECTS - 1, 9, 0)
    with pytest.raises(
        TooFewVolumes, match="extrapolation meaningless; it needs at least 20 subjects"
    ):
        metric.value_by_subject(
            generated=features, reference=features, groups=groups_of(LEAST_SUBJECTS - 1, 9)
        )


def test_a_volume_of_its_own_a_subject_by_default(metric: FIDInfinity) -> None:
    generated, reference = draw(24, 1, 0, 1), draw(24, 1, 1)
    alone = metric(generated=generated, reference=reference)
    groups = [str(row) for row in range(24)]
    assert alone == metric.value_by_subject(generated=generated, reference=reference, groups=groups)


def test_leaving_a_subject_out_keeps_the_subsets(metric: FIDInfinity) -> None:
    generated, reference = draw(24, 2, 0, 1), draw(24, 2, 1)
    groups = groups_of(24, 2)
    value = metric.value_by_subject(generated=generated, reference=reference, groups=groups)
    found = metric.leave_one_out(generated=generated, reference=reference, groups=groups)
    assert list(found) == sorted(set(groups))
    spread = np.std(list(found.values()))
    assert 0 < spread < abs(value)
    assert abs(np.mean(list(found.values())) - value) < 5 * spread


def test_has_no_floor_and_a_title(metric: FIDInfinity) -> None:
    features = draw(24, 2, 0)
    assert metric.floor(generated=features, reference=features, groups=["a"] * 48) is None
    assert metric.title == "FID, N to infinity [MedicalNet ResNet-10, random:0]"


def test_subsets_by_subject_are_part_of_the_definition(metric: FIDInfinity) -> None:
    """Version 0.1 chose other subsets: its values are not ranked with these."""
    assert metric.parameters["subsets"] == "by subject"
