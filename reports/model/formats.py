"""How numbers are printed, the same everywhere."""

import math

from longibench.metrics.statistics import Interval

DASH = "—"


def number(value: float, decimals: int) -> str:
    """Print a value; a dash where it is missing."""
    return DASH if math.isnan(value) else f"{value:.{decimals}f}"


def interval(value: Interval, decimals: int) -> str:
    """Print an interval as ``"low to high"``; empty where there is none."""
    if math.isnan(value.low) or math.isnan(value.high):
        return ""
    return f"{value.low:.{decimals}f} to {value.high:.{decimals}f}"


def p_value(value: float) -> str:
    """Print a p-value with two digits that count, without claiming certainty."""
    if math.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def percent(share: float) -> str:
    """Print a share of subjects; a dash where it is missing."""
    return DASH if math.isnan(share) else f"{100 * share:.0f}%"


def raw(value: float) -> str:
    """A value for other programs, in full precision; empty where it is missing."""
    return "" if math.isnan(value) else repr(float(value))
