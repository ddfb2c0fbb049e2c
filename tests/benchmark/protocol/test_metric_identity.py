"""One identity of code, weights and parameters decides what is used again; definitions rank."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from longibench.benchmark.core import code_identity
from longibench.benchmark.core.code_identity import ModuleFile, closure
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol import metric_identity
from longibench.benchmark.protocol.metric_identity import Identity, identify, instrument_code
from longibench.benchmark.protocol.protocol_metrics import (
    build_metrics,
    describe_metric,
    load_extractors,
)
from longibench.benchmark.settings.plugins import load_metrics
from longibench.benchmark.settings.schema import DEFAULT_METRICS, MetricSettings
from longibench.metrics.allowed import UndeclaredError
from longibench.metrics.cache import Vector, VectorCache
from longibench.metrics.instruments import Code, Instruments
from longibench.metrics.metric import REGISTRY, Metric, PairMetric, Scan, SetMetric
from longibench.metrics.structures import STRUCTURES
from longibench.metrics.tissue_change import KINDS

DISTRIBUTION = ("fid", "fid-mean", "fid-covariance", "fid-infinity", "kid")
MEASURED_BY_NETWORK = {
    *(*DISTRIBUTION, "fid-random", "perceptual", "truth-ventricles", "truth-brain"),
    *(f"{part}-{kind}" for part in ("ventricles", "brain") for kind in KINDS),
}


def identities(**settings: object) -> dict[str, Identity]:
    given = MetricSettings.model_validate(settings)
    return {metric.name: identify(metric) for metric in build_metrics(given)}


@pytest.fixture
def other_segmentation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The code of the segmentation is another."""
    read = code_identity._parsed.__wrapped__

    def parsed(source: ModuleFile, without: frozenset[str], state: object) -> object:
        module = read(source, without, state)
        if source.name != "metrics.anatomy":
            return module
        return code_identity._Module("another", module.links)

    monkeypatch.setattr(code_identity, "_parsed", parsed)
    metric_identity._code_of.cache_clear()
    metric_identity._code_of_class.cache_clear()
    yield
    metric_identity._code_of.cache_clear()
    metric_identity._code_of_class.cache_clear()


def test_the_segmentation_is_part_of_what_measures_with_it(
    request: pytest.FixtureRequest,
) -> None:
    before = identities()
    request.getfixturevalue("other_segmentation")
    after = identities()
    changed = {name for name in before if before[name].reuse != after[name].reuse}
    assert changed == MEASURED_BY_NETWORK
    assert [its.definition for its in before.values()] == [its.definition for its in after.values()]


def test_the_segmentation_does_not_matter_to_another_extractor(
    request: pytest.FixtureRequest,
) -> None:
    before = instrument_code("random:0")
    request.getfixturevalue("other_segmentation")
    after = instrument_code("random:0")
    assert before.features == after.features
    assert before.segmentation != after.segmentation


@pytest.mark.parametrize("name", sorted(load_metrics()))
def test_a_metric_that_measures_with_no_network_does_not_know_the_network(name: str) -> None:
    kind = REGISTRY[name]
    module = sys.modules[kind.__module__]
    apart = frozenset(metric_identity.APART)
    names = {its.name for its in closure(ModuleFile.of(module.__name__, _file(module)), apart)}
    assert not names & {"metrics.anatomy", "metrics.instruments", "metrics.extractors"}
    assert "metrics.metric" in names


def _file(module: ModuleType) -> Path:
    return Path(str(module.__file__))


def test_definitions_differ_where_values_do() -> None:
    found = identities(names=list(REGISTRY))
    definitions = [its.definition for its in found.values()]
    assert len(set(definitions)) == len(definitions)


@pytest.mark.parametrize(
    "settings",
    [
        {"extractor": "random:0"},
        {"extractor": "random:0", "input": "z-score"},
        {"extractor": "embedded-random:0"},
        {"extractor": "medicalnet:50"},
        {"extractor": "medicalnet:50+23"},
        {"extractor": "monai-strided:50"},
    ],
)
def test_the_extractor_and_its_input_define_what_they_measure(settings: dict[str, str]) -> None:
    plain, other = identities(), identities(**settings)
    changed = {name for name in DEFAULT_METRICS if plain[name] != other[name]}
    assert changed == {*DISTRIBUTION, "perceptual"}
    assert all(plain[name].definition != other[name].definition for name in changed)


def test_where_a_file_of_weights_lies_does_not_matter(tmp_path: Path) -> None:
    released, copy = (
        Instruments(name).extractor_definition
        for name in ("medicalnet:50", f"medicalnet:50@{tmp_path / 'copy.pth'}")
    )
    assert released == copy


def test_titles_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identities(names=["ssim"])["ssim"]
    monkeypatch.setattr(REGISTRY["ssim"], "window_title", "Somebody")
    assert identities(names=["ssim"])["ssim"] == before


def test_a_parameter_decides_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identities(names=["ssim", "ssim-head"])
    monkeypatch.setattr(REGISTRY["ssim"], "parameters", {"window": "another"})
    after = identities(names=["ssim", "ssim-head"])
    assert before["ssim"].definition != after["ssim"].definition
    assert before["ssim"].definition != before["ssim-head"].definition  # the mask


@pytest.mark.parametrize("name", sorted(load_metrics()))
def test_a_definition_says_what_its_title_shows(name: str) -> None:
    metric = build_metrics(MetricSettings(names=(name,)))[0]
    facts = json.loads(json.dumps(describe_metric(metric)))
    assert facts["defined_by"]["name"] == name
    region = getattr(metric, "region", None)
    if region is not None:
        assert metric.mask == region.value
    if metric.mask:
        assert metric.mask in metric.title


class Undeclared(PairMetric):
    """Measures with what it does not declare."""

    higher_is_better = True
    title = "Undeclared"

    def __call__(
        self, *, generated: Scan, reference: Scan, source: Scan, interval_years: float
    ) -> float:
        """Volumes, features, maps or readings, by the interval."""
        calls = ("volumes", "reading", "features", "feature_maps")
        getattr(self.instruments, calls[round(interval_years)])(generated)
        return 0.0


@pytest.mark.parametrize(
    ("years", "declaration"),
    [
        (0, "uses_segmentation"),
        (1, "uses_segmentation"),
        (2, "uses_extractor"),
        (3, "uses_extractor"),
    ],
)
def test_what_is_not_declared_cannot_be_used(years: float, declaration: str) -> None:
    metric: Metric = Undeclared()
    scans = {"generated": None, "reference": None, "source": None}
    with pytest.raises(UndeclaredError, match=f"add '{declaration} = True' to it"):
        metric(**scans, interval_years=years)


def test_the_code_names_what_is_kept() -> None:
    kept: list[str] = []

    class Keys(VectorCache):
        def get(self, key: str, compute: Callable[[], Vector]) -> Vector:
            kept.append(key)
            return np.zeros(len(STRUCTURES))

    scan = Scan(np.zeros((4, 4, 4), np.float32))
    for code in (Code("a", "b"), Code("c", "b"), Code("a", "d")):
        instruments = Instruments("random:0", cache=Keys(), code=lambda _, code=code: code)
        instruments.features(scan)
        instruments.volumes(scan)
        scan.forget()
    features, volumes = kept[::2], kept[1::2]
    assert features[0] == features[2] != features[1]
    assert volumes[0] == volumes[1] != volumes[2]


@pytest.mark.parametrize("extractor", ["embedded", "random:0", "medicalnet:50"])
def test_an_extractor_of_its_own_follows_no_setting(extractor: str) -> None:
    settings = MetricSettings(names=("fid-random",), extractor=extractor)
    (metric,) = build_metrics(settings)
    found = describe_metric(metric)
    untrained = Instruments("embedded-random:0")
    assert found["title"] == f"FID, untrained network [{untrained.title}]"
    assert found["defined_by"]["extractor"] == untrained.extractor_definition
    assert identify(metric) == identities(names=["fid-random"])["fid-random"]


def test_an_extractor_of_its_own_is_loaded_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(Instruments, "load", lambda self: loaded.append(self.weights))
    load_extractors(build_metrics(MetricSettings(names=("fid", "ssim", "fid-random"))))
    assert loaded == ["embedded", "embedded-random:0"]


class OwnExtractor(SetMetric):
    """A metric of a plugin, with weights of its own."""

    higher_is_better, citation, uses_extractor = False, "none", True
    title = "Own [extractor]"

    def features(self, scan: Scan, *, source: Scan, interval_years: float) -> Vector:
        """Of one volume."""
        return self.instruments.features(scan)

    def __call__(self, *, generated: Vector, reference: Vector) -> float:
        """Of no meaning."""
        return 0.0


@pytest.mark.parametrize("extractor", ["medicalnet:51", "file:nowhere.pth", "embedded-random:x"])
def test_a_wrong_extractor_of_a_metric_is_named_with_the_metric(extractor: str) -> None:
    settings = MetricSettings(names=("own-extractor",), extractor="random:0")
    try:
        type("Wrong", (OwnExtractor,), {"extractor": extractor}, name="own-extractor")
        with pytest.raises(UserError, match="metric 'own-extractor', extractor: ") as error:
            build_metrics(settings)
    finally:
        REGISTRY.pop("own-extractor", None)
    assert extractor.removeprefix("file:").partition(":")[2] in str(error.value)


def test_an_extractor_is_named_by_metrics_that_use_one() -> None:
    contradictory = {"extractor": "random:0", "uses_extractor": False}
    with pytest.raises(TypeError, match="add 'uses_extractor = True'"):
        type("Contradictory", (OwnExtractor,), contradictory, name="own-extractor")
    assert "own-extractor" not in REGISTRY
