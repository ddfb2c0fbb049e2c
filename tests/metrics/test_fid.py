"""FID as a metric: small sets, the jackknife without recomputation, the floor."""

import numpy as np
import pytest

from longibench.metrics.fid import FID, frechet_distance
from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import MetricError, TooFewVolumes
from longibench.metrics.subsets import LEAST_VOLUMES

SUBJECTS = ["d", "a", "b", "a", "c", "b", "e", "b"] * 3


@pytest.fixture(scope="module")
def fid() -> FID:
    return FID(Instruments("random:0"))


def draw(count: int, dimension: int, seed: int, shift: float = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimension)) / np.arange(1, dimension + 1) + shift


@pytest.mark.parametrize("dimension", [5, 24, 60])
def test_value_is_the_distance(fid: FID, dimension: int) -> None:
    generated, reference = draw(24, dimension, 1, 0.3), draw(30, dimension, 2)
    expected = frechet_distance(generated=generated, reference=reference)
    assert fid(generated=generated, reference=reference) == pytest.approx(expected, rel=1e-10)
    assert fid(generated=reference, reference=generated) == pytest.approx(expected, rel=1e-10)
    assert fid(generated=reference, reference=reference) < 1e-12


@pytest.mark.parametrize("dimension", [5, 22, 60])
def test_leaving_out_equals_removing_the_rows(fid: FID, dimension: int) -> None:
    generated, reference = draw(24, dimension, 1, 100), draw(24, dimension, 2, 100)
    found = fid.leave_one_out(generated=generated, reference=reference, groups=SUBJECTS)
    assert list(found) == ["a", "b", "c", "d", "e"]
    for subject, value in found.items():
        kept = np.array(SUBJECTS) != subject
        expected = frechet_distance(generated=generated[kept], reference=reference[kept])
        assert value == pytest.approx(expected, rel=1e-9)


def test_tight_shifted_and_poorer_clusters_are_told_apart(fid: FID) -> None:
    """A set without spread, one next to the other, and one that lacks a mode are all at a distance.

    The numbers are those of one dimension by hand; the other directions add nothing.
    """
    modes = np.repeat([-3.0, 3.0], 20)[:, None] * [1, 0, 0]
    modes[:, 1] = 1e-9 * np.arange(40)  # volumes that differ, if only just
    spread, shift = 9 * 40 / 39, np.array([0, 2, 0])
    assert fid(generated=modes, reference=modes) < 1e-12
    assert fid(generated=np.zeros((40, 3)), reference=modes) == pytest.approx(spread)
    assert fid(generated=modes + shift, reference=modes) == pytest.approx(4)
    assert fid(generated=np.abs(modes), reference=modes) == pytest.approx(9 + spread)


def test_samples_of_a_pair_do_not_make_more_real_volumes(fid: FID) -> None:
    real, generated = draw(20, 30, 1), draw(60, 30, 2)
    groups = [f"{row % 10}" for row in range(60)]
    again = np.tile(real, (3, 1))
    expected = frechet_distance(generated=generated, reference=real)
    assert fid(generated=generated, reference=again) == pytest.approx(expected, rel=1e-10)
    without = fid.leave_one_out(generated=generated, reference=again, groups=groups)
    kept, once = np.array(groups) != "4", np.arange(20) % 10 != 4
    expected = frechet_distance(generated=generated[kept], reference=real[once])
    assert without["4"] == pytest.approx(expected, rel=1e-10)
    floor = fid.floor(generated=generated, reference=again, groups=groups)
    first = fid.floor(generated=generated[:20], reference=real, groups=groups[:20])
    assert vars(floor) == pytest.approx(vars(first))


def test_few_volumes_are_refused(fid: FID) -> None:
    features = draw(LEAST_VOLUMES, 4, 0)
    assert fid(generated=features, reference=features + 1) == pytest.approx(4)
    for few in ({"generated": features[1:]}, {"reference": features[1:]}):
        with pytest.raises(TooFewVolumes, match=r"fid on 9 volumes .* at least 10"):
            fid(**{"generated": features, "reference": features} | few)


def test_leaving_out_needs_subjects_and_what_is_left(fid: FID) -> None:
    features = draw(12, 4, 0)
    given = {"generated": features, "reference": features}
    with pytest.raises(TooFewVolumes, match="at least 2 subjects"):
        fid.leave_one_out(**given, groups=["a"] * 12)
    with pytest.raises(TooFewVolumes, match=r"fid on 6 volumes .*at least 9"):
        fid.leave_one_out(**given, groups=["a"] * 6 + ["b"] * 6)
    assert len(fid.leave_one_out(**given, groups=list("abcdefghijkl"))) == 12


def test_a_broken_feature_is_refused(fid: FID) -> None:
    broken = draw(12, 4, 0)
    broken[2, 1] = np.inf
    with pytest.raises(MetricError, match="finite"):
        fid(generated=broken, reference=draw(12, 4, 1))
    with pytest.raises(MetricError, match="finite"):
        fid(generated=draw(12, 4, 1), reference=broken)


def test_floor_is_what_real_volumes_score_among_themselves(fid: FID) -> None:
    groups = [f"{i // 2:02d}" for i in range(60)]
    real, generated = draw(60, 80, 1), draw(60, 80, 2, 0.2)
    floor = fid.floor(generated=generated, reference=real, groups=groups)
    assert floor is not None
    assert floor.count == 30
    assert 0 < floor.real < floor.generated
    assert fid.floor(generated=generated, reference=real, groups=groups) == floor
    perfect = fid.floor(generated=real, reference=real, groups=groups)
    assert perfect is not None
    assert perfect.generated == pytest.approx(perfect.real)


def test_floor_does_not_depend_on_the_order_of_the_volumes(fid: FID) -> None:
    groups = np.array([f"{i // 2:02d}" for i in range(60)])
    real, generated = draw(60, 80, 1), draw(60, 80, 2)
    order = np.random.default_rng(0).permutation(60)
    floor = fid.floor(generated=generated, reference=real, groups=list(groups))
    other = fid.floor(generated=generated[order], reference=real[order], groups=groups[order])
    assert floor is not None
    assert other is not None
    assert other.real == pytest.approx(floor.real)
    assert other.generated == pytest.approx(floor.generated)


def test_floor_needs_two_halves(fid: FID) -> None:
    features = draw(60, 4, 0)
    given = {"generated": features, "reference": features}
    with pytest.raises(TooFewVolumes, match="at least 4 subjects; there are 3"):
        fid.floor(**given, groups=["a", "b", "c"] * 20)
    with pytest.raises(TooFewVolumes, match="volumes do not describe a distribution"):
        fid.floor(generated=features[:16], reference=features[:16], groups=list("abcd") * 4)


def test_title_names_the_extractor() -> None:
    assert FID(Instruments("random:0")).title == "FID [MedicalNet ResNet-10, random:0]"
    wdm = Instruments("medicalnet:50+23", "wdm")
    assert FID(wdm).title == "FID [MedicalNet ResNet-50, 23 datasets, input wdm]"
