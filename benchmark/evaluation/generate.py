"""Generate follow-ups with a trained method: volumes on disk and a manifest, sample by sample."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from longibench.benchmark.core.checked_files import (
    checked_file,
    read_json,
    understood,
    write_json,
    write_table,
)
from longibench.benchmark.core.console import Bar, Console
from longibench.benchmark.core.damage import remove_changed
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.names import CUT, file_name_part, inside
from longibench.benchmark.core.seeds import sample_seed
from longibench.benchmark.core.signals import Stopped, interruptible
from longibench.benchmark.core.workspace import (
    COMPILED_GENERATION,
    DIAGNOSTICS,
    MANIFEST,
    RUN,
    SCORES,
)
from longibench.benchmark.devices.acceleration import accelerate, compile_networks
from longibench.benchmark.devices.conv3d_cpu import fast_convolutions
from longibench.benchmark.devices.energy import start_meter
from longibench.benchmark.devices.fabric import (
    arithmetic,
    device_name,
    gpus_here,
    launch,
    machines,
    peak_memory_gb,
    resolved,
)
from longibench.benchmark.devices.process_group import any_rank_interrupted
from longibench.benchmark.evaluation.clamping import clamp, clamp_warning, pooled, record_in
from longibench.benchmark.evaluation.predictions import DEFORMATION
from longibench.benchmark.evaluation.repeatability import generate_twice
from longibench.benchmark.evaluation.true_scans import write_displacement
from longibench.benchmark.preparation.space import Space
from longibench.benchmark.preparation.steps.intensity import BACKGROUND
from longibench.benchmark.preparation.store.volumes import prepared_space, read_volume
from longibench.benchmark.settings.schema import DeviceSettings, GenerationSettings
from longibench.benchmark.training.checkpoints import read_final, require_latest
from longibench.benchmark.training.pair_loader import crop_to_shape, pad_to_multiple
from longibench.benchmark.training.recipe import Recipe
from longibench.benchmark.training.throughput import costs_of_run
from longibench.methods.oracles import Oracle, Truth

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from longibench.methods.method import Method


NEEDS_TRUTH = (
    "is made with the simulated truth, which only the phantom has: evaluate on the phantom, or "
    "leave it out of --methods"
)
VOLUME, FIELD = "_T1w.nii.gz", "_xfm.nii.gz"  # ends of names: a volume, and its deformation


@dataclass(frozen=True)
class GenerationJob:
    """Everything that determines the generated volumes, and their folder.

    Attributes:
        recipe: The method and its settings.
        model: Folder of the trained model; None for a method without parameters.
        generation: Samples a pair, batch size.
        device: Where to run.
        pairs: Pairs to generate; the targets are not read.
        seed: Run seed.
        folder: Folder of the volumes, the manifest and ``run.json``.
        info: Further entries of ``run.json``.
        quiet: Show no progress.
    """

    recipe: Recipe
    model: Path | None
    generation: GenerationSettings
    device: DeviceSettings
    pairs: pd.DataFrame
    seed: int
    folder: Path
    info: dict[str, Any]
    quiet: bool = False


@dataclass(frozen=True)
class Request:
    """One volume to generate, and its files: several if the method ignores the interval.

    ``fields`` are those of its deformation; none if the method declares none. ``truth`` has the
    paths of a ``Truth``, for an oracle alone.
    """

    source: str
    interval_years: float
    seed: int
    files: tuple[str, ...]
    fields: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()


def generate(job: GenerationJob) -> None:
    """Generate the volumes that the folder lacks, then write the manifest and ``run.json``.

    Raises:
        UserError: No usable checkpoint, writing failed, or a method breaks its contract.
        Stopped: By the user or the system; finished volumes are kept.
    """
    launch(job.device, _generate, job)


def is_generated(folder: Path) -> bool:
    """Whether the generation of a folder was finished; its volumes may have been deleted since."""
    return (folder / RUN).is_file() and (folder / MANIFEST).is_file()


def read_run(folder: Path) -> dict[str, Any]:
    """The content of ``run.json``: what made the volumes of a folder.

    Raises:
        DamagedFileError: It is missing or damaged.
    """
    path = folder / RUN
    facts = read_json(path, dict[str, Any])
    with understood(path):
        identity = {"method": str(facts["method"]), "settings": str(facts["settings"])}
        return {**facts, **identity, "training_seed": int(facts["training_seed"])}


def remove_damaged(folder: Path, console: Console) -> None:
    """Remove predictions that were changed; their generation is then not finished.

    The caller holds the folder's lock.
    """
    changed = remove_changed(folder, console)
    if changed - {SCORES, DIAGNOSTICS}:
        (folder / RUN).unlink(missing_ok=True)


def manifest(job: GenerationJob) -> pd.DataFrame:
    """One row a volume: subject, visit, interval_years, sample, seed, generated (file name).

    And ``deformation`` (file name) if the method declares one.
    """
    listed = job.pairs[["subject", "visit", "interval_years"]].itertuples(index=False)
    rows = [
        (subject, visit, years, sample, sample_seed(job.seed, subject, sample))
        for subject, visit, years in listed
        for sample in range(job.generation.samples)
    ]
    table = pd.DataFrame(rows, columns=["subject", "visit", "interval_years", "sample", "seed"])
    table["generated"] = file_names(table)
    if job.recipe.method().deforms():
        table[DEFORMATION] = [_field_name(name) for name in table["generated"]]
    return table


def file_names(table: pd.DataFrame) -> list[str]:
    """Names of generated volumes, one a row; no two are equal, also where case does not count.

    Args:
        table: Subject, visit and sample of each volume.
    """
    keys = list(zip(table["subject"], table["visit"], table["sample"], strict=True))
    names = [_file_name(*key) for key in keys]
    counts = Counter(name.casefold() for name in names)
    return [
        name if counts[name.casefold()] == 1 else _file_name(*key, f"{CUT}{digest(key[:2])}")
        for name, key in zip(names, keys, strict=True)
    ]


def _file_name(subject: str, visit: str, sample: int, mark: str = "") -> str:
    parts = f"{file_name_part(subject)}_{file_name_part(visit)}{mark}"
    return f"sub-{parts}_sample-{sample}{VOLUME}"


def _field_name(volume: str) -> str:
    """Name of the deformation beside a generated volume."""
    return f"{volume.removesuffix(VOLUME)}{FIELD}"


def requests(job: GenerationJob) -> list[Request]:
    """The volumes to generate; once a subject and sample if the method ignores the interval.

    Raises:
        UserError: An oracle, for pairs without truth.
    """
    method = job.recipe.method()
    by_interval, truth = "interval" in method.conditions_on, _truth_columns(method, job.pairs)
    given = job.pairs[["subject", "visit", "source", *truth]]
    table = manifest(job).merge(given, on=["subject", "visit"])
    keys = ["subject", "sample", *(["interval_years"] if by_interval else [])]
    return [
        Request(
            source=group["source"].iloc[0],
            interval_years=float(group["interval_years"].iloc[0]),
            seed=int(group["seed"].iloc[0]),
            files=tuple(group["generated"]),
            fields=tuple(group.get(DEFORMATION, ())),
            truth=tuple(group[name].iloc[0] for name in truth),
        )
        for _, group in table.groupby(keys, sort=True)
    ]


def _truth_columns(method: type["Method"], pairs: pd.DataFrame) -> list[str]:
    """The columns of the pairs that an oracle is made from; none for any other method."""
    columns = list(method.columns) if issubclass(method, Oracle) else []
    if any(name not in pairs or pairs[name].isna().any() for name in columns):
        raise UserError(f"method '{method.name}' {NEEDS_TRUTH}")
    return columns


def volumes_exist(job: GenerationJob) -> bool:
    """Whether every volume is on disk."""
    return not missing_requests(job)


def missing_requests(job: GenerationJob) -> list[Request]:
    """The volumes that are not generated yet."""
    return [request for request in requests(job) if not _files_exist(request, job.folder)]


def _files_exist(request: Request, folder: Path) -> bool:
    return all(inside(folder, name).is_file() for name in (*request.files, *request.fields))


def _generate(fabric: "Fabric", job: GenerationJob) -> None:
    console = Console(quiet=job.quiet or fabric.global_rank > 0)
    method = load_method(fabric, job, console)
    _compiled(fabric, job, method, console)
    batches = _batches(requests(job), job.generation.batch_size)
    # listed once, on rank 0: later another rank may have written files. If only run.json is
    # missing, one batch is generated again, to measure what a volume costs
    unfinished = _unfinished(batches, job.folder) or batches[:1]
    missing: list[list[Request]] = fabric.broadcast(unfinished)
    total, left = sum(map(len, batches)), sum(map(len, missing))
    began, meter = time.monotonic(), start_meter(fabric.device.type, gpus_here(fabric))
    with console.bar(f"generate {job.recipe.name}", total, total - left) as bar:
        _generate_all(fabric, job, method, missing, bar)
    if fabric.is_global_zero:
        seconds, joules = time.monotonic() - began, meter.joules()
        made = max(1, left + sum(map(len, missing[: fabric.world_size])))  # the first ones twice
        spent = _Spent(
            seconds * fabric.world_size / made,
            None if joules is None else joules * machines(fabric) / made,
        )
        run = _finish(job, method, fabric, spent)
        if warning := clamp_warning(job.recipe.name, run["clamped"]):
            console.warn(warning)


def _generate_all(
    fabric: "Fabric", job: GenerationJob, method: "Method", missing: list[list[Request]], bar: Bar
) -> None:
    """Generate in rounds of one batch a rank: all stop after the same round.

    In the first round, each rank checks that its batch is the same when it is generated again.
    """
    how = arithmetic(resolved(job.device))
    with interruptible() as interruption:
        for start in range(0, len(missing), fabric.world_size):
            batches = missing[start : start + fabric.world_size]
            for batch in batches[fabric.global_rank : fabric.global_rank + 1]:
                make = partial(_generate_batch, fabric, method, batch)
                volumes = make() if start else generate_twice(method.name, make, fabric.device, how)
                for request, volume in zip(batch, volumes, strict=True):
                    write_volume(volume, request, job.folder)
                if method.deforms():
                    for request, field in zip(batch, _deform(fabric, method, batch), strict=True):
                        _write_field(field, request, job.folder)
            stop = any_rank_interrupted(interruption)
            bar.advance(sum(map(len, batches)))
            if stop:
                raise Stopped(interruption.number)


def load_method(fabric: "Fabric", job: GenerationJob, console: Console) -> "Method":
    """The method with the weights that generate, on the device, in evaluation mode.

    Raises:
        UserError: There is no usable checkpoint.
    """
    method = accelerate(job.recipe.build(), job.device)
    if job.model is not None:
        method.load_state_dict(require_latest(job.model, console).to_generate)
    dtype = torch.float64 if job.device.precision == "64-true" else torch.float32
    return method.to(fabric.device, dtype).eval()


def _compiled(fabric: "Fabric", job: GenerationJob, method: "Method", console: Console) -> None:
    """Compile the networks if that is faster; a loss costs as much as a sampling step."""
    if job.model is None:
        return
    batch = job.generation.batch_size
    volumes = torch.full((batch, 1, *method.shape), BACKGROUND)
    source = pad_to_multiple(volumes, method.multiple).to(fabric.device, _dtype(method))
    years = torch.ones(batch, device=fabric.device, dtype=source.dtype)

    @torch.inference_mode()
    def evaluate(trial: "Method") -> None:
        with fabric.autocast():
            trial.training_loss(source, source, years)

    choices = job.model / COMPILED_GENERATION.format(batch=batch)
    compile_networks(method, evaluate, job.device, fabric.device, choices, console)


def _batches(items: list[Request], size: int) -> list[list[Request]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _unfinished(batches: list[list[Request]], folder: Path) -> list[list[Request]]:
    """Batches with a missing volume.

    The whole batch is generated again: in another batch, a volume's last bit can differ. Resumed
    and uninterrupted generation are then equal bit for bit.
    """
    return [batch for batch in batches if not all(_files_exist(r, folder) for r in batch)]


@torch.inference_mode()
def _generate_batch(fabric: "Fabric", method: "Method", batch: list[Request]) -> Tensor:
    """Volumes (B, X, Y, Z) on the CPU, not clamped."""
    source, years, seeds = _inputs(fabric, method, batch)
    with fabric.autocast(), fast_convolutions(fabric.device.type):
        if isinstance(method, Oracle):
            paths = zip(*(request.truth for request in batch), strict=True)
            generated = method.from_truth(
                source, Truth(*(stacked(of_batch, method, fabric) for of_batch in paths))
            )
        else:
            generated = method.generate(source, years, seeds)
    volumes = _required(method, "generate", generated, source.shape)
    return crop_to_shape(volumes.float().cpu(), method.shape)[:, 0]


@torch.inference_mode()
def _deform(fabric: "Fabric", method: "Method", batch: list[Request]) -> Tensor:
    """Displacements (B, 3, X, Y, Z) in mm on the CPU."""
    source, years, seeds = _inputs(fabric, method, batch)
    with fabric.autocast(), fast_convolutions(fabric.device.type):
        declared = method.deformation(source, years, seeds)
    field = _required(method, "deformation", declared, (len(batch), 3, *source.shape[2:]))
    return crop_to_shape(field.float().cpu(), method.shape)


def _inputs(
    fabric: "Fabric", method: "Method", batch: list[Request]
) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, intervals and seeds of a batch, as ``Method.generate`` takes them."""
    source = stacked([request.source for request in batch], method, fabric)
    years = torch.tensor([r.interval_years for r in batch], device=fabric.device).to(source)
    return source, years, torch.tensor([request.seed for request in batch], dtype=torch.int64)


def _required(method: "Method", what: str, found: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """What a method returned; refused if it breaks the contract."""
    if found is None or found.shape != shape or not torch.isfinite(found).all():
        got = None if found is None else tuple(found.shape)
        kind = "volumes" if what == "generate" else "displacements in mm"
        raise UserError(
            f"method '{method.name}': {what} must return finite {kind} of shape {tuple(shape)}, "
            f"got {got}"
        )
    return found


def stacked(paths: Sequence[str], method: "Method", fabric: "Fabric") -> Tensor:
    """Prepared volumes as a batch (B, 1, X, Y, Z) on the device, padded as the method needs."""
    volumes = [torch.from_numpy(read_volume(path).copy())[None] for path in paths]
    padded = pad_to_multiple(torch.stack(volumes), method.multiple)
    return padded.to(fabric.device, _dtype(method))


def _dtype(method: "Method") -> torch.dtype:
    """Type of a method's weights; float32 without weights."""
    return next((parameter.dtype for parameter in method.parameters()), torch.float32)


def write_volume(volume: Tensor, request: Request, folder: Path) -> None:
    """Clamp a volume (X, Y, Z), and write it to its request's files on the source's grid."""
    _, affine = prepared_space(request.source)
    clamped, clamping = clamp(volume)
    for name in request.files:
        image = nib.Nifti1Image(clamped.numpy().astype(np.float32), affine)
        record_in(image, clamping)
        image.set_qform(affine, code="scanner")
        image.set_sform(affine, code="scanner")
        with checked_file(inside(folder, name)) as temporary:
            nib.save(image, temporary)


def _write_field(field: Tensor, request: Request, folder: Path) -> None:
    """Write a deformation (3, X, Y, Z) in mm to its request's files on the source's grid."""
    for name in request.fields:
        with checked_file(inside(folder, name)) as temporary:
            write_displacement(temporary, field.numpy(), Space.read(request.source))


@dataclass(frozen=True)
class _Spent:
    """Seconds and joules a volume; joules are None if no driver reports them."""

    seconds: float
    joules: float | None


def _finish(
    job: GenerationJob, method: "Method", fabric: "Fabric", spent: _Spent
) -> dict[str, Any]:
    table = manifest(job)
    write_table(job.folder / MANIFEST, table)
    clamping = pooled(job.folder / name for name in table["generated"])
    trained = read_final(job.model) if job.model else None
    trained = trained or {"iterations": 0, "seconds": 0.0}
    run = {
        **job.info,
        "iterations": trained["iterations"],
        "train_seconds": trained["seconds"],
        "role": method.role(),
        "details": method.describe(),
        "summary": method.summary,
        "parameters": sum(parameter.numel() for parameter in method.parameters()),
        "train_energy_j": trained.get("energy_j"),
        **costs_of_run(trained),
        "seconds_per_volume": round(spent.seconds, 3),
        "energy_j_per_volume": None if spent.joules is None else round(spent.joules, 3),
        "generate_seconds": round(spent.seconds * len(requests(job)), 1),
        "network_evaluations": method.evaluations,
        "peak_memory_gb": round(peak_memory_gb(fabric), 2),
        "device": device_name(fabric),
        "clamped": None if clamping is None else asdict(clamping),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(job.folder / RUN, run)
    return run
