"""Consistent formatting of numbers."""

import math

from longibench.metrics.statistics import Interval

DASH = "—"


def number(value: float, decimals: int) -> str:
    """Format a value; a dash if it is missing. What rounds to zero has no sign."""
    return DASH if math.isnan(value) else f"{value:z.{decimals}f}"


def interval(value: Interval, decimals: int) -> str:
    """Format an interval as ``"low to high"``; empty if there is none."""
    if math.isnan(value.low) or math.isnan(value.high):
        return ""
    return f"{value.low:z.{decimals}f} to {value.high:z.{decimals}f}"


def between_seeds(spread: float, decimals: int, seeds: int | None = None) -> str:
    """Format a standard deviation between training seeds; empty if there is only one seed."""
    number_of = "" if seeds is None else f"{seeds} "
    return "" if math.isnan(spread) else f"± {spread:.{decimals}f} between {number_of}seeds"


def p_value(value: float) -> str:
    """Format a p-value with two significant digits, without claiming certainty."""
    if math.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def percent(share: float) -> str:
    """Format a share of subjects; a dash if it is missing."""
    return DASH if math.isnan(share) else f"{100 * share:.0f}%"


def raw(value: float) -> str:
    """A value for other programs, in full precision; empty if it is missing."""
    return "" if math.isnan(value) else repr(float(value))
