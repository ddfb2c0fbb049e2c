"""The kernel distance: by hand, against the definition, unbiased, quick without each subject."""

import numpy as np
import pytest

from longibench.metrics.instruments import Instruments
from longibench.metrics.kid import KID, KernelSubsets, cubic_kernel
from longibench.metrics.metric import MetricError, TooFewVolumes


@pytest.fixture(scope="module")
def kid() -> KID:
    return KID(Instruments("random:0"))


def draw(count: int, seed: int, shift: float = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6)) + shift


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Pair by pair, as the estimator is written down."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(z: np.ndarray) -> float:
        return float(np.mean([kernel(a, b) for i, a in enumerate(z) for b in np.delete(z, i, 0)]))

    return within(x) + within(y) - 2 * float(np.mean([kernel(a, b) for a in x for b in y]))


def test_equals_its_definition(kid: KID) -> None:
    generated, reference = draw(12, 0, 0.5), draw(15, 1)
    expected = by_definition(generated, reference)
    assert kid(generated=generated, reference=reference) == pytest.approx(expected, rel=1e-12)
    assert kid(generated=reference, reference=generated) == pytest.approx(expected, rel=1e-12)


def test_kernel_by_hand() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[3.0, 0.5], [0.0, 0.0]])
    np.testing.assert_allclose(cubic_kernel(x, y), [[27.0, 1.0]])


def test_unbiased_between_samples_of_one_distribution(kid: KID) -> None:
    values = [kid(generated=draw(10, s), reference=draw(10, s + 500)) for s in range(300)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert min(values) < 0 < max(values)


def test_tells_what_is_wrong(kid: KID) -> None:
    reference = draw(40, 0)
    near = kid(generated=draw(40, 1), reference=reference)
    assert kid(generated=draw(40, 1, 1), reference=reference) > near + 1
    assert kid(generated=draw(40, 1) * 0.1, reference=reference) > near  # a tight cluster


def test_leaving_out_equals_removing_the_rows(kid: KID) -> None:
    generated, reference = draw(24, 0, 0.2), draw(24, 1)
    groups = ["d", "a", "b", "a", "c", "b", "e", "b"] * 3
    found = kid.leave_one_out(generated=generated, reference=reference, groups=groups)
    assert list(found) == ["a", "b", "c", "d", "e"]
    for subject, value in found.items():
        kept = np.array(groups) != subject
        expected = kid(generated=generated[kept], reference=reference[kept])
        assert value == pytest.approx(expected, rel=1e-10)


def test_subsets_of_either_set() -> None:
    x, y = draw(20, 0), draw(22, 1)
    first, second = np.arange(5, 17), np.arange(0, 22, 2)
    found = KernelSubsets(x, y).distance(first, second)
    assert found == pytest.approx(by_definition(x[first], y[second]), rel=1e-10)


def test_floor_is_about_zero(kid: KID) -> None:
    groups = [f"{i // 2:02d}" for i in range(80)]
    floor = kid.floor(generated=draw(80, 1, 1), reference=draw(80, 0), groups=groups)
    assert floor is not None
    assert abs(floor.real) < 0.2 * floor.generated
    assert floor.count == 40


def test_refuses_few_volumes_and_broken_features(kid: KID) -> None:
    features = draw(12, 0)
    with pytest.raises(TooFewVolumes, match=r"kid on 9 volumes .* at least 10"):
        kid(generated=features[:9], reference=features)
    with pytest.raises(MetricError, match="finite"):
        kid(generated=features * np.nan, reference=features)


def test_title_names_kernel_and_extractor(kid: KID) -> None:
    assert kid.title == "KID [cubic kernel, MedicalNet ResNet-10, random:0]"
