"""Score volumes on disk against the real follow-ups: the same for ours and for anybody's."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError

from benchmark.cohorts.subjects import canonical_subject
from benchmark.console import Bar, Console
from benchmark.data import load_nifti, read_volume
from benchmark.errors import UserError
from benchmark.files import write_text
from benchmark.scores import SCHEMA, read_scores
from benchmark.workspace import Workspace
from metrics.metric import Metric, MetricError, PairMetric, SetMetric

KEYS = ["subject", "visit"]
AFFINE_TOLERANCE_MM = 1e-3
RANGE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Label:
    """What every row of a folder's scores says of where it comes from."""

    protocol: str
    split: str
    method: str
    settings: str
    training_seed: int


@dataclass(frozen=True)
class Volumes:
    """One row of a joined manifest, read: three volumes (X, Y, Z) in [-1, 1]."""

    generated: np.ndarray[Any, np.dtype[np.float32]]
    reference: np.ndarray[Any, np.dtype[np.float32]]
    source: np.ndarray[Any, np.dtype[np.float32]]


class Evaluator:
    """Scores folders of predictions; features of the real volumes are computed once."""

    def __init__(self, metrics: list[Metric], pairs: pd.DataFrame, console: Console) -> None:
        """Args: metrics; pairs with readable ``source`` and ``target`` paths; a console."""
        self._pair_metrics = [metric for metric in metrics if isinstance(metric, PairMetric)]
        self._set_metrics = [metric for metric in metrics if isinstance(metric, SetMetric)]
        self._pairs = pairs
        self._console = console
        self._real: dict[tuple[str, str], Any] = {}

    def score(self, folder: Path, label: Label) -> pd.DataFrame:
        """Score every volume that the folder's manifest lists.

        Raises:
            UserError: A missing, extra, duplicate or unreadable volume, another geometry or range.
        """
        table = self._joined(folder)
        with self._console.bar(f"score {label.method}", len(table)) as bar:
            rows, features = self._volumes(table, folder, bar)
        for metric in self._set_metrics:
            rows += self._set_rows(metric, table, features[metric.name])
        scores = pd.DataFrame(rows)
        for key, value in vars(label).items():
            scores[key] = value
        return SCHEMA.validate(scores[list(SCHEMA.columns)])

    def _joined(self, folder: Path) -> pd.DataFrame:
        """The manifest with each pair's source and target; exactly the protocol's pairs."""
        listed = read_manifest(folder)
        table = listed.merge(self._pairs, on=KEYS, how="outer", indicator=True)
        for side, problem in (
            ("right_only", "is missing"),
            ("left_only", "is not a pair of this protocol"),
        ):
            wrong = table[table["_merge"] == side]
            if not wrong.empty:
                row = wrong.iloc[0]
                raise UserError(
                    f"{folder / 'manifest.csv'}: {len(wrong)} volume(s) do not fit: "
                    f"subject {row['subject']}, visit {row['visit']} {problem}"
                )
        _check_samples(table, folder)
        return table.sort_values([*KEYS, "sample"], ignore_index=True)

    def _volumes(
        self, table: pd.DataFrame, folder: Path, bar: Bar
    ) -> tuple[list[dict[str, Any]], dict[str, list[tuple[Any, Any]]]]:
        rows: list[dict[str, Any]] = []
        features: dict[str, list[tuple[Any, Any]]] = {m.name: [] for m in self._set_metrics}
        for record in records(table):
            volumes = _read(record, folder)
            rows += [_pair_row(metric, record, volumes) for metric in self._pair_metrics]
            for metric in self._set_metrics:
                real = self._real_features(metric, record["target"], volumes.reference)
                features[metric.name].append((metric.features(volumes.generated), real))
            bar.advance()
        return rows, features

    def _real_features(self, metric: SetMetric, path: str, volume: Any) -> Any:
        key = (metric.name, path)
        if key not in self._real:
            self._real[key] = metric.features(volume)
        return self._real[key]

    def _set_rows(
        self, metric: SetMetric, table: pd.DataFrame, features: list[tuple[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The value, and the value without each subject."""
        generated, real = (np.stack(part) for part in zip(*features, strict=True))
        whole = {"n": len(table), "title": _with_count(metric, len(table))}
        try:
            value = metric(generated=generated, reference=real)
        except MetricError as error:
            return [_row(metric, value=np.nan, note=str(error), **whole)]
        try:
            without = metric.leave_one_out(
                generated=generated, reference=real, groups=table["subject"].tolist()
            )
        except MetricError:  # the value stands, without an interval
            without = {}
        return [_row(metric, value=value, **whole)] + [
            _row(metric, value=value, subject=subject, role="leave-out", **whole)
            for subject, value in without.items()
        ]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def read_manifest(folder: Path) -> pd.DataFrame:
    """Read the list of a folder's volumes: columns subject, visit, generated, and sample if any.

    Raises:
        UserError: No manifest, a missing column, a volume that stands twice.
    """
    path = folder / "manifest.csv"
    if not path.is_file():
        raise UserError(
            f"{path}: no manifest; write one with the columns subject, visit, generated"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # also what pandas raises on a file that is no table
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    missing = [column for column in (*KEYS, "generated") if column not in table]
    if missing:
        raise UserError(f"{path}: column {missing[0]} is missing; found {', '.join(table.columns)}")
    if "sample" not in table:
        table["sample"] = "0"
    odd = table[~table["sample"].str.fullmatch(r"\d+")]
    if not odd.empty:
        raise UserError(f"{path}: sample '{odd['sample'].iloc[0]}' is not a whole number")
    table["sample"] = table["sample"].astype(int)
    table["subject"] = table["subject"].map(canonical_subject)
    twice = table.duplicated([*KEYS, "sample"])
    if twice.any():
        row = table[twice].iloc[0]
        raise UserError(f"{path}: subject {row['subject']}, visit {row['visit']} stands twice")
    return table[[*KEYS, "sample", "generated"]]


def collect_scores(protocol_folder: Path) -> Path:
    """Join the scores of all predictions into the protocol's one table.

    Returns:
        The path of ``scores.csv``.
    """
    path = protocol_folder / "scores.csv"
    with Workspace(protocol_folder.parent).lock(path, wait_seconds=60):
        found = sorted(protocol_folder.glob("predictions/*/scores.csv"))
        parts = [read_scores(part) for part in found]
        write_text(path, pd.concat(parts, ignore_index=True).to_csv(index=False))
    return path


def _check_samples(table: pd.DataFrame, folder: Path) -> None:
    """Refuse a pair with fewer samples than another: it would weigh less in a set metric."""
    counts = table.groupby(KEYS)["sample"].transform("count")
    fewer = table[counts < counts.max()]
    if not fewer.empty:
        row = fewer.iloc[0]
        raise UserError(
            f"{folder / 'manifest.csv'}: subject {row['subject']}, visit {row['visit']} has fewer "
            f"samples than others; {counts.max()} are needed of every pair"
        )


def read_pairs(protocol_folder: Path) -> pd.DataFrame:
    """Read a protocol's pairs, with paths that can be opened."""
    pairs = pd.read_csv(protocol_folder / "pairs.csv", dtype={"subject": str, "visit": str})
    for column in ("source", "target"):
        pairs[column] = [str(protocol_folder.parent / path) for path in pairs[column]]
    return pairs


def _read(record: dict[str, Any], folder: Path) -> Volumes:
    path = folder / record["generated"]
    try:
        image = load_nifti(path)
        generated = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, ZlibError, ImageFileError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    source = load_nifti(record["source"])
    problem = _geometry_problem(image, generated, source)
    if problem:
        raise UserError(f"{path}: {problem}")
    return Volumes(generated, read_volume(record["target"]), read_volume(record["source"]))


def _geometry_problem(image: Any, volume: Any, source: Any) -> str | None:
    """What keeps a generated volume from being compared voxel by voxel, if anything does."""
    checks: list[tuple[Callable[[], bool], str]] = [
        (
            lambda: image.shape == source.shape,
            f"its shape is {image.shape}, the source's {source.shape}",
        ),
        (
            lambda: bool(np.allclose(image.affine, source.affine, atol=AFFINE_TOLERANCE_MM)),
            "its affine differs from the prepared source's; resample it to that grid",
        ),
        (lambda: bool(np.isfinite(volume).all()), "it holds values that are not finite"),
        (
            lambda: bool(np.abs(volume).max() <= 1 + RANGE_TOLERANCE),
            f"its values run from {volume.min():.3g} to {volume.max():.3g}, not within [-1, 1]",
        ),
        (lambda: bool(volume.min() < volume.max()), "it is constant"),
    ]
    return next((message for holds, message in checks if not holds()), None)


def _pair_row(metric: PairMetric, record: dict[str, Any], volumes: Volumes) -> dict[str, Any]:
    identity = {key: record[key] for key in (*KEYS, "interval_years", "sample")}
    try:
        value, note = metric(**vars(volumes)), ""
    except MetricError as error:
        value, note = float("nan"), str(error)
    return _row(metric, value=value, note=note, **identity)


def _row(metric: Metric, **given: Any) -> dict[str, Any]:
    """One row of the score table, with defaults for what does not apply."""
    row = {"subject": "", "visit": "", "interval_years": np.nan, "sample": 0, "role": "value"}
    return {**row, "n": 1, "note": "", "metric": metric.name, "title": metric.title, **given}


def _with_count(metric: Metric, count: int) -> str:
    """Put N into a set metric's title, inside its brackets where it has some."""
    title = metric.title
    return f"{title[:-1]}, N={count}]" if title.endswith("]") else f"{title} [N={count}]"
