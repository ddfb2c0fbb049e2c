"""Diagnose a trained method: does it use its noisy input, its seed, its source, its interval?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.code_identity import module_digest
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.names import inside
from longibench.benchmark.core.seeds import sample_seed
from longibench.benchmark.core.workspace import DIAGNOSTICS
from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.benchmark.devices.fabric import launch
from longibench.benchmark.evaluation import diagnostic_measures as measures
from longibench.benchmark.evaluation.diagnostics_file import Diagnostics, read_diagnostics
from longibench.benchmark.evaluation.generate import (
    GenerationJob,
    load_method,
    manifest,
    stacked,
)
from longibench.benchmark.preparation.store.volumes import Volume, read_volume
from longibench.benchmark.protocol.metric_identity import APART
from longibench.benchmark.training.checkpoints import read_final
from longibench.benchmark.training.pair_loader import pad_to_multiple

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longibench.methods.method import Method

SUBJECTS = 24  # at most, one pair of each
FEW = 8  # of these, on whom the network is evaluated many times, which costs most
PARTS = ("noisy input", "seeds", "interval", "source", "own quantities")


def diagnose(job: GenerationJob) -> None:
    """Measure a method whose volumes are on disk, and write ``diagnostics.json`` beside them.

    Raises:
        UserError: No usable checkpoint, writing failed, or a method breaks its contract.
        Stopped: By the user or the system; the same command starts the diagnostics again.
    """
    launch(job.device, _diagnose, job)


def is_diagnosed(job: GenerationJob) -> bool:
    """Whether nothing is left to diagnose: weights, code and pairs are those of the file.

    Oracles have no weights and no network. Volumes of a finished method may have been deleted:
    its diagnostics then stay as they are.
    """
    if job.recipe.method().oracle or not _volumes_exist(job):
        return True
    try:
        found = read_diagnostics(job.folder)
    except DamagedFileError:
        return False
    return found is not None and found.identity == _identity(job)


def will_be_diagnosed(job: GenerationJob, volumes_left: int) -> bool:
    """Whether ``is_diagnosed`` is false now, or will be when all volumes are generated."""
    if volumes_left:
        return not job.recipe.method().oracle
    return not is_diagnosed(job)


def cost_in_volumes(pairs: pd.DataFrame, evaluations: int) -> float:
    """About as many generated volumes cost what the diagnostics cost.

    Args:
        pairs: The evaluated pairs.
        evaluations: Of the network, a volume; 1 without noise levels, 0 without a network.
    """
    few = min(FEW, pairs["subject"].nunique())
    levels = measures.POINTS + 2 if evaluations > 1 else 0  # the last and the verdict's besides
    return few * (1 + len(measures.YEARS) + levels / max(1, evaluations))


def diagnosed_pairs(job: GenerationJob) -> pd.DataFrame:
    """The pairs that are used: the last visit of at most 24 subjects, evenly over their list.

    Returns:
        Columns of the pairs and of the manifest's first samples, sorted by subject.
    """
    ordered = job.pairs.sort_values(["subject", "interval_years", "visit"])
    last = ordered.drop_duplicates("subject", keep="last")
    volumes = manifest(job)[["subject", "visit", "sample", "seed", "generated"]]
    first = volumes[volumes["sample"] == 0]
    return _evenly(last, SUBJECTS).merge(first, on=["subject", "visit"], validate="1:1")


def _evenly(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most so many rows, evenly spaced, both ends included."""
    places = np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int)
    return table.iloc[places].reset_index(drop=True)


def _volumes_exist(job: GenerationJob) -> bool:
    return all(inside(job.folder, name).is_file() for name in diagnosed_pairs(job)["generated"])


def _identity(job: GenerationJob) -> str:
    """Digest of what the diagnostics depend on: settings, weights, pairs, and the code here."""
    pairs = diagnosed_pairs(job)
    paths = [[Path(path).name for path in pairs[name]] for name in ("source", "target")]
    return digest([
        job.recipe.describe(), job.info.get("made_by"), job.generation.samples,
        read_final(job.model) if job.model else None,
        pairs[["subject", "visit", "interval_years", "seed"]].to_numpy().tolist(), paths,
        module_digest(measures, APART), FEW,
    ])  # fmt: skip


@dataclass(frozen=True)
class _Batches:
    """Batches of pairs, read from disk whenever they are iterated: few are in memory at a time."""

    fabric: "Fabric"
    method: "Method"
    job: GenerationJob
    pairs: pd.DataFrame

    def __iter__(self) -> Iterator[measures.Batch]:
        size = self.job.generation.batch_size
        for start in range(0, len(self.pairs), size):
            yield self._read(self.pairs.iloc[start : start + size])

    def _read(self, rows: pd.DataFrame) -> measures.Batch:
        method, fabric = self.method, self.fabric
        source, target = (
            stacked(list(rows[name]), method, fabric) for name in ("source", "target")
        )
        files = [str(inside(self.job.folder, name)) for name in rows["generated"]]
        job, fresh = self.job, self.job.generation.samples  # the first sample not generated yet
        others = [sample_seed(job.seed, subject, fresh) for subject in rows["subject"]]
        heads = [torch.from_numpy(measures.head_of(read_volume(path))) for path in rows["source"]]
        padded = pad_to_multiple(torch.stack(heads)[:, None], method.multiple)
        return measures.Batch(
            source=source,
            target=target,
            generated=stacked(files, method, fabric),
            years=torch.tensor(rows["interval_years"].to_numpy()).to(source),
            seeds=torch.tensor(rows["seed"].to_numpy(), dtype=torch.int64),
            other_seeds=torch.tensor(others, dtype=torch.int64),
            heads=(padded > 0).to(fabric.device),
        )


def _diagnose(fabric: "Fabric", job: GenerationJob) -> None:
    """On rank 0 alone: it takes seconds, and other ranks are free for the next cell's work."""
    if not fabric.is_global_zero:
        return
    console = Console(quiet=job.quiet)
    method = load_method(fabric, job, console)
    with torch.inference_mode(), fabric.autocast(), fast_convolutions(fabric.device.type):
        found = _measured(fabric, method, job, console)
    write_json(job.folder / DIAGNOSTICS, found.model_dump(mode="json"))


def _measured(
    fabric: "Fabric", method: "Method", job: GenerationJob, console: Console
) -> Diagnostics:
    pairs = diagnosed_pairs(job)
    few = _evenly(pairs, FEW)
    all_pairs, some = (_Batches(fabric, method, job, table) for table in (pairs, few))
    paths = pairs.assign(generated=[str(inside(job.folder, n)) for n in pairs["generated"]])

    def read(number: int, role: measures.Role) -> Volume:
        return read_volume(str(paths[role].iloc[number]))

    work = (
        lambda: measures.measure_denoising(method, some),
        lambda: measures.measure_samples(method, some),
        lambda: measures.measure_intervals(method, some),
        lambda: measures.measure_sources(len(pairs), read),
        lambda: measures.measure_quantities(method, all_pairs),
    )
    found = []
    with console.bar(f"diagnose {job.recipe.name}", len(work)) as bar:
        for part, measure in zip(PARTS, work, strict=True):
            bar.advance(0, note=part)
            found.append(measure())
            bar.advance(note=part)
    denoising, samples, intervals, sources, quantities = found
    return Diagnostics(
        identity=_identity(job),
        subjects=len(pairs),
        few=len(few),
        stochastic=method.stochastic,
        conditions_on=method.conditions_on,
        denoising=denoising,
        samples=samples,
        intervals=intervals,
        sources=sources,
        quantities=quantities,
    )
