"""The folder of measured values: checked when read, and a loss costs only time."""

from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import UNFINISHED
from longibench.benchmark.core.folder_digests import Finding, digests_of


class MeasuredFiles:
    """Bytes by name; several threads and processes may use a folder at once."""

    def __init__(self, folder: Path, console: Console | None = None) -> None:
        """Args: the folder, created with the first file; where to name what was changed."""
        self._folder = folder
        self._console = console or Console()

    def read(self, name: str) -> bytes | None:
        """The bytes that were written under a name; None if there are none, or they changed."""
        path, digests = self._folder / name, digests_of(self._folder)
        try:
            content = path.read_bytes()
            if digests.verify(name, content):
                return content
            if digests.check(name) is Finding.INTACT:  # it was being replaced
                return path.read_bytes()
        except OSError:
            return None
        self._console.warn(f"{path}: {digests.check(name).value}; it is computed again")
        return None

    def write(self, name: str, content: bytes) -> None:
        """Keep bytes under a name; if writing fails, they are computed again next time."""
        temporary = self._folder / f"{UNFINISHED}{token_hex(4)}-{name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            digests_of(self._folder).record(name, temporary)
            temporary.replace(self._folder / name)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
