import subprocess
import sys
from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace

HOLD = """
import sys
from pathlib import Path
from longibench.benchmark.core.workspace import Workspace
with Workspace(Path(sys.argv[1])).lock(Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path), str(tmp_path / "model")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(UserError, match=r"another process is writing .*model"),
            place.lock(tmp_path / "model"),
        ):
            pass
        with place.lock(tmp_path / "other"):
            pass
        other.kill()
        other.wait()
        with place.lock(tmp_path / "model"):  # the lock went with the process
            pass


def test_a_place_that_cannot_be_written_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="cannot write"),
        Workspace(tmp_path).lock(tmp_path / "file" / "a"),
    ):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("longibench.benchmark.core.workspace.FileLock.acquire", refuse)
    with (
        pytest.raises(UserError, match="Permission denied"),
        Workspace(tmp_path).lock(tmp_path / "a"),
    ):
        pass


def test_protocols_are_found_by_name_or_the_latest(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    with pytest.raises(UserError, match="nothing has been run here"):
        place.find_protocol(None)
    for name in ("phantom-1", "phantom-2"):
        place.protocol(name).mkdir()
        (place.protocol(name) / "protocol.json").write_text("{}")
    place.set_latest("phantom-1")
    assert place.find_protocol(None).name == "phantom-1"
    assert place.find_protocol("phantom-2").name == "phantom-2"
    with pytest.raises(UserError, match=r"unknown protocol 'phantom-3'. Did you mean"):
        place.find_protocol("phantom-3")


@pytest.mark.parametrize("name", ["../x", "/x", ".."])
def test_no_name_leaves_the_workspace(tmp_path: Path, name: str) -> None:
    place = Workspace(tmp_path)
    for path in (place.model, place.protocol, lambda run: place.predictions("protocol", run)):
        with pytest.raises(UserError, match="is not a path below it"):
            path(name)
