"""Measure what a trained method makes of its noise, its seed, its source and its interval.

Errors are root mean squares in the source's head: over its voxels, then over subjects, on
intensities in [-1, 1]. ``docs/diagnostics.md`` has the reasons.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.diagnostics_file import (
    Denoising,
    Intervals,
    NoisePoint,
    Samples,
    Sources,
)
from longibench.methods.method import Method
from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, Scan, Volume
from longibench.metrics.ssim import HeadSSIM

POINTS = 10  # levels of the curve
LITTLE, MUCH = 0.01, 10.0  # noise over signal, between which the levels are spread
YEARS = (1.0, 5.0)  # the intervals that are compared
OTHERS = 3  # other subjects' follow-ups beside which a subject's own is seen


class Batch(NamedTuple):
    """One pair of each of some subjects, padded as the method needs, on its device.

    Attributes:
        source: First scans, (B, 1, X, Y, Z) in [-1, 1].
        target: Real follow-ups.
        generated: What the method generated for them with ``seeds``.
        years: Intervals, (B,).
        seeds: Seeds of the generated volumes, (B,).
        other_seeds: Seeds of which there are no volumes yet, (B,).
        heads: The sources' heads, (B, 1, X, Y, Z), false in the padding.
    """

    source: Tensor
    target: Tensor
    generated: Tensor
    years: Tensor
    seeds: Tensor
    other_seeds: Tensor
    heads: Tensor


Batches = Iterable[Batch]  # read again from disk in each loop
Role = Literal["source", "target", "generated"]
Read = Callable[[int, Role], Volume]  # a subject's volume (X, Y, Z), by the subject's number


def head_of(source: Volume) -> Volume:
    """The head of a source as 0 and 1; the whole volume if none is found."""
    try:
        return head_mask(source).astype(np.float32)
    except MetricError:
        return np.ones_like(source)


def measure_denoising(method: Method, batches: Batches) -> Denoising | None:
    """Error of the estimate at about ten noise levels; None if the method does not denoise.

    Raises:
        UserError: The method breaks its contract.
    """
    levels = method.noise_levels()
    if levels is None:
        return None
    ratios = np.asarray(levels.ratios)

    def error(level: int) -> float:
        return _rms(batches, lambda batch: _error_at(method, batch, level))

    errors = {level: error(level) for level in _spread(ratios)}
    start = errors[len(ratios)]
    middle = _nearest(ratios, start / 2)
    errors.setdefault(middle, error(middle))
    size = _rms(batches, lambda batch: _in_head(_diffused(method, batch), batch))
    ratio = float(ratios[middle - 1])
    curve = [NoisePoint(ratio=float(ratios[t - 1]), rmse=errors[t]) for t in sorted(errors)]
    return Denoising(
        curve=tuple(curve),
        from_noise=start,
        ratio=ratio,
        given_input=errors[middle],
        # x_t / sqrt(abar) times the c that minimises (1 - c)^2 size^2 + c^2 ratio^2
        scaled_input=size * ratio / math.hypot(size, ratio) if size else 0.0,
        predicts_noise=levels.predicts_noise,
    )


def measure_samples(method: Method, batches: Batches) -> Samples:
    """How far apart two samples are, beside the error of one."""
    return Samples(
        rmse=_rms(batches, lambda batch: _in_head(batch.generated - batch.target, batch)),
        between_seeds=_rms(
            batches,
            lambda batch: _in_head(
                _generate(method, batch, batch.years, batch.other_seeds) - batch.generated, batch
            ),
        ),
    )


def measure_intervals(method: Method, batches: Batches) -> Intervals | None:
    """How far apart volumes of one seed are between two intervals; None if there is no interval."""
    if "interval" not in method.conditions_on:
        return None

    def apart(batch: Batch) -> Tensor:
        early, late = (
            _generate(method, batch, torch.full_like(batch.years, years), batch.seeds)
            for years in YEARS
        )
        return _in_head(late - early, batch)

    return Intervals(years=YEARS, rms=_rms(batches, apart))


def measure_sources(count: int, read: Read) -> Sources | None:
    """Compare generated volumes with their own follow-ups and with those of other subjects.

    Args:
        count: Number of subjects.
        read: Reads a volume of the pair of the subject with a number, (X, Y, Z) in [-1, 1].

    Returns:
        Means over subjects; None with one subject, or if the window of SSIM does not fit.
    """
    steps = range(min(OTHERS, count - 1) + 1)  # from a subject's own number
    if len(steps) < 2:
        return None
    try:
        found = [_likenesses(read, i, [(i + step) % count for step in steps]) for i in range(count)]
    except MetricError:
        return None
    values = np.asarray(found)  # subject, own and others, SSIM and mean square
    own, other = values[:, 0], values[:, 1:].mean(axis=1)
    return Sources(
        ssim_own=float(own[:, 0].mean()),
        ssim_others=float(other[:, 0].mean()),
        rmse_own=float(np.sqrt(own[:, 1].mean())),
        rmse_others=float(np.sqrt(other[:, 1].mean())),
        share=float((own[:, 0] > other[:, 0]).mean()),
    )


def measure_quantities(method: Method, batches: Batches) -> dict[str, float]:
    """The method's own quantities: numbers as their mean, volumes as their error.

    Raises:
        UserError: One of them is neither.
    """
    found: dict[str, list[Tensor]] = {}
    volumes: set[str] = set()
    for batch in batches:
        own = method.quantities(batch.source, batch.target, batch.years)
        for name, values in own.items():
            if values.shape == batch.years.shape:
                found.setdefault(name, []).append(values.double().cpu())
            else:
                volumes.add(name)
                checked = _checked(method, f"quantities, '{name}'", values, batch)
                found.setdefault(name, []).append(_in_head(checked - batch.target, batch))
    means = {name: float(torch.cat(values).mean()) for name, values in found.items()}
    return {name: math.sqrt(its) if name in volumes else its for name, its in means.items()}


def _spread(ratios: Sequence[float] | np.ndarray) -> list[int]:
    """Levels at about even distances in the logarithm of their ratio, and the last one.

    Between ends of 0.01 and 10: below, every estimate is good; above, the image is all but lost.
    """
    wanted = np.geomspace(max(ratios[0], LITTLE), min(ratios[-1], MUCH), POINTS)
    return sorted({len(ratios), *(_nearest(ratios, ratio) for ratio in wanted)})


def _nearest(ratios: Sequence[float] | np.ndarray, ratio: float) -> int:
    """The level whose ratio is nearest, in the logarithm; levels count from 1."""
    tiny = np.finfo(np.float64).tiny
    return int(np.abs(np.log(ratios) - math.log(max(ratio, tiny))).argmin()) + 1


def _rms(batches: Batches, squares: Callable[[Batch], Tensor]) -> float:
    """The root of the mean over subjects, whose mean squares are (B,)."""
    return math.sqrt(float(torch.cat([squares(batch) for batch in batches]).mean()))


def _in_head(values: Tensor, batch: Batch) -> Tensor:
    """Mean square of (B, 1, X, Y, Z) in each source's head, (B,) on the CPU."""
    squares = values.double().square() * batch.heads
    return (squares.flatten(1).sum(1) / batch.heads.double().flatten(1).sum(1)).cpu()


def _error_at(method: Method, batch: Batch, level: int) -> Tensor:
    given = (batch.source, batch.target, batch.years)
    estimate = method.denoised(*given, level, batch.seeds)
    checked = _checked(method, "denoised", estimate, batch)
    return _in_head(checked - _diffused(method, batch), batch)


def _diffused(method: Method, batch: Batch) -> Tensor:
    values = method.diffused(batch.source, batch.target, batch.years)
    return _checked(method, "diffused", values, batch)


def _generate(method: Method, batch: Batch, years: Tensor, seeds: Tensor) -> Tensor:
    """Generated volumes as they are stored: clamped."""
    volumes = method.generate(batch.source, years, seeds)
    return _checked(method, "generate", volumes, batch).float().clamp(-1, 1)


def _checked(method: Method, what: str, values: Tensor, batch: Batch) -> Tensor:
    """What a method returned, where it keeps the contract."""
    if values.shape != batch.source.shape or not torch.isfinite(values).all():
        raise UserError(
            f"method '{method.name}': {what} must return finite volumes of shape "
            f"{tuple(batch.source.shape)}, got {tuple(values.shape)}"
        )
    return values


def _likenesses(read: Read, subject: int, others: Sequence[int]) -> list[tuple[float, float]]:
    """SSIM and mean square, in a source's head, of its generated volume and some follow-ups.

    Raises:
        MetricError: The window of SSIM does not fit into the volume.
    """
    source, generated = Scan(read(subject, "source")), Scan(read(subject, "generated"))
    head, metric = head_of(source.voxels) > 0, HeadSSIM()
    found = []
    for other in others:
        target = Scan(read(other, "target"))
        similarity = metric(
            generated=generated, reference=target, source=source, interval_years=math.nan
        )
        generated.forget()  # the map of this comparison
        difference = generated.voxels[head].astype(np.float64) - target.voxels[head]
        found.append((similarity, float(np.square(difference).mean())))
    return found
