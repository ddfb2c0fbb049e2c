"""Vectors are computed once, survive on disk, and a damaged file costs only time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from longibench.metrics.cache import Recent, Vector, VectorCache


class Folder:
    """Files in a folder, without any check."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes | None:
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes) -> None:
        if self.folder.is_dir():
            (self.folder / name).write_bytes(content)


class Counter:
    """Computes a vector and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Vector:
        self.calls += 1
        return np.arange(3.0)


@pytest.fixture
def count() -> Counter:
    return Counter()


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> VectorCache:
    return VectorCache(Folder(tmp_path) if request.param == "disk" else None)


def test_computes_once_a_key(cache: VectorCache, count: Counter) -> None:
    first, again = cache.get("a", count), cache.get("a", count)
    np.testing.assert_array_equal(first, again)
    assert count.calls == 1
    cache.get("b", count)
    assert count.calls == 2


def test_a_vector_is_not_written_to(cache: VectorCache, count: Counter) -> None:
    with pytest.raises(ValueError, match="read-only"):
        cache.get("a", count)[0] = 9


def test_another_cache_finds_what_was_written(tmp_path: Path, count: Counter) -> None:
    VectorCache(Folder(tmp_path)).get("a", count)
    np.testing.assert_array_equal(VectorCache(Folder(tmp_path)).get("a", count), np.arange(3.0))
    assert count.calls == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, count: Counter, content: bytes) -> None:
    VectorCache(Folder(tmp_path)).get("a", count)
    next(tmp_path.glob("*.npy")).write_bytes(content)
    np.testing.assert_array_equal(VectorCache(Folder(tmp_path)).get("a", count), np.arange(3.0))
    np.testing.assert_array_equal(VectorCache(Folder(tmp_path)).get("a", count), np.arange(3.0))
    assert count.calls == 2  # and written again


def test_a_pickle_is_not_read(tmp_path: Path, count: Counter) -> None:
    VectorCache(Folder(tmp_path)).get("a", count)
    np.save(next(tmp_path.glob("*.npy")), np.array([{}]), allow_pickle=True)
    np.testing.assert_array_equal(VectorCache(Folder(tmp_path)).get("a", count), np.arange(3.0))


def test_where_nothing_can_be_written_it_still_computes(tmp_path: Path, count: Counter) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = VectorCache(Folder(tmp_path / "file"))
    np.testing.assert_array_equal(cache.get("a", count), np.arange(3.0))


def test_many_threads_get_the_same(cache: VectorCache, count: Counter) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: cache.get(key, count), "aabbaabb" * 4))
    assert all(np.array_equal(vector, np.arange(3.0)) for vector in found)


def test_what_was_used_last_is_kept(count: Counter) -> None:
    recent = Recent(2)
    first = recent.get("a", count)
    recent.get("b", count)
    assert recent.get("a", count) is first
    recent.get("c", count)  # in the place of b
    assert count.calls == 3
    assert recent.get("a", count) is first
    recent.get("b", count)
    assert count.calls == 4


def test_what_is_used_recently_may_need_something_else(count: Counter) -> None:
    recent = Recent(2)
    outer = recent.get("outer", lambda: recent.get("inner", count) + 1)
    np.testing.assert_array_equal(outer, [1, 2, 3])
    recent.get("inner", count)
    assert count.calls == 1
