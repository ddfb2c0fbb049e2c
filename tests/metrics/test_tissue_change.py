"""Annual change of tissue: exact volumes by counting, and the signs that must not be mixed up."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics import tissue_change
from longibench.metrics.detectable import UNDETECTABLE
from longibench.metrics.instruments import STRUCTURES, Instruments
from longibench.metrics.label_maps import CODES, label_volume
from longibench.metrics.metric import REGISTRY, MetricError, Scan, SetMetric, TooFewVolumes
from longibench.metrics.tissue_change import ChangeBias

Score = Callable[..., float]
Make = Callable[..., Scan]
Build = Callable[[str], SetMetric]

SUFFIXES = ("bias", "error", "correlation")
BY_BOTH = pytest.mark.parametrize("ventricles", ["ventricles", "ventricles-labels"])


@pytest.fixture
def build(counting: Instruments) -> Build:
    return lambda name: REGISTRY[name](counting)


def rates(metric: SetMetric, scans: list[Scan], source: Scan, years: float = 1) -> np.ndarray:
    return np.stack([metric.features(s, source=source, interval_years=years) for s in scans])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_structure_has_its_three(suffix: str) -> None:
    for name in STRUCTURES:
        assert f"{name}-{suffix}" in REGISTRY
    for name in CODES:
        assert f"{name}-labels-{suffix}" in REGISTRY


@BY_BOTH
def test_annual_change_by_hand(ventricles: str, brain: Make, build: Build) -> None:
    # From 40 voxels to 60 in two years: 50 % of the source's, 25 % a year.
    metric = build(f"{ventricles}-correlation")
    np.testing.assert_allclose(rates(metric, [brain(60)], brain(40), years=2), [[25]])
    np.testing.assert_allclose(rates(metric, [brain(30)], brain(40)), [[-25]])


@BY_BOTH
def test_the_truth(ventricles: str, brain: Make, build: Build, score: Score) -> None:
    source, real = brain(40), brain(60)
    assert score(build(f"{ventricles}-bias"), real, real, source) == 0
    assert score(build(f"{ventricles}-error"), real, real, source) == 0


@BY_BOTH
def test_half_the_speed(ventricles: str, brain: Make, build: Build, score: Score) -> None:
    source, real, slow = brain(40), brain(60), brain(50)
    assert score(build(f"{ventricles}-bias"), slow, real, source, 2) == pytest.approx(-12.5)
    assert score(build(f"{ventricles}-error"), slow, real, source, 2) == pytest.approx(12.5)


@BY_BOTH
def test_a_copy_does_not_change(ventricles: str, brain: Make, build: Build, score: Score) -> None:
    source, real = brain(40), brain(60)
    assert score(build(f"{ventricles}-bias"), source, real, source) == pytest.approx(-50)
    np.testing.assert_array_equal(
        rates(build(f"{ventricles}-correlation"), [source], source), [[0]]
    )


@BY_BOTH
def test_swapping_the_volumes_turns_the_bias_but_not_the_error(
    ventricles: str, brain: Make, build: Build, score: Score
) -> None:
    source, real, fast = brain(40), brain(60), brain(70)
    bias, error = build(f"{ventricles}-bias"), build(f"{ventricles}-error")
    assert score(bias, fast, real, source) == pytest.approx(25)
    assert score(bias, real, fast, source) == pytest.approx(-25)
    assert score(error, fast, real, source) == score(error, real, fast, source)


@BY_BOTH
def test_who_changes_fast(ventricles: str, brain: Make, build: Build) -> None:
    metric, source = build(f"{ventricles}-correlation"), brain(40)
    real = rates(metric, [brain(n) for n in (42, 50, 60, 80)], source)
    slow = rates(metric, [brain(n) for n in (41, 45, 50, 60)], source)
    assert metric(generated=real, reference=real) == pytest.approx(1)
    assert metric(generated=slow, reference=real) == pytest.approx(1)  # bias is not seen
    assert metric(generated=slow[::-1], reference=real) < 0
    expected = np.corrcoef(slow[:, 0], real[::-1, 0])[0, 1]
    assert metric(generated=slow, reference=real[::-1]) == pytest.approx(expected)


def test_a_copy_has_no_correlation(brain: Make, build: Build) -> None:
    metric, source = build("ventricles-correlation"), brain(40)
    real = rates(metric, [brain(n) for n in (42, 50, 60)], source)
    copies = rates(metric, [source] * 3, source)
    with pytest.raises(MetricError, match="the generated change is constant"):
        metric(generated=copies, reference=real)


def test_two_points_are_no_correlation(build: Build) -> None:
    two = np.array([[1.0], [2.0]])
    with pytest.raises(TooFewVolumes, match="at least 3 volumes; there are 2"):
        build("grey-correlation")(generated=two, reference=two)


def test_leaving_a_person_out_leaves_all_visits_out(build: Build) -> None:
    generated, real = np.random.default_rng(0).normal(size=(2, 7, 1))
    groups = ["a", "a", "b", "b", "c", "c", "c"]
    metric = build("brain-correlation")
    left_out = metric.leave_one_out(generated=generated, reference=real, groups=groups)
    assert left_out["c"] == pytest.approx(np.corrcoef(generated[:4, 0], real[:4, 0])[0, 1])


def test_each_structure_is_its_own(brain: Make, build: Build, score: Score) -> None:
    # Ventricles grow into white matter; the hippocampus of the label map shrinks.
    source, later = brain(40), brain(60)
    signs = {
        name: np.sign(score(build(f"{name}-bias"), later, source, source)) for name in STRUCTURES
    }
    assert signs["ventricles"] == 1
    assert signs["white"] == -1
    assert signs["brain"] == signs["csf"] == 0
    assert score(build("hippocampus-labels-bias"), later, source, source) == pytest.approx(
        -100 / 18
    )


def test_what_an_older_version_does_not_find_is_named(brain: Make, score: Score) -> None:
    metric = REGISTRY["hippocampus-bias"](Instruments(segmentation="embedded:1"))
    message = "embedded segmentation v1 does not measure hippocampi; metrics.segmentation=embedded"
    with pytest.raises(MetricError, match=message):
        score(metric, brain(40), brain(40), brain(40))


@pytest.mark.parametrize("years", [0, -1])
def test_no_time_no_rate(years: float, brain: Make, build: Build, score: Score) -> None:
    with pytest.raises(MetricError, match="no annual change over an interval"):
        score(build("brain-error"), brain(40), brain(40), brain(40), years)


def test_a_structure_that_the_source_lacks(brain: Make, build: Build, score: Score) -> None:
    with pytest.raises(MetricError, match="no Amygdala found in the source"):
        score(build("amygdala-labels-bias"), brain(40), brain(40))
    with pytest.raises(MetricError, match="no Ventricles found in the source"):
        score(build("ventricles-bias"), brain(40), brain(40), brain(0))


def test_a_structure_that_vanishes_is_lost_wholly(brain: Make, build: Build, score: Score) -> None:
    source = brain(40)
    assert score(build("ventricles-labels-bias"), brain(0), source, source) == pytest.approx(-100)


def test_labels_are_needed_of_every_volume(brain: Make, build: Build, score: Score) -> None:
    scan, real = brain(40), brain(50)
    bare = Scan(scan.voxels, scan.spacing_mm, real=False)
    with pytest.raises(MetricError, match="the generated volume has no label map"):
        score(build("ventricles-labels-error"), bare, real, scan)
    bare = Scan(scan.voxels, scan.spacing_mm)
    with pytest.raises(MetricError, match="the real volume has no label map"):
        score(build("ventricles-labels-error"), scan, bare, scan)


def test_labels_are_counted_in_millilitres(brain: Make) -> None:
    # 1 x 1.25 x 2 mm: 2.5 microlitres a voxel.
    assert label_volume(brain(40), "ventricles") == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("structure", "codes"),
    [
        ("ventricles", [4, 5, 43, 44]),
        ("hippocampus", [17, 53]),
        ("cortex", [3, 42, 1035, 2001]),
        ("csf", [24]),
    ],
)
def test_codes_of_freesurfer(structure: str, codes: list[int]) -> None:
    everything = np.arange(2100, dtype=np.int32).reshape(2100, 1, 1)
    count = label_volume(Scan(np.zeros(everything.shape, np.float32), labels=everything), structure)
    assert count * 1000 == pytest.approx(len(CODES[structure]))
    assert set(codes) <= set(CODES[structure])


def test_no_code_has_two_structures() -> None:
    codes = [code for structure in CODES.values() for code in structure]
    assert len(codes) == len(set(codes))


def test_titles_tell_structure_and_segmentation(build: Build) -> None:
    title = "Lateral ventricles, bias of annual change [label maps, codes 4, 43, 5, 44]"
    assert build("ventricles-labels-bias").title == title
    assert build("cortex-labels-bias").title.endswith("codes 3, 42 and the parcels]")
    title = "Ventricles, error of annual change [embedded segmentation v2]"
    assert build("ventricles-error").title == title
    assert build("ventricles-error").unit == "%/year"


@pytest.mark.parametrize(
    ("rate", "years", "doubtful"),
    [
        (9.0, 203 / 365.25, True),  # grew by 5 % in seven months
        (-9.0, 203 / 365.25, True),
        (-3.0, 1, False),  # Alzheimer's disease
        (5.0, 2, False),
        (5.1, 2, True),
        (20.0, 1 / 12, False),  # 1.7 % in a month: two scans may differ by it
    ],
)
def test_a_real_brain_beyond_a_persons_change_is_doubtful(
    rate: float, years: float, doubtful: bool, brain: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeBias, "rate", lambda *_: rate)
    scans = {"reference": brain(40), "source": brain(40), "interval_years": years}
    expected = (
        "the real brain grows or shrinks by over 5% a year (no change below 0.5% on voxels of "
        "2 mm can be detected)"
    )
    monkeypatch.setattr(tissue_change, "smallest_change", lambda *_: 0.5)
    for name in ("brain-bias", "brain-error"):
        assert REGISTRY[name]().doubt(**scans) == (expected if doubtful else "")
    assert REGISTRY["ventricles-bias"]().doubt(**scans) == ""
    monkeypatch.setattr(tissue_change, "smallest_change", lambda *_: math.nan)
    unmeasured = expected.partition(" (")[0]
    assert REGISTRY["brain-bias"]().doubt(**scans) == (unmeasured if doubtful else "")


@pytest.mark.parametrize(
    ("rate", "years", "below"), [(4, 0.5, True), (-4, 0.5, True), (4, 1, False)]
)
def test_a_change_too_small_to_be_detected_is_noted(
    rate: float, years: float, below: bool, brain: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChangeBias, "rate", lambda *_: rate)
    monkeypatch.setattr(tissue_change, "smallest_change", lambda *_: 3.0)
    scans = {"reference": brain(40), "source": brain(40), "interval_years": years}
    note = f"{UNDETECTABLE}the change of the real ventricles is below 3% on voxels of 2 mm"
    assert REGISTRY["ventricles-bias"]().doubt(**scans) == (note if below else "")


def test_label_maps_have_no_smallest_change(brain: Make) -> None:
    scans = {"reference": brain(40), "source": brain(40), "interval_years": 1.0}
    assert REGISTRY["ventricles-labels-bias"]().doubt(**scans) == ""
