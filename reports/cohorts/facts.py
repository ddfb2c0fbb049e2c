"""What there is to say of a cohort: plain values, from which the terminal and JSON are written."""

from dataclasses import dataclass, field

from longibench.benchmark.protocol.splits.balance import Comparison


@dataclass(frozen=True)
class Spread:
    """A number over subjects; NaN where nobody has one.

    Attributes:
        known: How many have a value.
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
    """What the rule would pair.

    Attributes:
        rule: The rule in words.
        count: Pairs in all.
        by_year: Pairs by the interval, to the nearest whole year.
        by_part: Pairs of each part of the split; empty where there is no split.
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
        levels: How many subjects or visits have which value; empty for numbers, ``n/a`` for none.
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
        reason: One of few.
        scans: How many scans, or rows of a table.
        subjects: Of how many subjects.
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
        done: Whether the scans have it behind them.
        to_do: What ``run`` would do, such as ``n4``; empty for nothing.
    """

    step: str
    done: bool
    to_do: str


@dataclass(frozen=True)
class Parts:
    """The split under the settings.

    Attributes:
        rule: What decides, in words; names no subject.
        digest: Digest of the rule and of who is where.
        sizes: Subjects of each part; empty where there can be no split.
        comparisons: Each covariate of each part against training.
        warnings: Differences that are large and no chance.
        problem: Why there can be no split; may name a subject.
    """

    rule: str = ""
    digest: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Description:
    """A cohort, described.

    Attributes:
        name: How the user named it; may hold a path.
        reader: Which reader read it.
        layout: The layout that the reader reads, in a line.
        preset: Where the settings started from.
        notes: What the reader wants known; may hold paths.
        shareable: Whether pictures of its participants may leave the machine.
        digest: Digest of who was scanned when.
        subjects: Subjects with two or more usable scans.
        scans: Their scans.
        visits: Subjects by their number of visits.
        intervals: When they were scanned.
        pairs: What the rule would pair.
        covariates: What is known of them.
        field_changes: Subjects scanned at more than one field strength.
        left_out: What is not used, the most frequent reason first.
        steps: What preparation finds done and would do.
        parts: The split.
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
