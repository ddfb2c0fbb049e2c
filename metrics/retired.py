"""Names of metrics of earlier versions, and what replaces them.

Bias, error and correlation of a structure's annual change divided by the interval, so that one
offset of all follow-ups counted most over the shortest interval; ``monotonicity`` rewarded any
constant volume with larger ventricles.
"""

from longibench.metrics.structures import STRUCTURES

KINDS = {
    "bias": ("slope-ratio", "intercept"),
    "error": ("change-error",),
    "correlation": ("slope-correlation",),
}
OF_VENTRICLES = ("ventricles-slope-ratio", "ventricles-slope-correlation")


def successors(name: str) -> tuple[str, ...]:
    """The metrics that replace one of an earlier version; empty for any other name."""
    if name == "monotonicity":
        return OF_VENTRICLES
    structure, _, kind = name.rpartition("-")
    if structure not in STRUCTURES and not structure.endswith("-labels"):
        return ()
    return tuple(f"{structure}-{new}" for new in KINDS.get(kind, ()))
