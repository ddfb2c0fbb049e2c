"""What every registered metric must keep, whichever file it stands in and whichever kind it is."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from torch import Tensor

from longibench import metrics
from longibench.metrics.instruments import Instruments
from longibench.metrics.label_maps import CODES
from longibench.metrics.metric import (
    REGISTRY,
    Family,
    Metric,
    PairMetric,
    Scan,
    SetMetric,
    SubjectMetric,
    pair_metric,
    shared_instruments,
)
from longibench.metrics.scan import Truth

SUBJECTS = 21  # as many as the most demanding set metric asks for, and one
ARGUMENTS = {
    "pair": {"generated", "reference", "source", "interval_years"},
    "subject": {"generated", "reference", "interval_years"},
    "set": {"generated", "reference"},
}


@dataclass(frozen=True)
class Visit:
    """A real follow-up and the source that it is to be generated from."""

    reference: Scan
    source: Scan
    interval_years: float


def registered() -> list[str]:
    for module in pkgutil.iter_modules(metrics.__path__):
        importlib.import_module(f"longibench.metrics.{module.name}")
    return sorted(
        name for name in REGISTRY if REGISTRY[name].__module__.startswith("longibench.metrics.")
    )


class Lpips:
    """In place of the package's network, which would have to be downloaded."""

    def __init__(self, **settings: object) -> None:
        pass

    def eval(self) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, y: ((x - y) ** 2).mean(dim=(1, 2, 3), keepdim=True)


@pytest.fixture(scope="module", autouse=True)
def optional_packages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Lpips))
        yield


@pytest.fixture(scope="module", params=registered())
def metric(request: pytest.FixtureRequest, counting: Instruments) -> Metric:
    return REGISTRY[request.param](counting)


@pytest.fixture(scope="module")
def visits(brain: Callable[..., Scan], counting: Instruments) -> list[Visit]:
    """The first subject comes three times after its source, the others twice."""
    made = []
    for subject in range(SUBJECTS):
        source, speed = aged(brain(30, seed=subject), 0), 5 + subject % 5
        source.truth = simulated(source, 0, counting)
        for year in range(1, 4 if subject == 0 else 3):
            later = aged(brain(30 + 2 * speed * year, seed=subject), speed * year)
            later.truth = simulated(later, year, counting)
            made.append(Visit(later, source, float(year)))
    return made


def simulated(scan: Scan, year: float, counting: Instruments) -> Truth:
    """The scan as free of noise, the volumes that are counted, and a stretch of 1% a year."""
    counted = counting.volumes(scan)
    volumes = {"brain": counted["brain"], "ventricle": counted["ventricles"]}
    return Truth(scan.voxels, volumes, (0.01 * year * places(scan)).astype(np.float32))


def places(scan: Scan) -> np.ndarray:
    """Of every voxel, in mm: (3, X, Y, Z)."""
    return np.indices(scan.shape) * np.array(scan.spacing_mm).reshape(3, 1, 1, 1)


def aged(scan: Scan, lost: int) -> Scan:
    """Less grey matter, and less fluid around it; less of every structure in the label map.

    White matter brightens in places.
    """
    voxels, labels = scan.voxels.copy(), np.zeros(scan.shape, np.int32)
    fluid, grey = (np.flatnonzero((voxels > low) & (voxels < low + 0.4)) for low in (-0.6, -0.2))
    voxels.flat[fluid[: 3 * lost]] = -1
    voxels.flat[grey[:lost]] = -0.4
    voxels.flat[np.flatnonzero(voxels > 0.4)[: 16 * lost]] += 0.3
    for place, codes in enumerate(CODES.values()):
        labels.flat[300 * place : 300 * place + 200 - lost] = codes[0]
    return Scan(voxels, scan.spacing_mm, labels)


def disturbed(scan: Scan, level: float) -> Scan:
    """A generated volume: noise on intensities and holes in the label map, as many as given."""
    rng = np.random.default_rng(1)
    voxels = np.clip(scan.voxels + level * rng.normal(size=scan.shape), -1, 1)
    labels = np.where(rng.uniform(size=scan.shape) < level / 4, 0, scan.labels)
    assert scan.truth is not None
    assert scan.truth.displacement is not None
    field = scan.truth.displacement + level * rng.normal(size=(3, *scan.shape))
    return Scan(
        voxels.astype(np.float32),
        scan.spacing_mm,
        labels.astype(np.int32),
        real=False,
        truth=scan.truth,
        displacement=field.astype(np.float32),
    )


def untouched(visits: list[Visit]) -> list[Visit]:
    """The same visits, of whose scans nothing was derived yet."""
    scans = {id(scan): scan for visit in visits for scan in (visit.reference, visit.source)}
    copies = {
        key: Scan(scan.voxels.copy(), scan.spacing_mm, np.copy(scan.labels), truth=scan.truth)
        for key, scan in scans.items()
    }
    return [
        Visit(copies[id(visit.reference)], copies[id(visit.source)], visit.interval_years)
        for visit in visits
    ]


def scored(metric: Metric, visits: list[Visit]) -> list[Visit]:
    """The first visit, those of the first subject, or all: as the kind has it."""
    if isinstance(metric, SetMetric):
        return visits
    count = 1 if isinstance(metric, PairMetric) else 3
    return visits[:count]


def evaluate(metric: Metric, visits: list[Visit], generated: list[Scan]) -> float:
    if isinstance(metric, PairMetric):
        return metric(generated=generated[0], **vars(visits[0]))
    assert isinstance(metric, SubjectMetric | SetMetric)
    measured = [
        metric.measured(generated=scan, **vars(visit))
        for scan, visit in zip(generated, visits, strict=True)
    ]
    features = [np.stack(part) for part in zip(*measured, strict=True)]
    if isinstance(metric, SetMetric):
        people = list({id(visit.source): None for visit in visits})
        groups = [f"{people.index(id(visit.source)):02d}" for visit in visits]
        return metric.value_by_subject(generated=features[0], reference=features[1], groups=groups)
    years = np.array([visit.interval_years for visit in visits])
    return metric(generated=features[0], reference=features[1], interval_years=years)


@pytest.fixture(scope="module")
def value(metric: Metric, visits: list[Visit]) -> Callable[[float], float]:
    """The metric's value of the real follow-ups under a level of noise."""
    its = scored(metric, visits)
    return lambda level: evaluate(metric, its, [disturbed(v.reference, level) for v in its])


def distance(metric: Metric, value: float) -> float:
    """How far from perfect, in the metric's direction."""
    if metric.best is not None:
        return abs(value - metric.best)
    return -value if metric.higher_is_better else value


def test_the_paper_s_metrics_are_there() -> None:
    assert {"fid", "ssim", "ssim-head"} <= set(registered())


def test_tells_what_it_is(metric: Metric) -> None:
    assert metric.title
    assert metric.citation
    assert metric.kind in ARGUMENTS
    assert metric.family in get_args(Family)
    assert isinstance(metric.higher_is_better, bool)
    assert metric.best is None or not metric.higher_is_better
    assert 0 <= metric.decimals <= 6
    assert metric.name == metric.name.lower()
    assert inspect.getdoc(type(metric))
    assert inspect.getdoc(type(metric)) != inspect.getdoc(Metric)


def test_title_says_more_than_the_name(metric: Metric) -> None:
    assert "[" in metric.title  # what changes the value, in brackets
    assert metric.title.endswith("]")
    assert metric.title == REGISTRY[metric.name](shared_instruments(metric)).title


def test_titles_differ() -> None:
    titles = [REGISTRY[name](Instruments("random:0")).title for name in registered()]
    assert len(set(titles)) == len(titles)


def test_arguments_are_named(metric: Metric) -> None:
    parameters = inspect.signature(metric.__call__).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    assert {p.name for p in parameters} == ARGUMENTS[metric.kind]


def test_value_is_a_finite_float(value: Callable[[float], float]) -> None:
    found = value(0.2)
    assert type(found) is float
    assert np.isfinite(found)


@pytest.fixture(scope="module")
def unused(counting: Instruments) -> Instruments:
    """Instruments that share nothing with those of the other tests."""
    return type(counting)("random:0")


def test_same_input_same_value(
    metric: Metric, visits: list[Visit], value: Callable[[float], float], unused: Instruments
) -> None:
    """Whatever was derived before, and with other instruments."""
    again = untouched(scored(metric, visits))
    generated = [disturbed(visit.reference, 0.2) for visit in again]
    assert evaluate(REGISTRY[metric.name](unused), again, generated) == value(0.2)


def test_identity_is_best_and_noise_worsens(
    metric: Metric, value: Callable[[float], float]
) -> None:
    perfect, *noisy = (value(level) for level in (0, 0.1, 0.4, 1))
    if metric.best is not None:
        assert perfect == pytest.approx(metric.best, abs=1e-9)
    distances = [distance(metric, found) for found in (perfect, *noisy)]
    assert min(distances) >= distances[0] - 1e-9
    if metric.family not in ("change", "truth"):  # which noise need not touch
        assert distances == sorted(distances)
        assert len(set(distances)) == len(distances)


def test_inputs_are_left_as_they_were(metric: Metric, visits: list[Visit]) -> None:
    its = untouched(scored(metric, visits))
    generated = [disturbed(visit.reference, 0.2) for visit in its]
    scans = [*generated, *(s for visit in its for s in (visit.reference, visit.source))]
    before = [(scan.voxels.copy(), np.copy(scan.labels)) for scan in scans]
    evaluate(metric, its, generated)
    for scan, (voxels, labels) in zip(scans, before, strict=True):
        np.testing.assert_array_equal(scan.voxels, voxels)
        np.testing.assert_array_equal(scan.labels, labels)


def test_frozen_volumes_will_do(metric: Metric, visits: list[Visit]) -> None:
    its = untouched(scored(metric, visits))
    generated = [disturbed(visit.reference, 0.2) for visit in its]
    for scan in (*generated, *(visit.reference for visit in its)):
        scan.voxels.setflags(write=False)
    assert np.isfinite(evaluate(metric, its, generated))


def test_a_name_of_an_earlier_version_is_refused_with_its_new_one() -> None:
    with pytest.raises(TypeError, match=r"Old.source is now called citation"):
        type("Old", (PairMetric,), {"source": "a paper"}, name="old")
    with pytest.raises(TypeError, match=r"pair_metric\(source=...\) is now called citation"):
        pair_metric("old", title="", higher_is_better=True, source="a paper")  # type: ignore[arg-type]
    assert "old" not in REGISTRY
