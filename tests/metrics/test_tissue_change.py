"""Total change of tissue: exact volumes by counting; and the structures of both segmentations."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from longibench.metrics import total_change
from longibench.metrics.detectable import UNDETECTABLE
from longibench.metrics.instruments import STRUCTURES, Instruments
from longibench.metrics.label_maps import CODES, label_volume
from longibench.metrics.metric import REGISTRY, MetricError, Scan, SetMetric
from longibench.metrics.tissue import TissueMetric
from longibench.metrics.tissue_change import KINDS

Score = Callable[..., float]
Make = Callable[..., Scan]
Build = Callable[[str], SetMetric]

SUFFIXES = tuple(KINDS)
BY_BOTH = pytest.mark.parametrize("ventricles", ["ventricles", "ventricles-labels"])


@pytest.fixture
def build(counting: Instruments) -> Build:
    return lambda name: REGISTRY[name](counting)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_structure_has_them(suffix: str) -> None:
    for name in STRUCTURES:
        assert f"{name}-{suffix}" in REGISTRY
    for name in CODES:
        assert f"{name}-labels-{suffix}" in REGISTRY


@BY_BOTH
@pytest.mark.parametrize("years", [0.5, 2])
def test_total_change_by_hand(
    ventricles: str, years: float, brain: Make, build: Build, score: Score
) -> None:
    """From 40 voxels of 2.5 microlitres to 60, of which 15 were generated; over whatever time."""
    scans = brain(55), brain(60), brain(40)
    assert score(build(f"{ventricles}-change-error"), *scans, years) == pytest.approx(12.5)
    assert score(build(f"{ventricles}-change-error-ml"), *scans, years) == pytest.approx(0.0125)


@BY_BOTH
def test_the_truth(ventricles: str, brain: Make, build: Build, score: Score) -> None:
    source, real = brain(40), brain(60)
    assert score(build(f"{ventricles}-change-error"), real, real, source) == 0
    assert score(build(f"{ventricles}-change-error-ml"), real, real, source) == 0


@BY_BOTH
def test_a_copy_scores_the_size_of_the_change(
    ventricles: str, brain: Make, build: Build, score: Score
) -> None:
    source, real = brain(40), brain(60)
    assert score(build(f"{ventricles}-change-error"), source, real, source) == pytest.approx(50)
    absolute = build(f"{ventricles}-change-error-ml")
    assert score(absolute, source, real, source) == pytest.approx(0.05)


@BY_BOTH
def test_too_large_is_as_wrong_as_too_small(
    ventricles: str, brain: Make, build: Build, score: Score
) -> None:
    source, real = brain(40), brain(60)
    for suffix in ("change-error", "change-error-ml"):
        metric = build(f"{ventricles}-{suffix}")
        over, under = (score(metric, brain(count), real, source) for count in (65, 55))
        assert over == pytest.approx(under)


def test_each_structure_is_its_own(brain: Make, build: Build) -> None:
    """Ventricles grow into white matter; the hippocampus of the label map shrinks."""
    source, later = brain(40), brain(60)
    changed = {
        name: course[0] - course[1]
        for name in (*STRUCTURES, "hippocampus-labels")
        for course in [
            build(f"{name}-intercept").features(later, source=source, interval_years=1.0)
        ]
    }
    assert changed["ventricles"] > 0
    assert changed["white"] == pytest.approx(-changed["ventricles"])
    assert changed["brain"] == changed["csf"] == 0
    assert changed["hippocampus-labels"] < 0


def test_what_an_older_version_does_not_find_is_named(brain: Make, score: Score) -> None:
    metric = REGISTRY["hippocampus-change-error"](Instruments(segmentation="embedded:1"))
    message = "embedded segmentation v1 does not measure hippocampi; metrics.segmentation=embedded"
    with pytest.raises(MetricError, match=message):
        score(metric, brain(40), brain(40), brain(40))


def test_a_structure_that_the_source_lacks(brain: Make, build: Build, score: Score) -> None:
    with pytest.raises(MetricError, match="no Amygdala found in the source"):
        score(build("amygdala-labels-change-error"), brain(40), brain(40))
    with pytest.raises(MetricError, match="no Ventricles found in the source"):
        score(build("ventricles-change-error"), brain(40), brain(40), brain(0))


def test_a_structure_that_vanishes_is_lost_wholly(brain: Make, build: Build, score: Score) -> None:
    source = brain(40)
    assert score(
        build("ventricles-labels-change-error"), brain(0), source, source
    ) == pytest.approx(100)


def test_labels_are_needed_of_every_volume(brain: Make, build: Build, score: Score) -> None:
    scan, real = brain(40), brain(50)
    bare = Scan(scan.voxels, scan.spacing_mm, real=False)
    with pytest.raises(MetricError, match="the generated volume has no label map"):
        score(build("ventricles-labels-change-error"), bare, real, scan)
    bare = Scan(scan.voxels, scan.spacing_mm)
    with pytest.raises(MetricError, match="the real volume has no label map"):
        score(build("ventricles-labels-change-error"), scan, bare, scan)


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
    title = "Lateral ventricles, relative error of total change [label maps, codes 4, 43, 5, 44]"
    assert build("ventricles-labels-change-error").title == title
    assert build("cortex-labels-change-error").title.endswith("codes 3, 42 and the parcels]")
    title = "Ventricles, relative error of total change [embedded segmentation v2]"
    assert build("ventricles-change-error").title == title
    assert build("ventricles-change-error").unit == "% of source"


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
    scans = _changing(rate * years, brain(40), monkeypatch) | {"interval_years": years}
    expected = (
        "the real brain grows or shrinks by over 5% a year (no change below 0.5% on voxels of "
        "2 mm can be detected)"
    )
    monkeypatch.setattr(total_change, "smallest_change", lambda *_: 0.5)
    assert REGISTRY["brain-change-error"]().doubt(**scans) == (expected if doubtful else "")
    assert REGISTRY["ventricles-change-error"]().doubt(**scans) == ""
    monkeypatch.setattr(total_change, "smallest_change", lambda *_: math.nan)
    unmeasured = expected.partition(" (")[0]
    assert REGISTRY["brain-change-error"]().doubt(**scans) == (unmeasured if doubtful else "")


@pytest.mark.parametrize(
    ("rate", "years", "below"), [(4, 0.5, True), (-4, 0.5, True), (4, 1, False)]
)
def test_a_change_too_small_to_be_detected_is_noted(
    rate: float, years: float, below: bool, brain: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(total_change, "smallest_change", lambda *_: 3.0)
    scans = _changing(rate * years, brain(40), monkeypatch) | {"interval_years": years}
    note = f"{UNDETECTABLE}the change of the real ventricles is below 3% on voxels of 2 mm"
    assert REGISTRY["ventricles-change-error"]().doubt(**scans) == (note if below else "")


def test_label_maps_have_no_smallest_change(brain: Make) -> None:
    scans = {"reference": brain(40), "source": brain(40), "interval_years": 1.0}
    assert REGISTRY["ventricles-labels-change-error"]().doubt(**scans) == ""


def _changing(percent: float, source: Scan, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A real pair whose structures all change by so many percent."""
    reference = Scan(source.voxels, source.spacing_mm)
    volumes = {id(source): 100.0, id(reference): 100.0 + percent}
    monkeypatch.setattr(TissueMetric, "volume", lambda _, scan: volumes[id(scan)])
    return {"reference": reference, "source": source}
