"""The simulated anatomy of a phantom's visits, without noise, on the grid like their source."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.phantom.visit_truth import CLEAN, EXPECTED
from longibench.benchmark.core.checked_files import is_intact
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.process_pool import count_workers
from longibench.benchmark.core.workspace import DIGESTS
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.steps.intensity import head_range
from longibench.benchmark.preparation.steps.plan import Plan
from longibench.benchmark.preparation.steps.single_scan import place, scaled_head
from longibench.benchmark.preparation.store.file_digests import Digests
from longibench.benchmark.preparation.store.volumes import prepared_space, write_volume

VOLUME_CLEAN, VOLUME_EXPECTED = "volume_clean", "volume_expected"
FOLLOWS = "which follows its scans only if they are resampled and scaled"
STEPS = "preparation.bias, preparation.brain, preparation.registration"  # that it does not follow


def allows_truth(visits: pd.DataFrame, plan: Plan) -> bool:
    """Whether visits have a truth that can be brought onto the grid.

    Brain extraction, bias correction and registration are estimated on each scan; only resampling
    and scaling are the same for a scan and for its anatomy without noise.
    """
    return CLEAN in visits and plan.cheap


def prepare_truth(
    prepared: Prepared,
    grid: Grid,
    folder: Path,
    volumes: Collection[str],
    console: Console,
    workers: int = 0,
) -> Prepared:
    """Bring the noise-free volumes of some visits onto the grid, placed and scaled as their source.

    The source is the subject's first scan as a method gets it. Its percentiles, of its noisy
    intensities, become -1 and 1; what is beyond is clipped, as in the source itself. What was
    written before is not read again.

    Args:
        prepared: The prepared cohort; its table may have the column ``clean``.
        grid: The grid.
        folder: Folder of the volumes, by content.
        volumes: Prepared volumes of the visits; others are left out, so that no truth of a training
            subject is prepared.
        console: For progress.
        workers: Threads; 0 means one per core. Changes no result.

    Returns:
        The same cohort, with the columns ``VOLUME_CLEAN`` and, if the cohort has its file,
        ``VOLUME_EXPECTED``, if it allows a truth.

    Raises:
        UserError: A file cannot be read, or writing failed.
    """
    if not allows_truth(prepared.table, prepared.plan):
        return prepared
    table, digests = prepared.table.copy(), Digests(folder / DIGESTS, console)
    first = table.sort_values("years").groupby("subject").head(1).set_index("subject")
    subjects = {
        str(subject): _Subject(row["path"], row["volume"], grid, prepared.plan)
        for subject, row in first.iterrows()
    }
    for column, prepared_column in ((CLEAN, VOLUME_CLEAN), (EXPECTED, VOLUME_EXPECTED)):
        if column in table:
            rows = zip(table[column], table["subject"], table["volume"], strict=True)
            table[prepared_column] = [
                subjects[subject].place_of(Path(file), folder, digests)
                if volume in volumes and isinstance(file, str)
                else None
                for file, subject, volume in rows
            ]
    digests.save()
    _write([its for its in subjects.values() if its.missing], console, workers)
    return replace(prepared, table=table)


@dataclass(frozen=True)
class _Subject:
    """A subject's first scan and its prepared volume, and the volumes that are not written yet."""

    scan: str
    volume: str
    grid: Grid
    plan: Plan
    missing: dict[Path, Path] = field(default_factory=dict)  # what is read, by what is written

    def place_of(self, clean: Path, folder: Path, digests: Digests) -> str:
        """Path of the prepared file of a volume without noise."""
        with _explained(clean):
            content = digests.of(clean)
        path = folder / f"{digest([content, Path(self.volume).name])}_clean.nii"
        if not is_intact(path):
            self.missing[path] = clean
        return str(path)

    def write(self) -> None:
        """Write what is missing, with the position and the range of intensities of the source."""
        target, source = prepared_space(self.volume)[1], Path(self.scan)
        with _explained(source):
            scan = read_scan(source, self.plan.axes)
            placed = place(scan, target, self.grid)
            limits = head_range(placed, scan.background, self.plan.percentiles)
        for path, clean in self.missing.items():
            with _explained(clean):
                anatomy = read_scan(clean, self.plan.axes)
                placed = place(anatomy, target, self.grid)
                volume = scaled_head(anatomy, placed, limits, self.grid)
            write_volume(path, volume, target)


def _write(subjects: Sequence[_Subject], console: Console, workers: int) -> None:
    """Write what is missing of subjects: reading and resampling release Python's lock."""
    if not subjects:
        return
    with ThreadPoolExecutor(count_workers(workers, len(subjects))) as pool:
        written = pool.map(_Subject.write, subjects)
        for _ in console.track(written, "preparing the truth", len(subjects)):
            pass


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Name a file of the simulated dataset that cannot be used, and what to do."""
    try:
        yield
    except DamagedScanError as error:
        raise UserError(f"{file}: {error}; delete the simulated cohort to make it again") from error
