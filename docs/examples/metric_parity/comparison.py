"""One line of the parity table: our value and that of another implementation."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Two values of the same quantity.

    Attributes:
        what: The metric or the features.
        other: The other implementation.
        settings: The settings of both.
        ours: Our value.
        theirs: The other's.
        difference: Absolute or relative difference, see ``kind``.
        bound: The largest difference that rounding explains; None if the two are defined
            differently and the difference is only reported.
        kind: ``absolute`` or ``relative``.
        why: The cause of the difference.
    """

    what: str
    other: str
    settings: str
    ours: float
    theirs: float
    difference: float
    bound: float | None
    kind: str
    why: str

    @property
    def holds(self) -> bool:
        """Whether the difference stays within its bound."""
        return self.bound is None or self.difference <= self.bound


def absolute(
    what: str, other: str, settings: str, values: tuple[float, float], bound: float | None, why: str
) -> Comparison:
    """Compare by the absolute difference."""
    ours, theirs = values
    return Comparison(
        what, other, settings, ours, theirs, abs(ours - theirs), bound, "absolute", why
    )


def relative(
    what: str, other: str, settings: str, values: tuple[float, float], bound: float | None, why: str
) -> Comparison:
    """Compare by the difference over the other's value."""
    ours, theirs = values
    difference = abs(ours - theirs) / abs(theirs)
    return Comparison(what, other, settings, ours, theirs, difference, bound, "relative", why)


def markdown(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a table."""
    head = [
        "| what | compared with | settings | ours | theirs | difference | bound | cause |",
        "|---|---|---|--:|--:|--:|--:|---|",
    ]
    return "\n".join([*head, *map(_line, comparisons)])


def _line(row: Comparison) -> str:
    bound = "reported only" if row.bound is None else f"{row.bound:.0e}"
    cells = [
        row.what,
        row.other,
        row.settings,
        f"{row.ours:.8g}",
        f"{row.theirs:.8g}",
        f"{row.difference:.1e} {row.kind}",
        bound if row.holds else f"**{bound}, exceeded**",
        row.why,
    ]
    return f"| {' | '.join(cells)} |"
