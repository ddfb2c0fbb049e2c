"""Check whether the paper's order of methods holds here, with confidence."""

from dataclasses import dataclass
from typing import Literal

from longibench.metrics.statistics_paired import Comparison
from longibench.reports.model.estimates import compare, estimate
from longibench.reports.model.formats import interval
from longibench.reports.model.labels import method_label
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results

Verdict = Literal[
    "holds",
    "holds, but not surely",
    "does not hold",
    "does not hold, but not surely",
    "cannot be determined",
]

# The paper's Table I: by FID ours, then Med-DDPM, then VAE; by SSIM ours is best.
CLAIMS = {
    "fid": (
        "Dao et al. (ours), then Med-DDPM, then VAE by FID",
        (("ours", "med-ddpm"), ("med-ddpm", "vae")),
    ),
    "ssim": ("Dao et al. (ours) best by SSIM", (("ours", "med-ddpm"), ("ours", "vae"))),
}
SURE = 0.975  # one side of a 95% interval


@dataclass(frozen=True)
class Statement:
    """The verdict on one claim of the paper, with one sentence per comparison."""

    claim: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step of a claim: the first method before the second, or why it cannot be determined."""

    better: Entry
    worse: Entry
    metric: MetricFacts
    result: Comparison | str

    @property
    def holds(self) -> bool | None:
        """Whether the difference has the claimed sign; None if there is no difference."""
        if isinstance(self.result, str):
            return None
        difference = self.result.difference.estimate
        return difference > 0 if self.metric.higher_is_better else difference < 0

    @property
    def sureness(self) -> float:
        """Confidence that the first method is better, in [0, 1]; NaN if not determined."""
        if isinstance(self.result, str):
            return float("nan")
        higher = self.metric.higher_is_better
        return self.result.probability_better(higher_is_better=higher)


def order_statements(results: Results) -> list[Statement]:
    """Check each claim of the paper for each definition of its metric in the protocol."""
    return [
        _statement(results, metric, *CLAIMS[metric.name])
        for name in CLAIMS
        for metric in results.metrics
        if metric.name == name
    ]


def _statement(
    results: Results, metric: MetricFacts, claim: str, steps: tuple[tuple[str, str], ...]
) -> Statement:
    names = dict.fromkeys(name for step in steps for name in step)
    found = {name: entry for name in names if (entry := results.of_preset(name)) is not None}
    lacking = [f"{method_label(name)} is not scored here." for name in names if name not in found]
    lacking += [reason for entry in found.values() if (reason := _lack(results, metric, entry))]
    if lacking:
        return Statement(claim, "cannot be determined", tuple(lacking))
    compared = [_step(results, metric, found[first], found[second]) for first, second in steps]
    sentences = [_rows(list(found.values()), metric), *map(_sentence, compared)]
    return Statement(claim, _verdict(compared), tuple(sentences))


def _rows(entries: list[Entry], metric: MetricFacts) -> str:
    """The rows of the verdict: a method may have several."""
    named = [
        f"{entry.label} ({f'preset {entry.preset}' if entry.preset else 'no row of a preset'})"
        for entry in entries
    ]
    return f"By {metric.title}, of the rows {'; '.join(named)}."


def _lack(results: Results, metric: MetricFacts, entry: Entry) -> str:
    value = estimate(results, entry, metric)
    return "" if value.volumes else f"{entry.label} has no {metric.title}: {value.note}."


def _step(results: Results, metric: MetricFacts, better: Entry, worse: Entry) -> Step:
    return Step(better, worse, metric, compare(results, (better, worse), metric))


def _verdict(steps: list[Step]) -> Verdict:
    if any(step.holds is None for step in steps):
        return "cannot be determined"
    # A sureness of NaN (too few subjects) is never sure.
    if all(step.holds for step in steps):
        sure = all(step.sureness >= SURE for step in steps)
        return "holds" if sure else "holds, but not surely"
    sure = any(step.sureness <= 1 - SURE for step in steps)
    return "does not hold" if sure else "does not hold, but not surely"


def _sentence(step: Step) -> str:
    names = f"{step.better.label} against {step.worse.label}"
    if isinstance(step.result, str):
        return f"{names}: {step.result}."
    difference, decimals = step.result.difference, step.metric.decimals
    side = "better" if step.holds else "not better"
    text = f"{names}: difference {difference.estimate:+.{decimals}f} ({side})"
    within = interval(difference, decimals)
    if not within:
        return f"{text}; one subject gives no interval."
    return (
        f"{text}, 95% interval {within}, paired over {difference.subjects} subjects; "
        f"{_percent(step.sureness)} sure that {step.better.label} is better."
    )


def _percent(probability: float) -> str:
    """Format a probability without claiming certainty."""
    if probability > 0.999:
        return "more than 99.9%"
    return "less than 0.1%" if probability < 0.001 else f"{100 * probability:.1f}%"
