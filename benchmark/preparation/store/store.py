"""The cache of prepared volumes: content in, files out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from longibench.benchmark.core.checked_files import read_json, understood, write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.folder_digests import DamagedFileError, Finding, digests_of
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation.reading.problems import RETRIED, DamagedScanError
from longibench.benchmark.preparation.steps.chain import PreparedScan
from longibench.benchmark.preparation.steps.quality import NOT_DONE, UNKNOWN, Quality
from longibench.benchmark.preparation.steps.traits import ScanTraits, scan_traits
from longibench.benchmark.preparation.store.file_digests import Digests
from longibench.benchmark.preparation.store.volumes import write_volume

__all__ = ["Digests", "Record", "Result", "Store"]

Result = PreparedScan | DamagedScanError


@dataclass(frozen=True)
class Record:
    """The outcome of preparing one scan: its properties, or why there is no volume.

    Attributes:
        traits: Properties of the scan; None if it is damaged.
        reason: Why it is damaged.
        kind: Kind of the damage, one of few; ``reason`` then has the details.
        transform: The grid's world mm to the scan's world mm, rows of the (4, 4) matrix.
        quality: Numbers that show a bad preparation.
    """

    traits: ScanTraits | None = None
    reason: str = ""
    kind: str = ""
    transform: tuple[tuple[float, ...], ...] = ()
    quality: Quality = UNKNOWN


class Store:
    """Prepared volumes by the content of the scan and of the subject's first scan.

    One JSON file a subject, named by its first scan, has the outcomes of all its scans.
    """

    def __init__(
        self, folder: Path, grid: Grid, console: Console | None = None, steps: str = ""
    ) -> None:
        """Args: the folder; the volumes' grid; where to warn of damage; the plan's digest."""
        self._folder = folder
        self._grid = grid.model_dump(mode="json")
        self._steps = steps
        self._console = console or Console()
        self._subjects: dict[str, dict[str, Record]] = {}
        self._verified: set[Path] = set()  # volumes that this process has verified

    def reload(self) -> None:
        """Forget the outcomes read so far: other processes have written more."""
        self._subjects.clear()

    def volume(self, content: str, source: str) -> Path:
        """Path of a prepared volume."""
        return self._folder / f"{digest([content, source, self._grid, self._steps])}.nii"

    def read(self, content: str, source: str) -> Record | None:
        """The outcome for a scan, or None if it must be prepared (again).

        A volume whose bytes have changed is removed with a warning.

        Raises:
            UserError: A volume cannot be read.
        """
        record = self._records(source).get(content)
        if record is None or record.traits is None:
            return record
        path = self.volume(content, source)
        if path not in self._verified:
            if not self._is_intact(path):
                return None
            self._verified.add(path)
        return record

    def write(self, source: str, results: Mapping[str, Result]) -> None:
        """Store one subject's outcomes by content: volumes first, so that records are complete.

        Failures that the bytes need not cause are not stored, but tried again next time.
        """
        records = dict(self._records(source))
        for content, result in results.items():
            if isinstance(result, PreparedScan):
                path = self.volume(content, source)
                write_volume(path, result.volume, result.affine)
                records[content] = Record(
                    scan_traits(result),
                    transform=tuple(tuple(row) for row in result.transform.tolist()),
                    quality=result.quality,
                )
            elif result.kind not in RETRIED:
                records[content] = Record(kind=result.kind, reason=result.detail)
        self._write_records(source, records)

    def _records(self, source: str) -> dict[str, Record]:
        if source not in self._subjects:
            self._subjects[source] = self._read_records(self._file(source))
        return self._subjects[source]

    def _write_records(self, source: str, records: dict[str, Record]) -> None:
        stored = {content: _plain(record) for content, record in records.items()}
        write_json(self._file(source), stored)
        self._subjects[source] = records

    def _file(self, source: str) -> Path:
        return self.volume(source, source).with_suffix(".json")

    def _is_intact(self, path: Path) -> bool:
        found = digests_of(self._folder).check(path.name)
        if found in (Finding.CHANGED, Finding.UNLISTED):
            self._console.warn(f"{path} is damaged: {found.value}; it is prepared again")
            path.unlink()
        return found is Finding.INTACT

    def _read_records(self, path: Path) -> dict[str, Record]:
        """Outcomes by content; none if the file is missing or was not written by this version."""
        try:
            stored = read_json(path, dict[str, dict[str, Any]])
            with understood(path):
                return {content: _record(**values) for content, values in stored.items()}
        except DamagedFileError as error:
            if path.exists():
                self._console.warn(f"{error}; its scans are prepared again")
            return {}


def _plain(record: Record) -> dict[str, Any]:
    """A record as JSON, which has no NaN."""
    quality = {k: None if isnan(v) else v for k, v in asdict(record.quality).items()}
    return {**asdict(record), "quality": quality}


def _record(
    traits: dict[str, Any] | None,
    transform: list[list[float]],
    quality: dict[str, float | None],
    kind: str,
    reason: str,
    **_: Any,  # what version 0.1 wrote too: digests of the volumes
) -> Record:
    if traits is None:
        return Record(kind=kind, reason=reason)
    x, y, z = traits["voxel_mm"]
    return Record(
        ScanTraits(**{**traits, "voxel_mm": (x, y, z)}),
        transform=tuple(tuple(row) for row in transform),
        quality=Quality(**{k: NOT_DONE if v is None else v for k, v in quality.items()}),
    )
