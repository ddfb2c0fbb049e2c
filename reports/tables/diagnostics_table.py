"""Diagnostics of each row: does it use its noisy input, its seed, its source, its interval?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from longibench.benchmark.evaluation.diagnostics_file import Diagnostics
from longibench.metrics.statistics import Interval, seed_spread
from longibench.reports.model.diagnosis import DIVERSITY as DIVERSE
from longibench.reports.model.diagnosis import (
    GIVEN_INPUT,
    NO,
    SHARE,
    Verdict,
    diagnostics_of,
    is_diverse,
    over_seeds,
    slope_ratio,
    uses_interval,
    uses_noisy_input,
    uses_source,
)
from longibench.reports.model.formats import DASH, interval
from longibench.reports.model.results import Entry, Results
from longibench.reports.model.text_table import Box, Notes, Printed, Section, transposed

TITLE = "Diagnostics: whether each row does what its kind promises"
CAPTION = (
    "One pair a subject, the last visit, of at most 24 subjects; noisy input, diversity and "
    "interval of at most 8 of them. Errors are root mean squares in the source's head, on "
    "intensities in [-1, 1]. Noisy input: the error of the estimate from pure noise, and given "
    "the true noisy input at the level whose ratio of noise to signal is nearest half of that "
    f"error; kept at {GIVEN_INPUT:g} of it or less and, if a network that learned nothing copies "
    "its input, below what its input times a number reaches. Diversity: kept from 1/3 to "
    f"{DIVERSE[1]:g}. Source: kept for {SHARE:.0%} of the subjects or more. Interval: kept if "
    "volumes of one seed differ and the slope ratio, if it is scored, has an interval above 0. Of "
    "several training seeds the mean \N{PLUS-MINUS SIGN} standard deviation. A dash: not measured, "
    "as for volumes made by other code."
)
INPUT, DIVERSITY, SOURCE, INTERVAL, OWN = (
    "Uses its noisy input",
    "Diversity",
    "Uses the source",
    "Uses the interval",
    "Of the method itself",
)
KEPT = "Kept"


@dataclass(frozen=True)
class Row:
    """A row of the tables with its diagnostics by training seed, and its slope ratio."""

    entry: Entry
    found: list[tuple[int, Diagnostics]]
    slope: Interval

    @property
    def seeds(self) -> list[Diagnostics]:
        """The diagnostics of each training seed."""
        return [diagnostics for _, diagnostics in self.found]

    def verdicts(self) -> dict[str, Verdict]:
        """What it promises, by section."""
        judges = {
            INPUT: uses_noisy_input,
            DIVERSITY: is_diverse,
            SOURCE: uses_source,
            INTERVAL: lambda found: uses_interval(found, self.slope),
        }
        return {name: over_seeds(self.seeds, judge) for name, judge in judges.items()}


@dataclass(frozen=True)
class Number:
    """A measured number: its section, its name, and its place in the diagnostics."""

    section: str
    head: str
    place: str

    @property
    def key(self) -> str:
        """Its column of the CSV file."""
        return self.place.replace(".", "_")

    def of(self, found: Diagnostics) -> float | None:
        """The number; None if it was not measured or is infinite."""
        part, name = self.place.split(".")
        measured = getattr(found, part)
        value = math.nan if measured is None else float(getattr(measured, name))
        return value if math.isfinite(value) else None


NUMBERS = (
    Number(INPUT, "RMSE from pure noise", "denoising.from_noise"),
    Number(INPUT, "Noise ratio", "denoising.ratio"),
    Number(INPUT, "RMSE given the input there", "denoising.given_input"),
    Number(DIVERSITY, "RMSE of a sample", "samples.rmse"),
    Number(DIVERSITY, "Between two samples", "samples.between_seeds"),
    Number(DIVERSITY, "Ratio", "samples.diversity"),
    Number(SOURCE, "SSIM to its own follow-up", "sources.ssim_own"),
    Number(SOURCE, "SSIM to others'", "sources.ssim_others"),
    Number(SOURCE, "RMSE to its own follow-up", "sources.rmse_own"),
    Number(SOURCE, "RMSE to others'", "sources.rmse_others"),
    Number(SOURCE, "Share nearer to its own", "sources.share"),
    Number(INTERVAL, "Between 1 and 5 years", "intervals.rms"),
)
KEYS = {
    INPUT: "uses_noisy_input",
    DIVERSITY: "is_diverse",
    SOURCE: "uses_source",
    INTERVAL: "uses_interval",
}


def read_rows(results: Results) -> list[Row]:
    """The rows with a network or a copy, but not oracles; empty if none has diagnostics."""
    shown = [
        entry
        for entry in results.entries
        if not entry.is_measured_by_few and results.runs_of(entry)
    ]
    rows = [
        Row(entry, diagnostics_of(results, entry), slope_ratio(results, entry)) for entry in shown
    ]
    return rows if any(row.found for row in rows) else []


def print_diagnostics(rows: Sequence[Row]) -> Printed | None:
    """One line per number, one column per row; None without diagnostics."""
    if not rows:
        return None
    notes, own = Notes(), _own_names(rows)
    columns = [_column(row, own, notes) for row in rows]
    headings = [section for section, _, _ in columns[0]]
    heads = (Box("Method"), *(Box(head) for _, head, _ in columns[0]))
    lines = tuple(
        (Box(row.entry.label), *(box for *_, box in column))
        for row, column in zip(rows, columns, strict=True)
    )
    upright = Printed("VI", TITLE, heads, (Section("", lines),), CAPTION, tuple(notes.texts))
    return transposed(upright, "Diagnostic", tuple(headings))


def failures(rows: Sequence[Row]) -> list[str]:
    """One sentence for each promise that a row does not keep."""
    return [
        f"{row.entry.label} does not keep '{name.lower()}': {verdict.reason}"
        for row in rows
        for name, verdict in row.verdicts().items()
        if verdict.word == NO
    ]


def diagnostics_records(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One line per row and training seed: all numbers and verdicts."""
    own = _own_names(rows)
    return [
        {
            "method": row.entry.method,
            "label": row.entry.label,
            "training_seed": seed,
            "subjects": found.subjects,
            **{KEYS[name]: verdict.word for name, verdict in _alone(row, seed).items()},
            **{number.key: number.of(found) for number in NUMBERS},
            **{name: found.quantities.get(name) for name in own},
        }
        for row in rows
        for seed, found in row.found
    ]


def _alone(row: Row, seed: int) -> dict[str, Verdict]:
    """Verdicts on one training seed."""
    found = [(its, diagnostics) for its, diagnostics in row.found if its == seed]
    return Row(row.entry, found, row.slope).verdicts()


def _column(row: Row, own: Sequence[str], notes: Notes) -> list[tuple[str, str, Box]]:
    """Section, head and box of each line, for one row."""
    lines: list[tuple[str, str, Box]] = []
    for name, verdict in row.verdicts().items():
        reason = f"{row.entry.label}: {verdict.reason}" if verdict.reason else ""
        lines.append((name, KEPT, Box(verdict.word, note=notes.number(reason))))
        lines += [
            (name, number.head, Box(_mean(number.of(found) for found in row.seeds)))
            for number in NUMBERS
            if number.section == name
        ]
        if name == INTERVAL:
            lines.append((name, "Slope ratio of ventricles", Box(_with_interval(row.slope))))
    lines += [
        (OWN, name, Box(_mean(found.quantities.get(name) for found in row.seeds))) for name in own
    ]
    return lines


def _own_names(rows: Sequence[Row]) -> list[str]:
    """Names of the methods' own quantities, in the order of the rows."""
    return list(dict.fromkeys(name for row in rows for one in row.seeds for name in one.quantities))


def _mean(values: Iterable[float | None]) -> str:
    """Mean over training seeds, and their standard deviation; a dash if none has a value."""
    known = [value for value in values if value is not None]
    if not known:
        return DASH
    mean = f"{sum(known) / len(known):.3g}"
    spread = seed_spread(tuple(known))
    return mean if math.isnan(spread) else f"{mean} \N{PLUS-MINUS SIGN} {spread:.2g}"


def _with_interval(value: Interval) -> str:
    if math.isnan(value.estimate):
        return DASH
    bounds = interval(value, 2)
    return f"{value.estimate:z.2f} ({bounds})" if bounds else f"{value.estimate:z.2f}"
