"""A metric's column of a table: its values as printed, and which of them is best."""

import math
from dataclasses import dataclass

from reports.estimates import AtFloor, Estimate
from reports.formats import interval, number
from reports.metric_facts import MetricFacts
from reports.printed import Notes
from reports.results import REFERENCE, Entry


@dataclass(frozen=True)
class Cell:
    """One value as printed, with its interval, spread over seeds, rank and note's number."""

    estimate: Estimate
    text: str
    interval: str
    spread: str = ""
    halves: str = ""
    best: bool = False
    note: int = 0


@dataclass(frozen=True)
class Column:
    """A metric of the table.

    Attributes:
        metric: What it is.
        title: The full name, with extractor and N or window and mask.
        floor: What real volumes score among themselves; None where that is not known.
    """

    metric: MetricFacts
    title: str
    floor: AtFloor | None = None

    @property
    def head(self) -> str:
        """The short name with unit and direction, such as ``"FID ↓"``."""
        unit = f", {self.metric.unit}" if self.metric.unit else ""
        return f"{self.title.partition(' [')[0]}{unit} {self.metric.arrow}"

    @property
    def tail(self) -> str:
        """What the brackets of the full name hold."""
        return self.title.partition(" [")[2].removesuffix("]")


def make_column(metric: MetricFacts, estimates: list[Estimate]) -> Column:
    """The column under which most estimates fall: the most common full name."""
    titles = [value.title for value in estimates if value.title]
    floors = [value.floor for value in estimates if value.floor]
    title = max(titles, key=titles.count) if titles else metric.title
    return Column(metric, title, floors[0] if floors else None)


def make_cells(
    column: Column, entries: list[Entry], estimates: list[Estimate], notes: Notes
) -> tuple[Cell, ...]:
    """Print and rank a column; the reference and other definitions are not ranked."""
    ranked = [
        entry.method != REFERENCE and value.title == column.title
        for entry, value in zip(entries, estimates, strict=True)
    ]
    best = _best(column.metric, [e for e, ok in zip(estimates, ranked, strict=True) if ok])
    return tuple(
        _cell(
            column, value, notes, best=ok and best is not None and _badness(column, value) == best
        )
        for value, ok in zip(estimates, ranked, strict=True)
    )


def _cell(column: Column, value: Estimate, notes: Notes, *, best: bool) -> Cell:
    decimals = column.metric.decimals
    return Cell(
        estimate=value,
        text=number(value.value, decimals),
        interval=interval(value.interval, decimals),
        spread=spread(value, decimals),
        halves=f"in halves {number(value.floor.generated, decimals)}" if value.floor else "",
        best=best,
        note=notes.number(_cell_note(value, column)),
    )


def _best(metric: MetricFacts, estimates: list[Estimate]) -> float | None:
    """How bad the best rounded value is; None where fewer than two methods compete."""
    known = [e for e in estimates if not math.isnan(e.value)]
    if len(known) < 2:
        return None
    return min(_badness(Column(metric, ""), value) for value in known)


def _badness(column: Column, value: Estimate) -> float:
    metric = column.metric
    return round(metric.badness(round(value.value, metric.decimals)), metric.decimals)


def _cell_note(value: Estimate, column: Column) -> str:
    if value.title and value.title != column.title:
        return f"{value.title}: another definition than the column's, so not ranked with it. " + (
            value.note
        )
    return value.note


def spread(value: Estimate, decimals: int) -> str:
    """Print the spread between training seeds; empty where there is only one."""
    if math.isnan(value.seed_spread):
        return ""
    return f"± {value.seed_spread:.{decimals}f} between {len(value.by_seed)} seeds"
