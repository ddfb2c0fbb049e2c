"""A metric's column of a table: its values as printed, their letters, and which are best."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from longibench.benchmark.evaluation.score_table import within_brackets
from longibench.metrics.statistics import ENOUGH
from longibench.reports.model.estimates import AtFloor, Estimate
from longibench.reports.model.formats import between_seeds, interval, number
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry
from longibench.reports.model.text_table import Notes
from longibench.reports.tables.comparisons import Compared
from longibench.reports.tables.letters import leading, letters

NO_INTERVAL = f"no interval and no test with fewer than {ENOUGH} subjects"
OTHER_CODE = (
    "computed by other code than most of the column, with an equal definition: ranked with it; the "
    "same 'python cli.py run', or 'evaluate' for volumes made elsewhere, computes it with current "
    "code"
)

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One value as printed, with its interval, spread over seeds, letters and note's number.

    Attributes:
        ranked: Whether it is of a method, and can be compared with others of the column.
        letters: Shared with those that it cannot be distinguished from; empty without a test.
        best: In the group of the best, which is not all.
    """

    estimate: Estimate
    text: str
    interval: str
    spread: str = ""
    halves: str = ""
    ranked: bool = False
    letters: str = ""
    best: bool = False
    note: int = 0


@dataclass(frozen=True)
class Column:
    """A metric of the table.

    Attributes:
        metric: What it is.
        title: The full name, with extractor and N or window and mask.
        floor: The scores of real volumes against real volumes; None if not known.
        volumes: Volumes of most values of a metric of the whole set; 0 for other metrics.
        code: Digest of the code that computed most values.
        real: What the real follow-ups themselves score; NaN if it is not known.
    """

    metric: MetricFacts
    title: str
    floor: AtFloor | None = None
    volumes: int = 0
    code: str = ""
    real: float = math.nan

    def ranks(self, value: Estimate) -> bool:
        """Whether a value has the column's number of volumes."""
        return self.metric.by_subject or value.volumes in (0, self.volumes)

    @property
    def head(self) -> str:
        """The short name with unit and direction, such as ``"FID ↓"``."""
        unit = f", {self.metric.unit}" if self.metric.unit else ""
        return f"{self.title.partition(' [')[0]}{unit} {self.metric.arrow}"

    @property
    def tail(self) -> str:
        """The content of the brackets of the full name."""
        return self.title.partition(" [")[2].removesuffix("]")


def make_column(metric: MetricFacts, estimates: list[Estimate]) -> Column:
    """The column of a metric: with the number of volumes and the code of most estimates."""
    floors = [value.floor for value in estimates if value.floor]
    codes = [code for value in estimates for code in sorted(value.codes)]
    sizes = [value.volumes for value in estimates if value.volumes]
    volumes = 0 if metric.by_subject else _most_common(sizes, 0)
    title = within_brackets(metric.title, f"N={volumes}") if volumes else metric.title
    return Column(
        metric,
        title,
        floors[0] if floors else None,
        volumes,
        _most_common(codes, ""),
        next((value.real for value in estimates if not math.isnan(value.real)), math.nan),
    )


def _most_common(values: list[T], default: T) -> T:
    return max(values, key=values.count) if values else default


def make_cells(
    column: Column,
    entries: Sequence[Entry],
    estimates: Sequence[Estimate],
    notes: Notes,
    compared: Iterable[Compared],
    tested_by: MetricFacts,
) -> tuple[Cell, ...]:
    """Print a column; other rows than methods and values of other sizes are not ranked.

    Args:
        column: What it shows.
        entries: The rows.
        estimates: Their values.
        notes: Of the table.
        compared: All comparisons of the report.
        tested_by: The metric whose tests distinguish the column's methods.
    """
    ranked = {
        entry: column.metric.badness(value.value)
        for entry, value in zip(entries, estimates, strict=True)
        if entry.competes and column.ranks(value) and not math.isnan(value.value)
    }
    found = letters(tested_by, sorted(ranked, key=ranked.__getitem__), compared)
    best = leading(found)
    return tuple(
        replace(
            _cell(column, value, notes),
            ranked=entry in ranked,
            letters=found.get(entry, ""),
            best=entry in best,
        )
        for entry, value in zip(entries, estimates, strict=True)
    )


def _cell(column: Column, value: Estimate, notes: Notes) -> Cell:
    decimals = column.metric.decimals
    return Cell(
        estimate=value,
        text=number(value.value, decimals),
        interval=interval(value.interval, decimals),
        spread=spread(value, decimals),
        halves=f"in halves {number(value.floor.generated, decimals)}" if value.floor else "",
        note=notes.number(_cell_note(value, column)),
    )


def _cell_note(value: Estimate, column: Column) -> str:
    notes = [value.note]
    if not column.ranks(value):
        notes.append(f"N={value.volumes}, the column's {column.volumes}: not ranked with it")
    if value.codes - {column.code}:
        notes.append(OTHER_CODE)
    if 0 < value.interval.subjects < ENOUGH:
        notes.append(NO_INTERVAL)
    return "; ".join(note for note in notes if note)


def spread(value: Estimate, decimals: int) -> str:
    """Format the spread between training seeds; empty if there is only one."""
    return between_seeds(value.seed_spread, decimals, len(value.by_seed))
