"""The cache of prepared volumes: content in, files out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmark.files import atomic_file, digest, file_digest, write_json
from benchmark.grid import Grid
from benchmark.preparation.scan import DamagedScanError
from benchmark.preparation.subject import PreparedScan
from benchmark.preparation.traits import ScanTraits, scan_traits

Result = PreparedScan | DamagedScanError

VERSION = 1  # raise it whenever preparation gives other volumes


@dataclass(frozen=True)
class Record:
    """The outcome of preparing one scan: its traits, or the reason why there is no volume."""

    traits: ScanTraits | None = None
    reason: str = ""


class Store:
    """Prepared volumes by the content of the scan and of the subject's first scan.

    One JSON file a subject, named by its first scan, holds the outcomes of all its scans.
    """

    def __init__(self, folder: Path, grid: Grid) -> None:
        """Args: the folder of the cache, and the grid that all volumes lie on."""
        self._folder = folder
        self._grid = grid.model_dump(mode="json")
        self._subjects: dict[str, dict[str, Record]] = {}

    def volume(self, content: str, source: str) -> Path:
        """Path of a prepared volume."""
        return self._folder / f"{digest([VERSION, content, source, self._grid])}.nii"

    def read(self, content: str, source: str) -> Record | None:
        """The outcome for a scan, or None where it has not been prepared yet."""
        if source not in self._subjects:
            self._subjects[source] = _read_records(self._file(source))
        record = self._subjects[source].get(content)
        if record and record.traits and not self.volume(content, source).is_file():
            return None
        return record

    def write(self, source: str, results: Mapping[str, Result]) -> None:
        """Store one subject's outcomes by content: volumes first, so that records are complete."""
        records = _read_records(self._file(source))
        for content, result in results.items():
            if isinstance(result, PreparedScan):
                _write_volume(self.volume(content, source), result)
                records[content] = Record(scan_traits(result))
            else:
                records[content] = Record(reason=str(result))
        stored = {content: asdict(record) for content, record in records.items()}
        write_json(self._file(source), stored)
        self._subjects[source] = records

    def _file(self, source: str) -> Path:
        return self.volume(source, source).with_suffix(".json")


class Digests:
    """SHA256 of files, remembered for as long as their size and time of change stay."""

    def __init__(self, path: Path) -> None:
        """Args: the file in which digests are remembered."""
        self._path = path
        self._known: dict[str, list[object]] = {}
        self._changed = False
        try:
            self._known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}  # a lost memory costs time, nothing else

    def of(self, file: Path) -> tuple[str, str]:
        """Digest of a file and, where it cannot be read, the reason (the digest is then empty)."""
        try:
            status = file.stat()
            state = [status.st_size, status.st_mtime_ns]
            known = self._known.get(str(file.resolve()))
            if known and known[:2] == state:
                return str(known[2]), ""
            value = file_digest(file)
        except OSError as error:
            return "", f"cannot be read: {error.strerror}"
        self._known[str(file.resolve())] = [*state, value]
        self._changed = True
        return value, ""

    def save(self) -> None:
        """Remember what has been computed."""
        if self._changed:
            write_json(self._path, self._known)


def _read_records(path: Path) -> dict[str, Record]:
    """Outcomes by content; none where the file is missing or was not written by this version."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {content: _record(**values) for content, values in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _record(traits: dict[str, Any] | None, reason: str) -> Record:
    if traits is None:
        return Record(reason=reason)
    x, y, z = traits["voxel_mm"]
    return Record(ScanTraits(**{**traits, "voxel_mm": (x, y, z)}), reason)


def _write_volume(path: Path, scan: PreparedScan) -> None:
    image = nib.Nifti1Image(scan.volume.astype(np.float32), scan.affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(scan.affine, code=1)
    image.set_sform(scan.affine, code=1)
    with atomic_file(path) as temporary:
        nib.save(image, temporary)
