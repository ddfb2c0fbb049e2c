"""The run folder: where everything is stored, and which process may write to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from longibench.benchmark.core.errors import UserError, shortened, unknown
from longibench.benchmark.core.files import sweep, write_text
from longibench.benchmark.core.names import inside

# Names of files. In a protocol's folder:
PROTOCOL, PAIRS, SCORES = "protocol.json", "pairs.csv", "scores.csv"
METRICS, ROWS, REQUESTED = "metrics.json", "rows.json", "requested.json"
PROVENANCE, POINTS = "provenance.json", "sampling_points.json"
# in a folder of predictions, which has its own scores.csv:
MANIFEST, RUN, DIAGNOSTICS = "manifest.csv", "run.json", "diagnostics.json"
# in a model's folder:
TRAINED, SETTINGS, DIVERGED = "trained.json", "settings.json", "diverged.json"
LOSSES, VALIDATION, SAMPLES = "losses.csv", "validation.csv", "samples"
COMPILED, LOGGER_RUNS = "compile.json", "loggers.json"
COMPILED_GENERATION = "compile-generation-{batch}.json"  # one for each batch size
# a checkpoint:
WEIGHTS, AVERAGE, STATE, INDEX = "weights.safetensors", "ema.safetensors", "state.pt", "index.json"
# in the folder of prepared volumes:
DIGESTS, PREPARATION_LOG = "sha256.json", "preparation.log"
# in the workspace itself:
LATEST = "latest"
# in each of these folders: digests of its files
FILE_DIGESTS = "digests.csv"

BRIEFLY = 0.2  # seconds; ``is_locked`` takes a lock for less
PATIENCE = 600  # seconds to wait for other processes that use the same prepared scans


class LockedError(UserError):
    """Another process is writing a folder."""


@dataclass(frozen=True)
class Workspace:
    """Layout of a workspace.

    ``cohorts/`` simulated cohorts; ``prepared/`` volumes on the grid; ``measured/`` what was
    measured on volumes; ``models/<run>/`` what training writes; ``<protocol>/`` pairs,
    predictions, scores and report of one protocol. Names contain the digest of what determines
    the content, so that work is done once.
    """

    root: Path

    @property
    def cohorts(self) -> Path:
        """Simulated cohorts, BIDS."""
        return self.root / "cohorts"

    @property
    def measured(self) -> Path:
        """Features, tissue volumes and values that were measured, named by content."""
        return self.root / "measured"

    @property
    def prepared(self) -> Path:
        """Prepared volumes, named by content."""
        return self.root / "prepared"

    def model(self, run: str) -> Path:
        """Checkpoints, losses and settings of one training run."""
        return inside(self.root / "models", run)

    def protocol(self, protocol: str) -> Path:
        """Everything that belongs to one protocol."""
        return inside(self.root, protocol)

    def predictions(self, protocol: str, run: str) -> Path:
        """Generated volumes of one model under one protocol."""
        return inside(self.protocol(protocol) / "predictions", run)

    def protocols(self) -> list[str]:
        """Names of the protocols that have been run in this workspace."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{PROTOCOL}"))

    def folders(self) -> Iterator[Path]:
        """The folders whose files have digests, but for simulated cohorts."""
        yield from (self.prepared, self.measured)
        yield from self.root.glob("models/*/")
        for name in self.protocols():
            yield self.protocol(name)
            yield from self.protocol(name).glob("predictions/*/")

    def set_latest(self, protocol: str) -> None:
        """Record which protocol a report should show."""
        write_text(self.root / LATEST, protocol + "\n")

    def find_protocol(self, name: str | None) -> Path:
        """Folder of a protocol by name, or of the latest.

        Raises:
            UserError: There is none, or none with that name.
        """
        known = self.protocols()
        if not known and any(self.prepared.glob("*.json")):
            raise UserError(
                f"{self.root}: nothing is finished: scans are prepared, or are being prepared, and "
                "no method has been started; 'python cli.py run' continues"
            )
        if not known:
            raise UserError(
                f"{self.root}: nothing has been run here; start with 'python cli.py run'"
            )
        if name is None:
            return self.protocol(self._latest(known))
        if name not in known:
            raise unknown("protocol", name, known)
        return self.protocol(name)

    def _latest(self, known: list[str]) -> str:
        marker = self.root / LATEST
        try:
            name = marker.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return known[-1]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{marker}: cannot be read: {error}; name one with --protocol"
            ) from error
        if name not in known:
            raise UserError(
                f"{marker}: names the protocol {name!r}, which does not exist here; name one with "
                f"--protocol ({', '.join(known)}), or run again"
            )
        return name

    @contextmanager
    def lock(self, folder: Path, wait_seconds: float = 0) -> Iterator[None]:
        """Lock a folder for writing; the lock is released when the process ends, in any way.

        Args:
            folder: The folder, or a file that several processes add to.
            wait_seconds: How long to wait for another process before giving up.

        Raises:
            LockedError: Another process holds the lock.
            UserError: The folder cannot be written.
        """
        path = _lock_of(folder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path, timeout=max(wait_seconds, BRIEFLY)):
                sweep(folder)
                yield
        except Timeout:
            raise LockedError(
                f"another process is writing {folder}; wait for it, or use another --workspace"
            ) from None
        except OSError as error:
            where = shortened(str(folder))
            raise UserError(f"cannot write {where}: {error.strerror or error}") from error

    def is_locked(self, folder: Path) -> bool:
        """Whether a process is writing a folder now; nothing is created."""
        path = _lock_of(folder)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a workspace that may only be read
            return False


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
