"""A folder of DICOM slices as one NIfTI file, converted by dcm2niix."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longibench.benchmark.core.found_files import names_in
from longibench.benchmark.preparation.reading.problems import (
    DICOM,
    NOT_NOW,
    DamagedScanError,
    refuse_absent,
)

SECONDS = 600  # longest conversion
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
)  # plain NIfTI; a second series gets another name


@contextmanager
def converted(path: Path) -> Iterator[Path]:
    """Yield a file itself, or a folder of DICOM slices as a temporary NIfTI file.

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
        DamagedScanError: A slice is not on disk, no DICOM in the folder, several series or
            volumes, or dcm2niix failed.
    """
    for name in names_in(folder):
        if not (folder / name).is_dir():
            refuse_absent(folder / name, f"{name}: ")
    with tempfile.TemporaryDirectory() as out:
        output = _run(folder, Path(out))
        files = sorted(Path(out).glob("*.nii"))
        if not files:
            raise DamagedScanError(DICOM, f"it gave no volume: {_reason(output)}")
        if len(files) > 1:
            names = ", ".join(file.stem for file in files[:4])
            raise DamagedScanError(
                DICOM, f"the folder holds {len(files)} series or volumes ({names}); keep one"
            )
        yield files[0]


def _run(folder: Path, out: Path) -> str:
    """Output of dcm2niix; it may fail and still write a volume, which must not be used."""
    import dcm2niix

    command = [dcm2niix.bin, *OPTIONS, "-o", str(out), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DamagedScanError(NOT_NOW, f"dcm2niix took more than {SECONDS} s") from error
    output = done.stdout + done.stderr
    if done.returncode:
        raise DamagedScanError(DICOM, _reason(output))
    return output


def _reason(output: str) -> str:
    """The first error or warning of dcm2niix's output, else its first line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    problems = [line for line in lines if line.startswith(("Error", "Warning"))]
    return (problems or lines or ["dcm2niix printed nothing"])[0]
