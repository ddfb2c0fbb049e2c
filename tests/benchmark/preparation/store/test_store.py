import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from longibench.benchmark.core import folder_digests
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.steps.quality import Quality
from longibench.benchmark.preparation.steps.traits import ScanTraits
from longibench.benchmark.preparation.store import store as store_module
from longibench.benchmark.preparation.store.file_digests import Digests
from longibench.benchmark.preparation.store.store import Record, Store
from longibench.benchmark.preparation.store.volumes import read_volume

GRID = Grid(shape=(8, 9, 10), spacing_mm=2)
TRAITS = ScanTraits(True, True, (1.0, 1.0, 1.2), 1.4)


@pytest.fixture(autouse=True)
def traits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need only the stored part of a prepared scan."""
    monkeypatch.setattr(store_module, "PreparedScan", SimpleNamespace)
    monkeypatch.setattr(store_module, "scan_traits", lambda scan: TRAITS)


def prepared(seed: int) -> Any:
    values = np.random.default_rng(seed).uniform(-1, 1, GRID.shape).astype(np.float32)
    quality = Quality(brain_ml=seed)  # the rest is NaN, which JSON does not have
    transform = np.eye(4) + seed
    affine = np.diag([2.0, 2, 2, 1])
    return SimpleNamespace(volume=values, affine=affine, transform=transform, quality=quality)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of one subject: two volumes and a damaged scan."""
    store = Store(tmp_path, GRID)
    store.write("one", {"one": prepared(0), "bad": DamagedScanError("constant", "all are 3")})
    store.write("one", {"two": prepared(1)})
    return tmp_path


@pytest.fixture
def no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(folder_digests, "SMALL", 0)  # these volumes are as large ones
    monkeypatch.setattr(folder_digests, "file_digest", read)


def opened(folder: Path) -> Store:
    return Store(folder, GRID, Console(quiet=True))


def test_stored_outcomes_are_read_without_reading_a_volume(folder: Path, no_digest: None) -> None:
    store = opened(folder)
    assert [getattr(store.read(name, "one"), "traits", None) for name in ("one", "two")] == [
        TRAITS
    ] * 2
    assert store.read("bad", "one") == Record(kind="constant", reason="all are 3")
    assert store.read("three", "one") is None
    two = store.read("two", "one")
    assert two
    assert np.array_equal(two.transform, prepared(1).transform)
    assert two.quality.brain_ml == 1
    assert np.isnan(two.quality.overlap)
    assert store.read("one", "another source") is None
    assert np.abs(read_volume(store.volume("two", "one")) - prepared(1).volume).max() < 1.6e-5


def test_a_missing_volume_is_prepared_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(folder).volume("two", "one").unlink()
    store = opened(folder)
    assert store.read("two", "one") is None
    assert store.read("one", "one")
    assert not capsys.readouterr().err


@pytest.mark.parametrize("where", [0, 400, -1])
def test_changed_bytes_are_a_warning_and_prepared_again(
    folder: Path, where: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = opened(folder).volume("two", "one")
    sound = path.read_bytes()
    data = bytearray(sound)
    data[where] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(0, 0))
    store = opened(folder)
    assert store.read("two", "one") is None
    assert f"{path} is damaged" in capsys.readouterr().err
    store.write("one", {"two": prepared(1)})
    assert store.read("two", "one")
    assert path.read_bytes() == sound


def test_a_truncated_volume_is_found(folder: Path) -> None:
    path = opened(folder).volume("one", "one")
    path.write_bytes(path.read_bytes()[:-2])
    assert opened(folder).read("one", "one") is None
    assert not path.exists()


def test_a_copied_store_is_verified_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = opened(folder).volume("one", "one")
    monkeypatch.setattr(folder_digests, "SMALL", 0)
    os.utime(path, ns=(0, 0))
    assert opened(folder).read("one", "one")
    monkeypatch.setattr(folder_digests, "file_digest", None)
    assert opened(folder).read("one", "one")
    assert opened(folder).read("two", "one")


def test_without_write_access_verifying_still_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise PermissionError

    os.utime(opened(folder).volume("one", "one"), ns=(0, 0))
    monkeypatch.setattr(folder_digests.os, "open", refuse)
    assert opened(folder).read("one", "one")


def test_with_a_truncated_record_the_subject_is_prepared_again(folder: Path) -> None:
    record = opened(folder).volume("one", "one").with_suffix(".json")
    record.write_text(record.read_text()[:50])
    store = opened(folder)
    assert store.read("one", "one") is None
    store.write("one", {"one": prepared(0)})
    assert opened(folder).read("one", "one")


def test_another_grid_is_another_volume(folder: Path) -> None:
    other = Store(folder, Grid(shape=(8, 9, 10), spacing_mm=3))
    assert other.read("one", "one") is None
    assert other.volume("one", "one") != opened(folder).volume("one", "one")


def test_digests_are_cached_until_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, memory = tmp_path / "a", tmp_path / "digests.json"
    file.write_bytes(b"abc")
    digests = Digests(memory)
    first = digests.of(file)
    digests.save()
    memory.rename(tmp_path / "kept")
    digests.save()  # nothing is new
    assert not memory.exists()
    (tmp_path / "kept").rename(memory)
    assert first == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    file.write_bytes(b"abcd")
    assert Digests(memory).of(file) != first
    file.write_bytes(b"abc")
    os.utime(file, ns=(5, 5))
    again = Digests(memory)
    assert again.of(file) == first
    again.save()
    monkeypatch.setattr("longibench.benchmark.preparation.store.file_digests.file_digest", None)
    assert Digests(memory).of(file) == first
    with pytest.raises(DamagedScanError, match="cannot be read: no such folder or file"):
        Digests(memory).of(tmp_path / "none")
