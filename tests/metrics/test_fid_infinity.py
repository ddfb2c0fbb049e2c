"""The extrapolation: nearer to the truth than FID, by subject, the same each time."""

import numpy as np
import pytest

from longibench.metrics.fid import frechet_distance
from longibench.metrics.fid_infinity import LEAST_SUBJECTS, FIDInfinity, subject_samples
from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import Scan, TooFewVolumes


@pytest.fixture(scope="module")
def metric() -> FIDInfinity:
    return FIDInfinity(Instruments("random:0"))


def draw(subjects: int, visits: int, seed: int, shift: float = 0) -> np.ndarray:
    """Standard normal features in 8 dimensions, behind the subject's number."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(subjects * visits, 8)) + shift
    return np.column_stack([np.repeat(np.arange(subjects), visits), features])


def test_takes_most_of_the_bias_away(metric: FIDInfinity) -> None:
    plain, extrapolated = [], []
    for seed in range(60):
        generated, reference = draw(80, 1, seed, 0.2), draw(80, 1, seed + 100)
        plain.append(frechet_distance(generated=generated[:, 1:], reference=reference[:, 1:]))
        extrapolated.append(metric(generated=generated, reference=reference))
    truth = 8 * 0.2**2
    assert np.mean(plain) - truth > 0.3
    assert abs(np.mean(extrapolated) - truth) < 0.1


def test_a_copy_is_at_zero(metric: FIDInfinity) -> None:
    features = draw(25, 2, 0)
    assert metric(generated=features, reference=features) == pytest.approx(0, abs=1e-9)


def test_may_be_negative(metric: FIDInfinity) -> None:
    values = [metric(generated=draw(20, 1, s), reference=draw(20, 1, s + 50)) for s in range(8)]
    assert min(values) < 0  # clipped at 0, the mean of perfect methods would be above it


def test_is_the_same_each_time_and_in_any_order(metric: FIDInfinity) -> None:
    generated, reference = draw(30, 2, 0, 1), draw(30, 2, 1)
    value = metric(generated=generated, reference=reference)
    order = np.random.default_rng(0).permutation(60)
    again = metric(generated=generated[order], reference=reference[order])
    assert again == pytest.approx(value, rel=1e-9)


def test_subjects_are_taken_whole() -> None:
    subjects = np.repeat(np.arange(24), 3)
    samples = subject_samples(subjects)
    assert [len(rows) // 3 for rows in samples] == [24, *[12, 12, 15, 15, 18, 18, 21, 21] * 2]
    for rows in samples:
        assert (np.unique(subjects[rows], return_counts=True)[1] == 3).all()
    assert not set(samples[1]) & set(samples[2])  # the two halves of an order


def test_few_subjects_are_refused_however_many_volumes(metric: FIDInfinity) -> None:
    features = draw(LEAST_SUBJECTS - 1, 9, 0)
    with pytest.raises(TooFewVolumes, match="mean nothing; it needs at least 20 subjects"):
        metric(generated=features, reference=features)


def test_features_begin_with_the_subject(metric: FIDInfinity) -> None:
    scans = [
        Scan(np.random.default_rng(s).uniform(-1, 1, (9, 9, 9)).astype(np.float32)) for s in (0, 1)
    ]
    first, later, other = (
        metric.features(scan, source=source, interval_years=1.0)
        for scan, source in [(scans[0], scans[0]), (scans[1], scans[0]), (scans[1], scans[1])]
    )
    assert first.shape == (513,)
    assert first[0] == later[0] != other[0]
    np.testing.assert_array_equal(later[1:], other[1:])


def test_leaving_a_subject_out_keeps_the_subsets(metric: FIDInfinity) -> None:
    generated, reference = draw(24, 2, 0, 1), draw(24, 2, 1)
    groups = [f"{int(subject):02d}" for subject in generated[:, 0]]
    value = metric(generated=generated, reference=reference)
    found = metric.leave_one_out(generated=generated, reference=reference, groups=groups)
    assert list(found) == sorted(set(groups))
    spread = np.std(list(found.values()))
    assert 0 < spread < abs(value)
    assert abs(np.mean(list(found.values())) - value) < 5 * spread


def test_has_no_floor_and_a_title(metric: FIDInfinity) -> None:
    features = draw(24, 2, 0)
    assert metric.floor(generated=features, reference=features, groups=["a"] * 48) is None
    assert metric.title == "FID, N to infinity [MedicalNet ResNet-10, random:0]"
