"""The cache of prepared volumes: content in, files out."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmark.files import atomic_file, digest, file_digest, write_json
from benchmark.grid import Grid
from benchmark.resampling import PreparedScan
from benchmark.scan import DamagedScanError
from benchmark.traits import ScanTraits, scan_traits

VERSION = 1  # raise it whenever preparation gives other volumes


@dataclass(frozen=True)
class Record:
    """The outcome of preparing one scan: its traits, or the reason why there is no volume."""

    traits: ScanTraits | None = None
    reason: str = ""


class Store:
    """Prepared volumes by the content of the scan and of the subject's first scan."""

    def __init__(self, folder: Path, grid: Grid) -> None:
        """Args: the folder of the cache, and the grid that all volumes lie on."""
        self._folder = folder
        self._grid = grid.model_dump(mode="json")
        self._records: dict[str, Record] = {}

    def volume(self, content: str, source: str) -> Path:
        """Path of a prepared volume."""
        return self._folder / f"{self._key(content, source)}.nii"

    def read(self, content: str, source: str) -> Record | None:
        """The outcome for a scan, or None where it has not been prepared yet."""
        key = self._key(content, source)
        if key not in self._records:
            try:
                stored = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return None
            traits = stored["traits"]
            if traits and not self.volume(content, source).is_file():
                return None
            if traits:
                traits["voxel_mm"] = tuple(traits["voxel_mm"])
            self._records[key] = Record(ScanTraits(**traits) if traits else None, stored["reason"])
        return self._records[key]

    def write(self, content: str, source: str, result: PreparedScan | DamagedScanError) -> None:
        """Store a volume first, then its record: what has a record is complete."""
        path = self.volume(content, source)
        if isinstance(result, PreparedScan):
            _write_volume(path, result)
            record = Record(scan_traits(result))
        else:
            record = Record(reason=str(result))
        write_json(path.with_suffix(".json"), asdict(record))

    def _key(self, content: str, source: str) -> str:
        return digest([VERSION, content, source, self._grid])


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


def _write_volume(path: Path, scan: PreparedScan) -> None:
    image = nib.Nifti1Image(scan.volume.astype(np.float32), scan.affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(scan.affine, code=1)
    image.set_sform(scan.affine, code=1)
    with atomic_file(path) as temporary:
        nib.save(image, temporary)
