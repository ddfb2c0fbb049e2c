"""Shared instruments: each volume is measured once, in any order and from any thread."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from longibench.benchmark.core.measured_files import MeasuredFiles
from longibench.metrics.cache import VectorCache
from longibench.metrics.instruments import STRUCTURES, Code, Instruments
from longibench.metrics.scan import Scan
from longibench.metrics.weight_files import WeightsError


def draw(seed: int, *, real: bool = True) -> Scan:
    voxels = np.random.default_rng(seed).uniform(-1, 1, (12, 12, 12)).astype(np.float32)
    return Scan(voxels, real=real)


@dataclass
class Counting:
    """Counts what an extractor measures."""

    inner: object
    calls: int = 0

    def pooled(self, scan: Scan) -> np.ndarray:
        self.calls += 1
        return self.inner.pooled(scan)


def counted(instruments: Instruments) -> Counting:
    counting = Counting(instruments.extractor)
    instruments.__dict__["_extractor"] = counting  # in the place of the cached property
    return counting


def test_the_same_volume_is_measured_once() -> None:
    instruments = Instruments("random:0")
    counting = counted(instruments)
    first = instruments.features(draw(0))
    np.testing.assert_array_equal(instruments.features(draw(0)), first)
    np.testing.assert_array_equal(instruments.features(draw(0, real=False)), first)  # a copy
    assert counting.calls == 1
    assert np.abs(instruments.features(draw(1)) - first).max() > 0.01


def test_vectors_on_disk_are_told_apart_by_extractor_and_convention(tmp_path: Path) -> None:
    settings = [("random:0", "as-is"), ("random:1", "as-is"), ("random:0", "z-score")]
    found = [
        Instruments(*setting, VectorCache(MeasuredFiles(tmp_path))).features(draw(0))
        for setting in settings
    ]
    assert len(list(tmp_path.glob("*.npy"))) == 3
    assert np.abs(found[0] - found[1]).max() > 0.01
    assert np.abs(found[0] - found[2]).max() > 0.01
    again = Instruments("random:0", "as-is", VectorCache(MeasuredFiles(tmp_path)))
    counting = counted(again)
    np.testing.assert_array_equal(again.features(draw(0)), found[0])
    assert counting.calls == 0


def test_wdm_measures_real_and_generated_apart() -> None:
    instruments = Instruments("random:0", "wdm")
    instruments.__dict__["_extractor"] = SimpleNamespace(
        pooled=lambda scan: np.array([float(scan.real)])
    )
    assert instruments.features(draw(0)) == 1
    assert instruments.features(draw(0, real=False)) == 0


def test_threads_and_order_do_not_matter() -> None:
    scans = [draw(seed) for seed in (0, 1, 2, 0, 1, 2, 3)]
    one_by_one = [Instruments("random:0").features(scan) for scan in scans]
    instruments = Instruments("random:0")
    counting = counted(instruments)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(instruments.features, reversed([draw(s) for s in (0, 1, 2, 3)] * 3)))
    assert counting.calls >= 4  # two threads may measure the same volume, with the same result
    np.testing.assert_array_equal(found[0], one_by_one[-1])
    np.testing.assert_array_equal(found[-1], one_by_one[0])


def test_maps_are_kept_with_the_scan() -> None:
    instruments, scan = Instruments("random:0"), draw(0)
    assert instruments.feature_maps(scan) is instruments.feature_maps(scan)


class Network(nn.Module):
    """Stands in for the anatomy network: known by a number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A stand-in for the anatomy network that notes each pass; version 2 is number 20."""
    done: list[int] = []

    def read(network: Network, voxels: np.ndarray, *_: object) -> SimpleNamespace:
        done.append(network.number)
        pooled = np.array([network.number, 2], np.float32)
        return SimpleNamespace(
            maps=(voxels[None],),
            pooled=pooled,
            probabilities=voxels[None],
            volumes=dict.fromkeys(STRUCTURES, network.number / 10),
        )

    anatomy = SimpleNamespace(
        NEWEST=2,
        RELEASES={
            number: SimpleNamespace(name="anatomy", features=2, sha256=f"{number}", fixed={})
            for number in (1, 2)
        },
        read=read,
        load_embedded=lambda version: Network(10 * version),
        random_twin=lambda seed, version: Network(10 * version + seed),
    )
    monkeypatch.setitem(sys.modules, "longibench.metrics.anatomy", anatomy)
    return done


def test_another_extractor_shares_device_code_and_stored_vectors(
    tmp_path: Path, passes: list[int]
) -> None:
    cache = VectorCache(MeasuredFiles(tmp_path))
    instruments = Instruments("random:0", "wdm", cache, "cpu", lambda weights: Code(weights))
    other = instruments.with_extractor("embedded-random:5")
    assert other is instruments.with_extractor("embedded-random:5")  # one network for all metrics
    assert other is not instruments.with_extractor("embedded-random:6")
    assert (other.title, other.convention) == (
        "embedded anatomy v2 random:5, d=2",
        "as-is",
    )
    assert (instruments.code.features, other.code.features) == ("random:0", "embedded-random:5")
    assert other.device == instruments.device
    np.testing.assert_array_equal(other.features(draw(0)), [25, 2])
    np.testing.assert_array_equal(other.features(draw(0)), [25, 2])
    assert passes == [25]
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_the_same_extractor_is_not_loaded_twice(passes: list[int]) -> None:
    instruments, scan = Instruments("embedded-random:5", "ha-gan"), draw(0)
    assert instruments.with_extractor("embedded-random:5") is instruments
    trained = Instruments()
    own, shared = trained.with_extractor("embedded-random:0"), trained
    assert own.anatomy is shared.anatomy
    assert shared.volumes(scan) == own.volumes(scan)
    assert passes == [20]


def test_features_and_segmentation_share_one_pass(passes: list[int]) -> None:
    instruments, scan = Instruments(), draw(0)
    np.testing.assert_array_equal(instruments.features(scan), [20, 2])
    assert instruments.volumes(scan) == dict.fromkeys(STRUCTURES, 2.0)
    assert instruments.feature_maps(scan)[0].shape == (1, 12, 12, 12)
    assert instruments.reading(scan).pooled.dtype == np.float32
    assert passes == [20]
    assert instruments.title == "embedded anatomy v2, d=2"
    assert instruments.segmentation_title == "embedded segmentation v2"


@pytest.mark.parametrize(
    ("weights", "segmentation", "done"),
    [
        ("embedded", "embedded:2", [20]),  # two names of one network
        ("embedded:1", "embedded:1", [10]),
        ("embedded", "embedded:1", [20, 10]),
        ("embedded:1", "embedded", [10, 20]),
        ("embedded:1-random:5", "embedded:1", [15, 10]),
    ],
)
def test_one_pass_where_extractor_and_segmentation_are_one_version(
    weights: str, segmentation: str, done: list[int], passes: list[int]
) -> None:
    instruments, scan = Instruments(weights, segmentation=segmentation), draw(0)
    np.testing.assert_array_equal(instruments.features(scan), [done[0], 2])
    assert instruments.volumes(scan)["brain"] == done[-1] / 10
    assert passes == done


def test_another_extractor_keeps_the_segmentation(passes: list[int]) -> None:
    instruments = Instruments("random:0", segmentation="embedded:1")
    other, scan = instruments.with_extractor("embedded"), draw(0)
    assert other.volumes(scan)["brain"] == 1.0
    assert other.segmentation_title == "embedded segmentation v1"
    np.testing.assert_array_equal(other.features(scan), [20, 2])
    assert passes == [10, 20]


def test_stored_volumes_are_told_apart_by_segmentation(tmp_path: Path, passes: list[int]) -> None:
    def found(segmentation: str) -> float:
        cache = VectorCache(MeasuredFiles(tmp_path))
        return Instruments("random:0", cache=cache, segmentation=segmentation).volumes(draw(0))[
            "brain"
        ]

    names = ("embedded", "embedded:1", "embedded:2", "embedded:1")
    assert [found(name) for name in names] == [2.0, 1.0, 2.0, 1.0]
    assert passes == [20, 10]


def test_the_random_twin_does_not_segment(passes: list[int]) -> None:
    instruments, scan = Instruments("embedded-random:5"), draw(0)
    np.testing.assert_array_equal(instruments.features(scan), [25, 2])
    assert instruments.volumes(scan)["brain"] == 2.0
    assert passes == [25, 20]  # tissue comes from the trained network
    assert instruments.title == "embedded anatomy v2 random:5, d=2"


def test_what_does_not_segment_is_refused_at_once() -> None:
    with pytest.raises(WeightsError, match="'medicalnet:50' does not segment"):
        Instruments(segmentation="medicalnet:50")
