import os
from pathlib import Path

import pytest

from longibench.benchmark.core import folder_digests
from longibench.benchmark.core.folder_digests import Finding, FolderDigests, digests_of


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    FolderDigests(folder).record(name, path)
    return path


@pytest.mark.parametrize("name", ["a.json", "sub-1,2_T1w.nii.gz", 'a "b"\n.csv', "deep/ä.tsv"])
def test_a_file_is_intact_until_it_changes(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, b"123")
    assert digests_of(tmp_path).check(name) is Finding.INTACT
    path.write_bytes(b"124")
    assert digests_of(tmp_path).check(name) is Finding.CHANGED
    path.unlink()
    assert digests_of(tmp_path).check(name) is Finding.MISSING
    assert digests_of(tmp_path).check("other") is Finding.UNLISTED or not path.exists()


def test_a_bit_that_flips_without_a_new_time_is_found_in_a_small_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a", b"123")
    before = path.stat().st_mtime_ns
    path.write_bytes(b"122")
    os.utime(path, ns=(before, before))
    assert FolderDigests(tmp_path).check("a") is Finding.CHANGED


def test_a_large_file_of_the_recorded_size_and_time_is_not_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a", b"123")
    monkeypatch.setattr(folder_digests, "SMALL", 0)
    os.utime(path, ns=(1, 1))
    assert FolderDigests(tmp_path).check("a") is Finding.INTACT  # hashed, and its time recorded
    monkeypatch.setattr(folder_digests, "file_digest", None)
    assert FolderDigests(tmp_path).check("a") is Finding.INTACT


def test_what_another_process_appends_is_seen(tmp_path: Path) -> None:
    ours = FolderDigests(tmp_path)
    write(tmp_path, "a", b"1")
    assert ours.check("a") is Finding.INTACT
    write(tmp_path, "b", b"2")
    write(tmp_path, "a", b"3")
    assert ours.check("a") is ours.check("b") is Finding.INTACT
    assert set(ours.entries) == {"a", "b"}


def test_a_torn_line_costs_only_that_line(tmp_path: Path) -> None:
    write(tmp_path, "a", b"1")
    with (tmp_path / "digests.csv").open("a") as file:
        file.write("b,12")  # a crash in mid-line
    write(tmp_path, "c", b"3")
    assert set(FolderDigests(tmp_path).entries) == {"a", "c"}


@pytest.mark.parametrize("content", [b"", b"\x00\xff\n", b"a,b\n", b"a," + b"0" * 64 + b",x,y\n"])
def test_digests_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "a", b"1")
    (tmp_path / "digests.csv").write_bytes(content)
    assert FolderDigests(tmp_path).check("a") is Finding.UNLISTED


def test_a_full_disk_is_an_error_and_no_half_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "a", b"1")
    real = os.write
    monkeypatch.setattr(folder_digests.os, "write", lambda fd, data: real(fd, data[:9]))
    with pytest.raises(OSError, match="No space left"):
        FolderDigests(tmp_path).record("b", path)
    monkeypatch.undo()
    write(tmp_path, "c", b"3")
    assert set(FolderDigests(tmp_path).entries) == {"a", "c"}


def test_a_damaged_line_is_replaced_when_the_file_is_written_again(tmp_path: Path) -> None:
    write(tmp_path, "a", b"123")
    digests = tmp_path / "digests.csv"
    digests.write_text(digests.read_text().replace(",3,", ",4,"))  # another size
    assert FolderDigests(tmp_path).check("a") is Finding.CHANGED
    write(tmp_path, "a", b"123")
    assert FolderDigests(tmp_path).check("a") is Finding.INTACT


def test_equal_bytes_are_recorded_once(tmp_path: Path) -> None:
    for _ in range(3):
        write(tmp_path, "a", b"1")
    assert len((tmp_path / "digests.csv").read_text().splitlines()) == 2
