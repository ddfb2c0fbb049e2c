"""Score one subject: its volumes are read once for all metrics, and cached values are reused."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from nibabel.affines import voxel_sizes

from longibench.benchmark.core.checked_files import CONTENT_ERRORS
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.malloc import give_back
from longibench.benchmark.core.measured_files import MeasuredFiles
from longibench.benchmark.evaluation.predictions import DEFORMATION
from longibench.benchmark.evaluation.score_checks import UNSTATED
from longibench.benchmark.evaluation.true_scans import displacement_on, truth_of_row
from longibench.benchmark.preparation.labels import open_labels
from longibench.benchmark.preparation.space import Fit, Space, read_generated
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.protocol.metric_identity import identify
from longibench.metrics.allowed import UndeclaredError
from longibench.metrics.metric import (
    TRUTH,
    Features,
    Metric,
    MetricError,
    PairMetric,
    Scan,
    SetMetric,
    SubjectMetric,
)
from longibench.metrics.scan import Labels


class Value(NamedTuple):
    """A metric's value; if there is none, NaN and a note with the reason.

    The note of a value that exists names a doubt about its real pair.
    """

    number: float
    note: str = ""

    @classmethod
    def of(cls, number: float) -> "Value":
        """A metric's value; none if it is not finite, because no mean is defined then."""
        return cls(number) if math.isfinite(number) else cls.missing(f"{UNSTATED}{number}")

    @classmethod
    def missing(cls, reason: str) -> "Value":
        """No value, with the reason."""
        return cls(float("nan"), reason)


@dataclass(frozen=True)
class Missing:
    """Why features could not be measured."""

    reason: str


Measured = tuple[Features, Features] | Missing  # of the generated and of the real volume


@dataclass
class SubjectScores:
    """The values and features of one subject.

    Attributes:
        pairs: For each volume, the values of the pair metrics by name.
        subjects: For each sample, the values of the subject metrics by name.
        features: For each set metric, the features of the generated and of the real volumes,
            volume by volume; empty if one could not be measured.
        problems: For each set metric that could not be measured, the reason.
        real: For each volume, the values of the real follow-up itself, by pair metrics of the
            family "truth".
    """

    pairs: list[dict[str, Value]] = field(default_factory=list)
    subjects: dict[int, dict[str, Value]] = field(default_factory=dict)
    features: dict[str, list[tuple[Features, Features]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    real: list[dict[str, Value]] = field(default_factory=list)


class Scorer:
    """Scores subjects, one at a time; may be called by several threads."""

    def __init__(self, metrics: Sequence[Metric], folder: Path, fit: Fit, cache: Path) -> None:
        """Args: metrics; folder of the volumes; how they may be fitted; folder of cached values."""
        self._pair = [metric for metric in metrics if isinstance(metric, PairMetric)]
        self._subject = [metric for metric in metrics if isinstance(metric, SubjectMetric)]
        self._truth = [metric for metric in self._pair if metric.family == TRUTH]
        self._set = [metric for metric in metrics if isinstance(metric, SetMetric)]
        self._folder, self._fit, self._cache = folder, fit, MeasuredFiles(cache)
        self._kept_as = {metric.name: identify(metric).reuse for metric in self._pair}

    def __call__(self, rows: Sequence[dict[str, Any]]) -> SubjectScores:
        """Score one subject.

        Args:
            rows: Its volumes, sorted by visit and sample: subject, visit, sample, generated,
                interval_years, source, target, and optionally label maps, truth and deformations.

        Raises:
            UserError: A volume cannot be read or does not fit.
        """
        try:
            return self._score(rows)
        except UndeclaredError as error:
            raise UserError(str(error)) from error

    def _score(self, rows: Sequence[dict[str, Any]]) -> SubjectScores:
        scores = SubjectScores()
        source = real_scan(rows[0], "source")
        space = Space.read(rows[0]["source"])
        real: dict[str, Scan] = {}
        measured: list[dict[str, Measured]] = []
        for row in rows:
            target = str(row["target"])
            if target not in real:
                _forget(real.values())
                real = {target: real_scan(row, "target")}  # one at a time
            generated = self._generated(row, space, source, real[target])
            volumes = {"reference": real[target], "source": source}
            scores.pairs.append(self._pair_values(self._pair, row, generated, **volumes))
            scores.real.append(self._pair_values(self._truth, row, real[target], **volumes))
            measured.append(self._measure(row, generated, real[target], source))
            _forget([generated])
        _forget([*real.values(), source])
        give_back()
        self._gather(rows, measured, scores)
        return scores

    def _generated(self, row: dict[str, Any], space: Space, source: Scan, reference: Scan) -> Scan:
        voxels = read_generated(self._folder / row["generated"], space, self._fit)
        labels = _labels(self._folder, row.get("labels"), space.shape)
        field = displacement_on(self._folder / row[DEFORMATION], space) if _deforms(row) else None
        return Scan(
            voxels,
            source.spacing_mm,
            labels,
            real=False,
            truth=reference.truth,
            displacement=field,
        )

    def _pair_values(
        self,
        metrics: Sequence[PairMetric],
        row: dict[str, Any],
        generated: Scan,
        reference: Scan,
        source: Scan,
    ) -> dict[str, Value]:
        """Pair metrics; those computed before on the same volumes are read from disk."""
        if not metrics:
            return {}
        scans = {"generated": generated, "reference": reference, "source": source}
        years = float(row["interval_years"])
        key = digest([
            *(scan.content for scan in scans.values()), row["interval_years"],
            [_label_digest(scan) for scan in scans.values()],
            *_truth_digests(scans.values()),
        ])  # fmt: skip
        file = f"{key}.json"
        known = _known(self._cache.read(file))
        left = [metric for metric in metrics if self._kept_as[metric.name] not in known]
        for metric in left:
            value = _value(partial(metric, **scans, interval_years=years))
            if not value.note:
                doubt = metric.doubt(reference=reference, source=source, interval_years=years)
                value = value._replace(note=doubt)
            known[self._kept_as[metric.name]] = value
        if left:
            self._cache.write(file, _stored(known))
        return {metric.name: known[self._kept_as[metric.name]] for metric in metrics}

    def _measure(
        self, row: dict[str, Any], generated: Scan, reference: Scan, source: Scan
    ) -> dict[str, Measured]:
        """Features of both volumes by metric."""
        given: dict[str, Any] = {"generated": generated, "reference": reference, "source": source}
        found: dict[str, Measured] = {}
        for metric in (*self._subject, *self._set):
            try:
                years = float(row["interval_years"])
                found[metric.name] = metric.measured(**given, interval_years=years)
            except MetricError as error:
                found[metric.name] = Missing(str(error))
        return found

    def _gather(
        self,
        rows: Sequence[dict[str, Any]],
        measured: list[dict[str, Measured]],
        scores: SubjectScores,
    ) -> None:
        for metric in self._set:
            found = _all_measured([its[metric.name] for its in measured])
            if isinstance(found, Missing):
                scores.problems[metric.name] = found.reason
            else:
                scores.features[metric.name] = found
        for sample in sorted({row["sample"] for row in rows}):
            chosen = [i for i, row in enumerate(rows) if row["sample"] == sample]
            chosen.sort(key=lambda i: rows[i]["interval_years"])
            years = np.array([rows[i]["interval_years"] for i in chosen], float)
            scores.subjects[sample] = {
                metric.name: _subject_value(
                    metric, [measured[i][metric.name] for i in chosen], years
                )
                for metric in self._subject
            }


def real_scan(row: Mapping[str, Any], role: str) -> Scan:
    """Read a prepared volume of a pair as a scan, with its label map and its truth if it has them.

    Args:
        row: The pair.
        role: ``source`` or ``target``.

    Raises:
        UserError: A file cannot be read.
    """
    path = str(row[role])
    space = Space.read(path)
    x, y, z = (float(size) for size in voxel_sizes(space.affine))
    labels = _labels(Path(), row.get(f"{role}_labels"), space.shape)
    truth = truth_of_row(row, role, space, deforms=_deforms(row))
    return Scan(read_volume(path), (x, y, z), labels, truth=truth)


def _deforms(row: Mapping[str, Any]) -> bool:
    """Whether the row's method declares a deformation."""
    return isinstance(row.get(DEFORMATION), str) and bool(row[DEFORMATION])


def _forget(scans: Iterable[Scan]) -> None:
    """Free large arrays now, before the garbage collector would."""
    for scan in scans:
        scan.forget()


def _labels(folder: Path, given: Any, shape: tuple[int, ...]) -> Labels | None:
    if not isinstance(given, str) or not given:
        return None
    path = folder / given
    values = np.asarray(open_labels(path).dataobj)
    if values.shape != tuple(shape):
        raise UserError(
            f"{path}: the label map's shape is {values.shape}, the source's {tuple(shape)}; "
            "segment the prepared or generated volume itself"
        )
    return np.rint(values).astype(np.int32)


def _label_digest(scan: Scan) -> str:
    return "" if scan.labels is None else hashlib.sha256(scan.labels.tobytes()).hexdigest()


def _truth_digests(scans: Iterable[Scan]) -> list[str]:
    """Digests of truth and declared deformations; empty, as in earlier versions, without them."""
    return [
        *(scan.truth.content for scan in scans if scan.truth is not None),
        *(
            hashlib.sha256(scan.displacement.tobytes()).hexdigest()
            for scan in scans
            if scan.displacement is not None
        ),
    ]


def _value(compute: Any) -> Value:
    try:
        return Value.of(float(compute()))
    except MetricError as error:
        return Value.missing(str(error))


def _all_measured(measured: Sequence[Measured]) -> list[tuple[Features, Features]] | Missing:
    """The features of all volumes, or the first reason why some are missing."""
    found = [its for its in measured if not isinstance(its, Missing)]
    missing = [its for its in measured if isinstance(its, Missing)]
    return missing[0] if missing else found


def _subject_value(metric: SubjectMetric, measured: list[Measured], years: Features) -> Value:
    found = _all_measured(measured)
    if isinstance(found, Missing):
        return Value.missing(found.reason)
    generated, reference = (np.stack(part) for part in zip(*found, strict=True))
    return _value(lambda: metric(generated=generated, reference=reference, interval_years=years))


def _known(content: bytes | None) -> dict[str, Value]:
    """Stored values by name; none if there is no file that can be read."""
    try:
        stored = json.loads(content or b"{}")
        return {
            str(name): _as_kept(float("nan") if value is None else float(value), str(note))
            for name, (value, note) in stored.items()
        }
    except CONTENT_ERRORS:
        return {}


def _as_kept(number: float, note: str) -> Value:
    """A value as it was measured; earlier versions kept NaN and infinity without a note."""
    return Value(number, note) if note else Value.of(number)


def _stored(values: dict[str, Value]) -> bytes:
    stored = {
        name: [None if pd.isna(value) else value, note] for name, (value, note) in values.items()
    }
    return json.dumps(stored, indent=2, ensure_ascii=False).encode()
