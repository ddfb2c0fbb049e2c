from pathlib import Path

import pytest

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import (
    is_whole,
    missing,
    record_tree,
    remove_changed,
    take_over,
)
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.folder_digests import digests_of
from longibench.benchmark.core.measured_files import MeasuredFiles

CONSOLE = Console(quiet=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.json", "b.json", "c.json"):
        write_json(tmp_path / name, name)
    (tmp_path / "notes.txt").write_text("of the user")
    return tmp_path


def test_what_was_changed_is_named_and_removed_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.json").write_text("1")
    (folder / "b.json").unlink()
    assert remove_changed(folder, CONSOLE) == {"a.json"}
    assert "a.json: its bytes have changed" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"c.json", "notes.txt", "digests.csv"}
    assert missing(folder) == {"a.json", "b.json"}


def test_a_folder_of_an_earlier_version_gets_digests_with_one_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "digests.csv").unlink()
    (folder / "x.log").write_text("grows")
    take_over([folder, folder / "none"], folder, CONSOLE)
    assert capsys.readouterr().err.count("warning:") == 1
    assert set(digests_of(folder).entries) == {"a.json", "b.json", "c.json", "notes.txt"}
    take_over([folder], folder, CONSOLE)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("what", ["change", "remove"])
def test_a_tree_is_whole_until_a_file_changes_or_goes(folder: Path, what: str) -> None:
    deep = folder / "sub-1" / "anat"
    deep.mkdir(parents=True)
    (deep / "scan").write_text("1")
    record_tree(folder)
    assert is_whole(folder, folder, CONSOLE)
    changes = {
        "change": lambda: (deep / "scan").write_text("2"),
        "remove": (deep / "scan").unlink,
    }
    changes[what]()
    assert not is_whole(folder, folder, CONSOLE)


def test_a_foreign_file_in_a_tree_is_refused_and_kept(folder: Path) -> None:
    record_tree(folder)
    (folder / ".DS_Store").write_text("of the system")
    assert is_whole(folder, folder, CONSOLE)
    (folder / "sub-2").write_text("of the user")
    with pytest.raises(UserError, match="sub-2: does not belong to the simulated cohort"):
        is_whole(folder, folder, CONSOLE)


def test_only_some_files_are_removed(folder: Path) -> None:
    for name in ("a.json", "b.json"):
        (folder / name).write_text("1")
    assert remove_changed(folder, CONSOLE, only=("b.json",)) == {"b.json"}
    assert (folder / "a.json").exists()


def test_a_measured_value_that_was_changed_is_named_and_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = MeasuredFiles(tmp_path / "measured", CONSOLE)
    assert files.read("a") is None
    files.write("a", b"0.0662")
    files.write("b", b"0.0001")
    assert files.read("a") == b"0.0662"
    (tmp_path / "measured" / "a").write_bytes(b"0.0647")
    assert files.read("a") is None
    assert "measured/a: its bytes have changed" in capsys.readouterr().err
    files.write("a", b"0.0662")
    assert files.read("a") == b"0.0662"
    assert files.read("b") == b"0.0001"
    assert not list((tmp_path / "measured").glob(".unfinished*"))


def test_where_nothing_can_be_written_nothing_is_measured_in_vain(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = MeasuredFiles(tmp_path / "file")
    files.write("a", b"1")
    assert files.read("a") is None


@pytest.mark.parametrize("name", ["../victim", "a/../../victim", "/victim"])
def test_no_list_of_digests_removes_a_file_outside_of_its_folder(folder: Path, name: str) -> None:
    victim = folder.parent / "victim"
    victim.write_text("keep")
    listed = str(victim) if name.startswith("/") else name
    with (folder / "digests.csv").open("a") as file:
        file.write(f"{listed},{'0' * 64},4,1\n")
    assert remove_changed(folder, Console()) == set()
    assert victim.read_text() == "keep"
