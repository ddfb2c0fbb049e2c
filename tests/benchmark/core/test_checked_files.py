from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from longibench.benchmark.core.checked_files import (
    checked_file,
    read_json,
    read_table,
    require_intact,
    write_json,
    write_table,
    write_text,
)
from longibench.benchmark.core.folder_digests import DamagedFileError, digests_of


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": [1, 2.5, "ä"]})
    assert read_json(tmp_path / "a.json", dict[str, Any]) == {"a": [1, 2.5, "ä"]}
    write_table(tmp_path / "t.csv", read_table(_table(tmp_path)))
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"x": [1, 2]}


def _table(folder: Path) -> Path:
    write_text(folder / "first.csv", "x\n1\n2\n")
    return folder / "first.csv"


def test_a_table_cut_at_a_line_end_is_refused(tmp_path: Path) -> None:
    path = _table(tmp_path)
    path.write_text("x\n1\n")
    with pytest.raises(DamagedFileError, match=r"first\.csv: its bytes have changed .* again"):
        read_table(path)
    with pytest.raises(DamagedFileError, match="have changed"):
        require_intact(path)


def test_a_file_without_a_digest_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    assert read_json(tmp_path / "a.json", list[int]) == [1]


def test_the_message_names_the_file_the_place_and_what_to_do(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": "x"})
    with pytest.raises(DamagedFileError, match=r"a\.json: cannot be read at 'a': .*; ask somebody"):
        read_json(tmp_path / "a.json", dict[str, int], "ask somebody")
    with pytest.raises(DamagedFileError, match=r"b\.json: no such file"):
        read_json(tmp_path / "b.json", dict[str, int])
    with pytest.raises(DamagedFileError, match="cannot be read: Is a directory"):
        read_json(tmp_path, dict[str, int])


def test_a_write_that_fails_leaves_the_file_and_its_digest(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ZeroDivisionError), checked_file(tmp_path / "a.json") as temporary:
        temporary.write_text(str(1 / 0))
    assert read_json(tmp_path / "a.json", int) == 1
    assert len(digests_of(tmp_path).entries) == 1


@settings(deadline=None, derandomize=True, max_examples=150)
@given(content=some.binary(max_size=200) | some.text(max_size=200).map(str.encode))
def test_whatever_a_file_holds_it_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(content)
    for read in (lambda: read_json(path, dict[str, Any]), lambda: read_table(path)):
        message = ""
        try:
            read()
        except DamagedFileError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1
