"""Description of a cohort as plain values, from which terminal text and JSON are written."""

from dataclasses import dataclass, field

from longibench.benchmark.protocol.splits.balance import Comparison


@dataclass(frozen=True)
class Spread:
    """A number over subjects; NaN if no subject has a value.

    Attributes:
        known: Number of subjects with a value.
        mean: Mean, and ``sd`` the standard deviation between subjects.
        minimum: Smallest value, then ``median`` and ``maximum``.
    """

    known: int
    mean: float
    sd: float
    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True)
class Intervals:
    """Times in bins of half a year, each around its middle: 1.0 holds 0.75 to 1.25 years.

    Attributes:
        elapsed: Follow-ups by the time since the subject's first scan.
        gaps: Follow-ups by the time since the visit before.
        follow_up: Years from the first to the last scan of a subject.
    """

    elapsed: dict[float, int]
    gaps: dict[float, int]
    follow_up: Spread


@dataclass(frozen=True)
class Pairs:
    """Pairs under the rule.

    Attributes:
        rule: The rule in words.
        count: Total number of pairs.
        by_year: Pairs by the interval, to the nearest whole year.
        by_part: Pairs of each part of the split; empty if there is no split.
        unpaired: Subjects without any pair under the rule.
    """

    rule: str
    count: int
    by_year: dict[int, int]
    by_part: dict[str, int]
    unpaired: int


@dataclass(frozen=True)
class Known:
    """A covariate that the cohort has.

    Attributes:
        name: Its column.
        at_source: Whether it is known when the source is scanned.
        meaning: What it is.
        known: Subjects (of what is known at the source) or visits that have a value.
        levels: Number of subjects or visits by value; empty for numbers, ``n/a`` if unknown.
        spread: Of the value at the first visit, for numbers.
    """

    name: str
    at_source: bool
    meaning: str
    known: int
    levels: dict[str, int] = field(default_factory=dict)
    spread: Spread | None = None


@dataclass(frozen=True)
class Reason:
    """Why scans were left out.

    Attributes:
        reason: One of a few kinds.
        scans: How many scans, or rows of a table.
        subjects: Number of subjects.
        cases: The first ones, with ids and paths: for the user's own screen.
    """

    reason: str
    scans: int
    subjects: int
    cases: tuple[str, ...]


@dataclass(frozen=True)
class StepState:
    """A step of preparation.

    Attributes:
        step: Its name, as in the settings.
        done: Whether it was already applied to the scans.
        to_do: What ``run`` would do, such as ``n4``; empty for nothing.
    """

    step: str
    done: bool
    to_do: str


@dataclass(frozen=True)
class Parts:
    """The split under the settings.

    Attributes:
        rule: How subjects are assigned, in words; names no subject.
        digest: Digest of the rule and of the assignment.
        sizes: Subjects of each part; empty if there can be no split.
        comparisons: Each covariate of each part against training.
        warnings: Differences that are large and significant.
        problem: Why there can be no split; may name a subject.
    """

    rule: str = ""
    digest: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Refused:
    """Why ``run`` with the same settings would refuse the cohort.

    Attributes:
        check: What was checked, in a word or two.
        reason: The message of ``run``; may name a subject or a path.
    """

    check: str
    reason: str


@dataclass(frozen=True)
class Description:
    """A cohort, described.

    Attributes:
        name: How the user named it; may contain a path.
        reader: Which reader read it.
        layout: The reader's layout, in a line.
        preset: Preset of the settings.
        notes: Notes of the reader; may contain paths.
        shareable: Whether images of its participants may leave the machine.
        digest: Digest of subjects, visits and times.
        subjects: Subjects with two or more usable scans.
        scans: Their scans.
        visits: Subjects by their number of visits.
        intervals: Times of the scans.
        pairs: Pairs under the rule.
        covariates: Covariates of the subjects.
        field_changes: Subjects scanned at more than one field strength.
        left_out: What is not used, the most frequent reason first.
        steps: Steps of preparation that are done or to do.
        parts: The split.
        refused: Everything for which ``run`` with the same settings would refuse it.
    """

    name: str
    reader: str
    layout: str
    preset: str
    notes: tuple[str, ...]
    shareable: bool
    digest: str
    subjects: int
    scans: int
    visits: dict[int, int]
    intervals: Intervals
    pairs: Pairs
    covariates: tuple[Known, ...]
    field_changes: int
    left_out: tuple[Reason, ...]
    steps: tuple[StepState, ...]
    parts: Parts
    refused: tuple[Refused, ...] = ()
