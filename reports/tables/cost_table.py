"""Cost of each method: training, generation, size, memory, energy, as recorded by its run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from longibench.reports.model.formats import DASH
from longibench.reports.model.results import Entry, Results
from longibench.reports.model.text_table import Box, Printed, Section, transposed

CAPTION = (
    "Measured by the harness on the device named, which is part of the measurement: costs on "
    "different devices are not comparable. The peak is that of matrix products in the training's "
    "precision, measured on the device; activations computed again to save memory do not count. "
    "Energy is that of the whole device, as counted by its driver; a dash if it is not available. "
    "Of several training seeds, the first."
)


@dataclass(frozen=True)
class Cost:
    """One cost: its heading, its key in ``run.json``, its format, and its section.

    An ``optional`` cost has no line if no run recorded it.
    """

    head: str
    key: str
    show: Callable[[Any], str]
    section: str
    optional: bool = False


def duration(seconds: float) -> str:
    """Format a duration in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def energy(joules: float) -> str:
    """Format an energy in J, kJ or kWh."""
    if joules < 1e3:
        return f"{joules:.3g} J"
    return f"{joules / 1e3:.3g} kJ" if joules < 3.6e5 else f"{joules / 3.6e6:.2f} kWh"


TRAINING, GENERATION, NETWORK = "Training", "Generation, per volume", "Network and device"
COSTS = (
    Cost("Time", "train_seconds", duration, TRAINING),
    Cost("Iterations", "iterations", "{:,}".format, TRAINING),
    Cost("Seconds per step", "seconds_per_step", "{:.3g}".format, TRAINING, optional=True),
    Cost("TFLOP per step", "step_tflop", "{:.3g}".format, TRAINING, optional=True),
    Cost("Share of peak", "peak_share", "{:.0%}".format, TRAINING, optional=True),
    Cost("Peak memory", "train_peak_memory_gb", "{:.1f} GB".format, TRAINING, optional=True),
    Cost("Energy", "train_energy_j", energy, TRAINING),
    Cost("Seconds", "seconds_per_volume", "{:.3g}".format, GENERATION),
    Cost("Network evaluations", "network_evaluations", "{:,}".format, GENERATION),
    Cost("Energy", "energy_j_per_volume", energy, GENERATION),
    Cost("Parameters", "parameters", "{:,}".format, NETWORK),
    Cost("Peak memory", "peak_memory_gb", "{:.1f} GB".format, NETWORK),
    Cost("Device", "device", str, NETWORK),
)


def print_costs(results: Results) -> Printed | None:
    """One line per cost, one column per method; None if no run is known."""
    found = _first_runs(results)
    if not found:
        return None
    costs = [cost for cost in COSTS if not cost.optional or _is_known(cost, found)]
    heads = (Box("Method"), *(Box(cost.head) for cost in costs))
    lines = tuple(
        (Box(entry.label), *(Box(_shown(cost, facts)) for cost in costs)) for entry, facts in found
    )
    upright = Printed("IV", "Cost", heads, (Section("", lines),), CAPTION)
    return transposed(upright, "Cost", tuple(cost.section for cost in costs))


def cost_records(results: Results) -> list[dict[str, Any]]:
    """One row per method, in seconds, joules and gigabytes."""
    return [
        {
            "method": entry.method,
            "label": entry.label,
            **{cost.key: facts.get(cost.key) for cost in COSTS},
        }
        for entry, facts in _first_runs(results)
    ]


def _first_runs(results: Results) -> list[tuple[Entry, dict[str, Any]]]:
    """Each entry with the record of the run of its first training seed."""
    shown = [entry for entry in results.entries if not entry.is_measured_by_few]  # means nothing
    runs = [(entry, results.runs_of(entry)) for entry in shown]
    return [(entry, entry_runs[0].facts) for entry, entry_runs in runs if entry_runs]


def _is_known(cost: Cost, found: list[tuple[Entry, dict[str, Any]]]) -> bool:
    return any(facts.get(cost.key) for _, facts in found)


def _shown(cost: Cost, facts: dict[str, Any]) -> str:
    value = facts.get(cost.key)
    return cost.show(value) if value else DASH
