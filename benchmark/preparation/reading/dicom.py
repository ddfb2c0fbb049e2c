"""A folder of DICOM slices as one NIfTI file, by dcm2niix."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longibench.benchmark.preparation.reading.problems import DICOM, NOT_NOW, DamagedScanError

SECONDS = 600  # that a conversion may take
OPTIONS = (
    "-b",
    "n",
    "-z",
    "n",
    "-w",
    "2",
    "-d",
    "0",
    "-f",
    "%s_%p",
)  # plain NIfTI; a second series gets a name of its own


@contextmanager
def converted(path: Path) -> Iterator[Path]:
    """Yield a file as it is, and a folder of DICOM slices as a NIfTI file that lasts the block.

    Raises:
        DamagedScanError: See ``open_dicom``.
    """
    if path.is_dir() and not path.name.lower().endswith((".nii", ".nii.gz", ".mgz")):
        with open_dicom(path) as file:
            yield file
    else:
        yield path


@contextmanager
def open_dicom(folder: Path) -> Iterator[Path]:
    """Convert one DICOM series into a temporary NIfTI file.

    Args:
        folder: The slices of one series, nothing else.

    Yields:
        The file, which is removed when the block ends.

    Raises:
        DamagedScanError: No DICOM in the folder, several series or volumes, or dcm2niix failed.
    """
    with tempfile.TemporaryDirectory() as out:
        said = _run(folder, Path(out))
        files = sorted(Path(out).glob("*.nii"))
        if not files:
            raise DamagedScanError(DICOM, f"no volume came out: {_reason(said)}")
        if len(files) > 1:
            names = ", ".join(file.stem for file in files[:4])
            raise DamagedScanError(
                DICOM, f"the folder holds {len(files)} series or volumes ({names}); keep one"
            )
        yield files[0]


def _run(folder: Path, out: Path) -> str:
    """What dcm2niix says; it may fail and still leave a volume that must not be used."""
    import dcm2niix

    command = [dcm2niix.bin, *OPTIONS, "-o", str(out), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DamagedScanError(NOT_NOW, f"dcm2niix took more than {SECONDS} s") from error
    said = done.stdout + done.stderr
    if done.returncode:
        raise DamagedScanError(DICOM, _reason(said))
    return said


def _reason(said: str) -> str:
    """The line of dcm2niix's output that tells most."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("Error", "Warning"))]
    return (telling or lines or ["dcm2niix said nothing"])[0]
