"""The rule of what may be data, and why a path has no content."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import (
    files_below,
    files_in,
    folders_in,
    is_present,
    names_in,
    require_content,
    why_absent,
)

JUNK = (
    *("._a.nii", ".DS_Store", ".nfs0001", "~$a.xlsx", "__MACOSX", "@eaDir", "Thumbs.db"),
    *("desktop.ini", "Icon\r", "lost+found", "#recycle", "$RECYCLE.BIN", "a.nii.part"),
)


def test_what_systems_write_beside_data_is_never_listed(tmp_path: Path) -> None:
    for name in (*JUNK, "a.nii", "B.NII", ".c.nii.icloud", "d.csv"):
        (tmp_path / name).touch()
    (tmp_path / "@eaDir").unlink()
    (tmp_path / "@eaDir").mkdir()
    assert names_in(tmp_path) == ["B.NII", "a.nii", "a.nii.part", "c.nii", "d.csv"]
    found = files_in(tmp_path, re.compile(r".+\.nii", re.IGNORECASE))
    assert [path.name for path in found] == ["B.NII", "a.nii", "c.nii"]
    assert folders_in(tmp_path) == []
    assert files_in(tmp_path / "none", re.compile(".+")) == folders_in(tmp_path / "none") == []


def test_links_that_lead_back_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.NII.GZ").touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "c").symlink_to(tmp_path / "a" / "b")
    found = [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path, (".nii.gz",))]
    assert found == ["a/b/x.NII.GZ", "c/x.NII.GZ"]


def test_a_folder_on_a_disk_that_is_not_mounted_is_listed_on_request(tmp_path: Path) -> None:
    (tmp_path / "sub-1").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").symlink_to(tmp_path / "nowhere")
    assert folders_in(tmp_path) == []
    assert folders_in(tmp_path, lost=True) == [tmp_path / "sub-1"]


def annex_link(path: Path) -> None:
    path.symlink_to(f".git/annex/objects/xx/yy/MD5E-s9--0.nii/{path.name}")


def pipe(path: Path) -> None:
    os.mkfifo(path)


ABSENT: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "no such folder or file"),
    "link": (lambda path: path.symlink_to("/gone/x"), "a link to /gone/x, which does not exist"),
    "circle": (lambda path: path.symlink_to(path.name), "which does not exist"),
    "annex": (annex_link, r"git-annex .*git annex get a b\.nii .*datalad get"),
    "unlocked": (
        lambda path: path.write_text("/annex/objects/MD5E-s9--0.nii\n"),
        "a pointer of git-annex .*git annex get",
    ),
    "lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        "a pointer of Git LFS .*git lfs pull",
    ),
    "icloud": (lambda path: path.with_name(f".{path.name}.icloud").touch(), "only in iCloud"),
    "folder": (lambda path: path.mkdir(), "a folder named like a file"),
    "pipe": (pipe, "neither a file nor a folder"),
}


@pytest.mark.parametrize("kind", ABSENT)
def test_why_a_file_has_no_content(kind: str, tmp_path: Path) -> None:
    make, reason = ABSENT[kind]
    path = tmp_path / "a b.nii"
    make(path)
    assert re.search(reason, why_absent(path))
    with pytest.raises(UserError, match=f"a b.nii: .*{reason}"):
        require_content(path)
    if kind == "nothing":
        assert not is_present(path)
    else:
        with pytest.raises(UserError, match=reason):
            is_present(path)


def test_files_with_content_are_present(tmp_path: Path) -> None:
    for name, content in (("a", b""), ("b", b"short"), ("c", b"/annex/objects/" + bytes(2000))):
        (tmp_path / name).write_bytes(content)
        (tmp_path / f"{name}-link").symlink_to(name)
        assert why_absent(tmp_path / name) == why_absent(tmp_path / f"{name}-link") == ""
        assert is_present(tmp_path / name)


def test_a_path_through_a_lost_folder_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to("/media/gone")
    assert "disk is a link to /media/gone" in why_absent(tmp_path / "disk" / "sub-1" / "a.nii")


def test_names_that_no_system_accepts(tmp_path: Path) -> None:
    assert why_absent(f"{tmp_path}/a\0b.nii")
    assert why_absent(tmp_path / ("n" * 300))


def test_what_is_written_beside_data_is_no_data_even_if_named(tmp_path: Path) -> None:
    for name in ("._t.csv", "~$t.xlsx"):
        (tmp_path / name).write_text("a,b\n1,2\n")
        assert re.search(r"beside t\.", why_absent(tmp_path / name))


def test_a_series_is_as_present_as_its_slices(tmp_path: Path) -> None:
    series = tmp_path / "I1"
    series.mkdir()
    (series / "._1.dcm").touch()
    assert why_absent(series) == "an empty folder"
    (series / "1.dcm").touch()
    assert why_absent(series) == ""
    annex_link(series / "9.dcm")
    assert why_absent(series).startswith("9.dcm: a link of git-annex")


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s.nii")
        assert why_absent("s.nii") == "it is neither a file nor a folder"
