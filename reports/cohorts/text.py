"""A cohort's description for the terminal."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from longibench.benchmark.core.text import one_line
from longibench.benchmark.protocol.splits.subjects import MISSING
from longibench.reports.cohorts.balance_table import balance_table
from longibench.reports.cohorts.bars import interval_bars
from longibench.reports.cohorts.facts import (
    Description,
    Known,
    Pairs,
    Parts,
    Reason,
    Refused,
    Spread,
    StepState,
)
from longibench.reports.cohorts.terminal import (
    facts,
    indented,
    remark,
    section,
    stdout,
    table,
    warning,
    write,
)

LEVELS = 6  # of a covariate that are named
UNITS = {"age": " years", "education": " years", "field_tesla": " T"}
KNOWN_AT = (
    "source: known when the source is scanned, so that a method may use it for any follow-up; "
    "visit: a follow-up's would be a leak"
)
BINS = "each row is half a year around its middle: 1.0 holds 0.75 to 1.25 years"
STEPS = {
    "bias": "bias field correction",
    "brain": "brain extraction",
    "registration": "registration",
}


def print_description(description: Description, picture: Path) -> None:
    """Write a description to stdout.

    Args:
        description: The description.
        picture: The figure of the intervals.
    """
    console = stdout()
    write(_blocks(description, picture, console), console)


def _blocks(description: Description, picture: Path, console: Console) -> Iterable[RenderableType]:
    bars = interval_bars(description.intervals, console)
    under = f"under preset {description.preset}"
    yield Text(description.name, style="bold")
    yield indented(facts(_overview(description)))
    yield section("When they were scanned", bars, remark(BINS), Text(f"picture: {picture}"))
    yield section(f"Pairs {under}", facts(_pairs(description.pairs)))
    if description.covariates:
        yield section("Who they are", *_covariates(description))
    if description.left_out:
        yield section("Left out", _left_out(description.left_out))
    if description.steps:
        yield section(f"Preparation {under}", facts(_steps(description.steps)))
    if not description.parts.problem:  # else it is among what is refused
        yield section(f"Split {under}", *_parts(description.parts))
    if description.refused:
        yield section("'run' with these settings would refuse", *map(_refused, description.refused))


def _refused(its: Refused) -> RenderableType:
    return warning(f"{its.check}: {its.reason}")


def _overview(description: Description) -> Iterable[tuple[str, str]]:
    yield "read as", f"{description.reader}: {description.layout}"
    for note in description.notes:
        yield "note", note
    yield "subjects", f"{description.subjects:,} with two or more scans"
    yield "scans", f"{description.scans:,}"
    yield "scans each", _counts(description.visits, most=len(description.visits))
    yield "follow-up", _range(description.intervals.follow_up, "years")
    yield "pictures", "may be shared" if description.shareable else "must not leave this machine"


def _range(values: Spread, unit: str) -> str:
    return f"median {values.median:.1f} {unit}, from {values.minimum:.1f} to {values.maximum:.1f}"


def _pairs(pairs: Pairs) -> Iterable[tuple[str, str]]:
    yield "rule", pairs.rule
    yield (
        "pairs",
        f"{pairs.count:,}"
        + _in_brackets(f"{count:,} in {part}" for part, count in pairs.by_part.items() if count),
    )
    if pairs.count:
        yield "by year", _counts(pairs.by_year, most=len(pairs.by_year))
    if pairs.unpaired:
        yield "without", f"{pairs.unpaired:,} subjects have no pair under this rule"


def _in_brackets(parts: Iterable[str]) -> str:
    text = ", ".join(parts)
    return f" ({text})" if text else ""


def _covariates(description: Description) -> Iterable[RenderableType]:
    rows = table("", "known at", "of", "values", right=["of"])
    for known in sorted(description.covariates, key=lambda known: not known.at_source):
        at, unit = ("source", "subjects") if known.at_source else ("visit", "scans")
        whole = description.subjects if known.at_source else description.scans
        of = f"{known.known:,} of {whole:,} {unit}"
        rows.add_row(known.name.replace("_", " "), at, of, _values(known))
    yield rows
    yield remark(KNOWN_AT)
    if description.field_changes:
        yield warning(
            f"{description.field_changes:,} of {description.subjects:,} subjects were scanned at "
            "more than one field strength: changes between their visits are partly of the scanner"
        )


def _values(known: Known) -> str:
    values, unit = known.spread, UNITS.get(known.name, "")
    if values is None:
        return _counts(known.levels, LEVELS, unit)
    return (
        f"mean {values.mean:.1f}{unit}, sd {values.sd:.1f}, "
        f"{values.minimum:g} to {values.maximum:g}{'' if known.at_source else ' at the source'}"
    )


def _counts(counts: Mapping, most: int, unit: str = "") -> str:
    """The first levels and their counts; the number of others; the number of unknown values."""
    known = {level: count for level, count in counts.items() if level != MISSING}
    named = [f"{level}{unit}: {count:,}" for level, count in list(known.items())[:most]]
    if len(known) > most:
        named.append(f"and {len(known) - most} more")
    if MISSING in counts:
        named.append(f"not known: {counts[MISSING]:,}")
    return ", ".join(named)


def _left_out(reasons: Iterable[Reason]) -> RenderableType:
    rows = table("scans", "subjects", "reason and first cases", right=["scans", "subjects"])
    for reason in reasons:
        cases = Text("\n".join([reason.reason, *(f"- {one_line(case)}" for case in reason.cases)]))
        cases.stylize("dim", len(reason.reason))
        rows.add_row(f"{reason.scans:,}", f"{reason.subjects:,}", cases)
    return rows


def _steps(steps: Iterable[StepState]) -> Iterable[tuple[str, str]]:
    for step in steps:
        if step.to_do:
            state = f"{'done already, and again' if step.done else 'to do'}: {step.to_do}"
        else:
            state = "done already" if step.done else "left out"
        yield STEPS[step.step], state


def _parts(parts: Parts) -> Iterable[RenderableType]:
    sizes = ", ".join(f"{part} {size:,}" for part, size in parts.sizes.items() if size)
    yield facts([("rule", parts.rule), ("digest", parts.digest), ("subjects", sizes)])
    for _, found in groupby(parts.comparisons, lambda comparison: comparison.part):
        yield Group("", balance_table(list(found)))
    yield from map(warning, parts.warnings)
