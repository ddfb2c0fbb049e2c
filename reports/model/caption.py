"""Captions: how the values of a table were computed."""

from typing import Any

from longibench.metrics.statistics import ENOUGH
from longibench.reports.model.results import Results

INTERVALS = (
    "Intervals are 95%, over subjects: of metrics with values by subject such as SSIM the BCa "
    "bootstrap of the mean of subject means; of ratios of sums over subjects such as the slope "
    "ratio the BCa bootstrap of the ratio; of other metrics of the whole set such as FID the "
    "delete-one-subject jackknife, since a bootstrap of FID repeats subjects, lowers the rank of "
    "the covariance and does not contain its own estimate. FID's interval is for its mean at this "
    "N, which is above its value for more volumes, and is cut at 0."
)
NONE = f"No interval and no test: fewer than {ENOUGH} subjects."
FEW = "With fewer than {} subjects the coverage of an interval is below its nominal level."
ONE_SEED = "One training seed: the spread between trainings is not measured."
COVERED = 10  # subjects from which on it is near it, see docs/statistics.md


def caption(results: Results) -> str:
    """State cohort, split, pairs, grid, intervals and seeds."""
    parts = (
        _cohort(results.protocol),
        _evaluation(results.protocol),
        INTERVALS,
        _few(results.protocol["pairs"]["subjects"]),
        _seeds(results),
    )
    return " ".join(part for part in parts if part)


def _few(subjects: int) -> str:
    if subjects < ENOUGH:
        return NONE
    return FEW.format(COVERED) if subjects < COVERED else ""


def count(number: int, what: str) -> str:
    """A count with its noun, such as ``"1 pair"`` or ``"2 pairs"``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def pairs(protocol: dict[str, Any]) -> str:
    """The evaluated pairs as ``"104 pairs (yearly) of 24 subjects"``."""
    facts = protocol["pairs"]
    subjects = count(facts["subjects"], "subject")
    return f"{count(facts['count'], 'pair')} ({facts['rule']}) of {subjects}"


def grid(protocol: dict[str, Any]) -> str:
    """The grid as ``"32x40x32 voxels of 5 mm"``."""
    shape = "\N{MULTIPLICATION SIGN}".join(str(side) for side in protocol["grid"]["shape"])
    return f"{shape} voxels of {protocol['grid']['spacing_mm']:g} mm"


def preparation(steps: dict[str, Any]) -> str:
    """The steps as ``"brain extraction deepbet 1.0.2, bias field N4, registration affine"``."""
    brain = f"brain extraction {steps['brain']} {steps.get('brain_version', '')}".strip()
    done = [
        brain if steps["brain"] else "",
        "bias field N4" if steps["bias"] else "",
        f"registration {steps['registration']}" if steps["registration"] != "none" else "",
        "intensities {:g} to {:g}%".format(*steps["percentiles"]),
    ]
    return ", ".join(step for step in done if step)


def cohort(facts: dict[str, Any]) -> str:
    """A cohort as ``"phantom (96 subjects, 480 visits)"``."""
    sizes = f"{count(facts['subjects'], 'subject')}, {count(facts['visits'], 'visit')}"
    return f"{facts['name']} ({sizes})"


def _cohort(protocol: dict[str, Any]) -> str:
    training = protocol.get("training_cohort")
    text = f"Cohort: {cohort(protocol['cohort'])}."
    return f"{text} Trained on another cohort: {cohort(training)}." if training else text


def _evaluation(protocol: dict[str, Any]) -> str:
    split = protocol["split"]
    return (
        f"Split by subject: {split['rule']}, "
        f"{count(split['train_subjects'], 'subject')} to train, {split['test_subjects']} to "
        f"evaluate; {pairs(protocol)}. "
        f"Grid: {grid(protocol)}.{_prepared(protocol)}"
    )


def _prepared(protocol: dict[str, Any]) -> str:
    steps = protocol["cohort"].get("preparation")
    return f" Preparation: {preparation(steps)}." if steps else ""


def _seeds(results: Results) -> str:
    seeds = results.scores.groupby(["method", "settings"])["training_seed"].nunique()
    if seeds.max() == 1:
        return ONE_SEED
    return (
        "Values are means over training seeds; \N{PLUS-MINUS SIGN} is the standard deviation "
        "between seeds, which the intervals over subjects do not include."
    )
