"""Whether a row does what its kind promises, judged from its diagnostics."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longibench.benchmark.evaluation.diagnostics_file import Diagnostics, read_diagnostics
from longibench.metrics.statistics import Interval
from longibench.reports.model.estimates import estimate
from longibench.reports.model.formats import DASH
from longibench.reports.model.results import Entry, Results

YES, NO, NOT_APPLICABLE = "yes", "no", "not applicable"
GIVEN_INPUT = 0.8  # largest share of the error from pure noise, given half as much noise
SCALED_INPUT = 0.98  # of the best scaled input; what scales its input misses it by chance alone
DIVERSITY = (1 / 3, 1.2)  # between two samples, in errors of one
SHARE = 0.9  # of subjects whose volume is more like their own follow-up than like others'
SAME = 1e-3  # root mean square between two volumes, on a range of 2
SLOPE_RATIO = "ventricles-slope-ratio"


@dataclass(frozen=True)
class Verdict:
    """Yes, no, not applicable, or a dash; and in words why not."""

    word: str
    reason: str = ""


Judge = Callable[[Diagnostics], Verdict]


def uses_noisy_input(found: Diagnostics) -> Verdict:
    """Its estimate improves with its input: for epsilon and v, beyond a scaled copy of it."""
    its = found.denoising
    if its is None:
        return Verdict(NOT_APPLICABLE)
    if its.ratio > its.from_noise:
        return Verdict(DASH, "none of its noise levels has less noise than its error")
    where = f"at noise ratio {its.ratio:.2g}"
    if its.given_input > GIVEN_INPUT * its.from_noise:
        share = its.given_input / its.from_noise
        return Verdict(
            NO,
            f"given the true noisy input {where} its error is {share:.2f} of that from pure noise "
            f"(at most {GIVEN_INPUT:g})",
        )
    if its.predicts_noise and its.given_input > SCALED_INPUT * its.scaled_input:
        return Verdict(
            NO,
            f"{where} its error, {its.given_input:.2g}, is not below {its.scaled_input:.2g}, that "
            "of its noisy input times a number",
        )
    return Verdict(YES)


def is_diverse(found: Diagnostics) -> Verdict:
    """Two samples are about as far apart as one is from the real follow-up."""
    if not found.stochastic:
        return Verdict(NOT_APPLICABLE)
    ratio = found.samples.diversity
    low, high = DIVERSITY
    if low <= ratio <= high:
        return Verdict(YES)
    bound = "at least 1/3" if ratio < low else f"at most {high:g}"
    return Verdict(NO, f"two samples differ by {ratio:.2g} times the error of one ({bound})")


def uses_source(found: Diagnostics) -> Verdict:
    """Volumes are more like their own subject's follow-up than like others'."""
    if "source" not in found.conditions_on:
        return Verdict(NOT_APPLICABLE)
    if found.sources is None:
        return Verdict(DASH)
    if found.sources.share >= SHARE:
        return Verdict(YES)
    return Verdict(
        NO,
        f"only {found.sources.share:.0%} of {found.subjects} volumes are more like their own "
        f"subject's follow-up than like others' (at least {SHARE:.0%})",
    )


def uses_interval(found: Diagnostics, slope_ratio: Interval) -> Verdict:
    """Volumes differ between intervals, and ventricles grow, as far as the scores show that."""
    if found.intervals is None:
        return Verdict(NOT_APPLICABLE)
    if found.intervals.rms < SAME:
        early, late = found.intervals.years
        return Verdict(NO, f"volumes for {early:g} and {late:g} years are the same")
    if slope_ratio.low <= 0:  # NaN without a value
        bounds = f"{slope_ratio.low:z.2f} to {slope_ratio.high:z.2f}"
        return Verdict(NO, f"the interval of its ventricles' slope ratio, {bounds}, is not above 0")
    return Verdict(YES)


def over_seeds(found: Sequence[Diagnostics], judge: Judge) -> Verdict:
    """One verdict on all training seeds: yes only if each keeps the promise."""
    verdicts = [judge(one) for one in found]
    for word in (NO, DASH):
        failed = [verdict for verdict in verdicts if verdict.word == word]
        if failed:
            several = f"{len(failed)} of {len(found)} training seeds: " if len(found) > 1 else ""
            reason = failed[0].reason
            return Verdict(word, f"{several}{reason}" if reason else "")
    return verdicts[0] if verdicts else Verdict(DASH)


def diagnostics_of(results: Results, entry: Entry) -> list[tuple[int, Diagnostics]]:
    """Training seed and diagnostics of each run of a row that has them.

    Raises:
        DamagedFileError: A file has changed since it was written.
    """
    read = [(run, read_diagnostics(run.folder)) for run in results.runs_of(entry)]
    return [(int(run.facts["training_seed"]), found) for run, found in read if found]


def slope_ratio(results: Results, entry: Entry) -> Interval:
    """The slope ratio of the ventricles in the scores; NaN if the protocol has none."""
    for metric in results.metrics:
        if metric.name == SLOPE_RATIO:
            return estimate(results, entry, metric).interval
    return Interval(math.nan, math.nan, math.nan, math.nan, 0)
