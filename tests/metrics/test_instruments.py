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
    """A stand-in for the anatomy network that notes each pass."""
    done: list[int] = []

    def read(network: Network, voxels: np.ndarray, *_: object) -> SimpleNamespace:
        done.append(network.number)
        pooled = np.array([network.number, 2], np.float32)
        return SimpleNamespace(maps=(voxels[None],), pooled=pooled, probabilities=voxels[None])

    anatomy = SimpleNamespace(
        VERSION=1,
        FEATURES=2,
        SHA256="0" * 64,
        COARSEST_MM=2.5,
        read=read,
        load_embedded=lambda: Network(7),
        random_twin=Network,
        tissue_volumes=lambda probabilities, spacing_mm: dict.fromkeys(STRUCTURES, 1.5),
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
    assert (other.title, other.convention) == ("embedded anatomy random:5, d=2", "as-is")
    assert (instruments.code.features, other.code.features) == ("random:0", "embedded-random:5")
    assert other.device == instruments.device
    np.testing.assert_array_equal(other.features(draw(0)), [5, 2])
    np.testing.assert_array_equal(other.features(draw(0)), [5, 2])
    assert passes == [5]
    assert len(list(tmp_path.glob("*.npy"))) == 1


def test_the_same_extractor_is_not_loaded_twice(passes: list[int]) -> None:
    instruments, scan = Instruments("embedded-random:5", "ha-gan"), draw(0)
    assert instruments.with_extractor("embedded-random:5") is instruments
    trained = Instruments()
    own, shared = trained.with_extractor("embedded-random:0"), trained
    assert shared.volumes(scan) == own.volumes(scan)
    assert passes == [7]


def test_features_and_segmentation_share_one_pass(passes: list[int]) -> None:
    instruments, scan = Instruments(), draw(0)
    np.testing.assert_array_equal(instruments.features(scan), [7, 2])
    assert instruments.volumes(scan) == dict.fromkeys(STRUCTURES, 1.5)
    assert instruments.feature_maps(scan)[0].shape == (1, 12, 12, 12)
    assert instruments.reading(scan).pooled.dtype == np.float32
    assert passes == [7]
    assert instruments.title == "embedded anatomy v1, d=2"


def test_the_random_twin_does_not_segment(passes: list[int]) -> None:
    instruments, scan = Instruments("embedded-random:5"), draw(0)
    np.testing.assert_array_equal(instruments.features(scan), [5, 2])
    assert instruments.volumes(scan)["brain"] == 1.5
    assert passes == [5, 7]  # tissue comes from the trained network
    assert instruments.title == "embedded anatomy random:5, d=2"
