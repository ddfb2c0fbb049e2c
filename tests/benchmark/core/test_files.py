import errno
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import (
    atomic_file,
    atomic_folder,
    digest,
    file_digest,
    sweep,
    write_json,
)


def _fail_in(place: AbstractContextManager[Path]) -> None:
    with place as temporary:
        (temporary / "a" if temporary.is_dir() else temporary).write_text("half")
        _ = 1 / 0


def full(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.nii.gz"
    with atomic_file(path) as temporary:
        assert temporary.name.endswith("a.nii.gz")  # libraries look at the suffix
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError):
        _fail_in(atomic_file(path))
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with pytest.raises(ZeroDivisionError):
        _fail_in(atomic_folder(path))
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(path) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "a").write_text("x")
    assert [p.name for p in path.rglob("*")] == ["deep", "a"]


def test_a_full_disk_is_a_message_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(tmp_path / "a.json", 1)
    monkeypatch.setattr("longibench.benchmark.core.files.sync", full)
    with pytest.raises(UserError, match=r"a\.json: No space left on device"):
        write_json(tmp_path / "a.json", 2)
    with (
        pytest.raises(UserError, match="No space left"),
        atomic_folder(tmp_path / "b") as temporary,
    ):
        (temporary / "x").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_path_below_a_file_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write_json(tmp_path / "file" / "a.json", 1)


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    with atomic_file(kept) as file, atomic_folder(tmp_path / "f") as folder:
        file.touch()
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [kept]
        file.touch()
        folder.mkdir()


@pytest.mark.parametrize("name", ["scores.csv", "study[1]"])
def test_what_is_left_beside_a_path_is_swept_with_it(tmp_path: Path, name: str) -> None:
    left = [_left_by(tmp_path / name, atomic) for atomic in (atomic_file, atomic_folder)]
    others = [
        _left_by(tmp_path / f"my-{name}", atomic_file),
        _left_by(tmp_path / f"{name}-2", atomic_folder),
    ]
    assert set(tmp_path.iterdir()) == {*left, *others}
    sweep(tmp_path / name)
    assert set(tmp_path.iterdir()) == set(others)


def _left_by(path: Path, atomic: Callable[[Path], AbstractContextManager[Path]]) -> Path:
    """The temporary file or folder that is there if the process is killed while it writes."""
    with suppress(UserError), atomic(path) as temporary:
        temporary.touch()
        kept = temporary.rename(path.parent / "kept")
        raise OSError
    return kept.rename(temporary)


def test_digests() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
    assert len(file_digest(Path(__file__))) == 64
