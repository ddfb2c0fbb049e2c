"""Check whether the paper's order of methods holds here, by the paired tests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from longibench.metrics.statistics import Interval
from longibench.metrics.statistics_paired import LEVEL
from longibench.reports.model.caption import ONE_SEED
from longibench.reports.model.estimates import estimate
from longibench.reports.model.formats import between_seeds, interval, p_value
from longibench.reports.model.labels import method_label
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results
from longibench.reports.tables.comparisons import Compared

Verdict = Literal[
    "holds",
    "holds for these trainings",
    "as claimed, but not shown",
    "does not hold",
    "does not hold for these trainings",
    "not as claimed, but not shown either",
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
SEEDS = (
    "\N{PLUS-MINUS SIGN}: the standard deviation of a difference between two trainings. Only a "
    f"difference with a p below {LEVEL:g} over training seeds (Welch's t test) is sure, whatever "
    "its test over subjects."
)


@dataclass(frozen=True)
class Statement:
    """The verdict on one claim of the paper, with one sentence per comparison."""

    claim: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One step of a claim: the first method before the second, as the report compared them."""

    better: Entry
    worse: Entry
    compared: Compared

    @property
    def difference(self) -> Interval | None:
        """The first minus the second; None if they cannot be compared."""
        if isinstance(self.compared.result, str):
            return None
        found = self.compared.result.difference
        return found if self.compared.better == self.better else -found

    @property
    def holds(self) -> bool | None:
        """Whether the difference has the claimed sign; None if they cannot be compared."""
        if self.difference is None:
            return None
        ahead = self.difference.estimate
        return ahead > 0 if self.compared.metric.higher_is_better else ahead < 0

    @property
    def is_sure(self) -> bool:
        """Whether the data support the sign of the difference, whichever it is.

        The test must distinguish the two, and the interval of the difference of the means must
        not contain 0: a method can be better for most subjects and worse on average. With several
        training seeds Welch's test over these must support it too: a difference beyond one
        standard deviation of three trainings is frequent between equal methods.
        """
        if self.difference is None or not self.compared.differs:
            return False
        beyond = self.difference.low > 0 or self.difference.high < 0
        measured = not math.isnan(self.compared.seed_spread)
        return beyond and (self.compared.p_seeds < LEVEL or not measured)


def order_statements(results: Results, compared: Sequence[Compared]) -> list[Statement]:
    """Check each claim of the paper for each definition of its metric in the protocol.

    Args:
        results: The content of the protocol's folder.
        compared: All comparisons of two methods, see ``build_comparisons``.
    """
    return [
        _statement(results, metric, compared, *CLAIMS[metric.name])
        for name in CLAIMS
        for metric in results.metrics
        if metric.name == name
    ]


def _statement(
    results: Results,
    metric: MetricFacts,
    compared: Sequence[Compared],
    claim: str,
    steps: tuple[tuple[str, str], ...],
) -> Statement:
    names = dict.fromkeys(name for step in steps for name in step)
    found = {name: entry for name in names if (entry := results.of_preset(name)) is not None}
    lacking = [f"{method_label(name)} is not scored here." for name in names if name not in found]
    lacking += [reason for entry in found.values() if (reason := _lack(results, metric, entry))]
    if lacking:
        return Statement(claim, "cannot be determined", tuple(lacking))
    taken = [_step(metric, compared, found[first], found[second]) for first, second in steps]
    sentences = [_rows(list(found.values()), metric), *map(_sentence, taken), _seeds(taken)]
    return Statement(claim, _verdict(taken), tuple(sentences))


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


def _step(metric: MetricFacts, compared: Sequence[Compared], better: Entry, worse: Entry) -> Step:
    (found,) = (
        one
        for one in compared
        if one.metric == metric and {one.better, one.worse} == {better, worse}
    )
    return Step(better, worse, found)


def _verdict(steps: list[Step]) -> Verdict:
    """A verdict of one training seed each is on the trainings at hand, not on the methods."""
    if any(step.holds is None for step in steps):
        return "cannot be determined"
    if all(step.holds for step in steps):
        if not all(step.is_sure for step in steps):
            return "as claimed, but not shown"
        return "holds" if _spread_is_known(steps) else "holds for these trainings"
    refuting = [step for step in steps if not step.holds and step.is_sure]
    if not refuting:
        return "not as claimed, but not shown either"
    known = _spread_is_known(refuting)
    return "does not hold" if known else "does not hold for these trainings"


def _spread_is_known(steps: list[Step]) -> bool:
    """Whether all of them compare several trainings."""
    return not any(math.isnan(step.compared.seed_spread) for step in steps)


def _sentence(step: Step) -> str:
    names = f"{step.better.label} against {step.worse.label}"
    if step.difference is None:
        return f"{names}: {step.compared.result}."
    difference, decimals = step.difference, step.compared.metric.decimals
    side = "better" if step.holds else "not better"
    text = f"{names}: difference {difference.estimate:+z.{decimals}f} ({side})"
    spread = between_seeds(step.compared.seed_spread, decimals)
    if spread:
        text += f", {spread} (p {p_value(step.compared.p_seeds)})"
    within = interval(difference, decimals)
    if not within:
        return f"{text}; {difference.subjects} subjects are too few for an interval and a test."
    return (
        f"{text}, 95% interval {within}, paired over {difference.subjects} subjects; p after "
        f"Holm's correction {p_value(step.compared.adjusted)}."
    )


def _seeds(steps: list[Step]) -> str:
    return SEEDS if _spread_is_known(steps) else ONE_SEED
