"""Verdicts on measured numbers."""

import math
from typing import Any

import pytest

from longibench.benchmark.evaluation.diagnostics_file import (
    Denoising,
    Diagnostics,
    Intervals,
    Samples,
    Sources,
)
from longibench.metrics.statistics import Interval
from longibench.reports.model.diagnosis import (
    is_diverse,
    over_seeds,
    uses_interval,
    uses_noisy_input,
    uses_source,
)

UNKNOWN = Interval(math.nan, math.nan, math.nan, math.nan, 0)


def found(**changes: Any) -> Diagnostics:
    values: dict[str, Any] = {
        "identity": "1a2b",
        "subjects": 24,
        "few": 8,
        "stochastic": True,
        "conditions_on": ("source", "interval"),
        "samples": Samples(rmse=0.2, between_seeds=0.2),
    }
    return Diagnostics(**{**values, **changes})


def denoising(given: float, scaled: float = 0.098, predicts_noise: bool = False) -> Denoising:
    return Denoising(
        curve=(),
        from_noise=0.2,
        ratio=0.1,
        given_input=given,
        scaled_input=scaled,
        predicts_noise=predicts_noise,
    )


@pytest.mark.parametrize(
    ("given", "predicts_noise", "word"),
    [
        (0.089, False, "yes"),  # an ideal denoiser: 0.2 x 0.1 / hypot(0.2, 0.1)
        (0.089, True, "yes"),
        (0.1, True, "no"),  # the input itself
        (0.0975, True, "no"),  # the input times the best number, by chance below it
        (0.15, False, "yes"),
        (0.19, False, "no"),
        (0.19, True, "no"),
    ],
)
def test_noisy_input(given: float, predicts_noise: bool, word: str) -> None:
    verdict = uses_noisy_input(found(denoising=denoising(given, predicts_noise=predicts_noise)))
    assert verdict.word == word
    assert bool(verdict.reason) == (word == "no")


def test_noisy_input_without_levels_or_with_too_much_noise() -> None:
    assert uses_noisy_input(found()).word == "not applicable"
    loud = denoising(0.2).model_copy(update={"ratio": 0.5})
    assert uses_noisy_input(found(denoising=loud)).word == "—"


@pytest.mark.parametrize(
    ("between", "word"), [(0.2, "yes"), (0.07, "yes"), (0.02, "no"), (0.3, "no"), (0.0, "no")]
)
def test_diversity(between: float, word: str) -> None:
    assert is_diverse(found(samples=Samples(rmse=0.2, between_seeds=between))).word == word


def test_a_deterministic_method_promises_no_diversity() -> None:
    same = Samples(rmse=0.2, between_seeds=0.0)
    assert is_diverse(found(samples=same, stochastic=False)).word == "not applicable"


@pytest.mark.parametrize(("share", "word"), [(1.0, "yes"), (0.92, "yes"), (0.5, "no")])
def test_source(share: float, word: str) -> None:
    sources = Sources(ssim_own=0.9, ssim_others=0.5, rmse_own=0.1, rmse_others=0.4, share=share)
    assert uses_source(found(sources=sources)).word == word
    assert uses_source(found(sources=sources, conditions_on=())).word == "not applicable"


def test_source_that_was_not_measured() -> None:
    assert uses_source(found()).word == "—"


@pytest.mark.parametrize(
    ("rms", "slope", "word"),
    [
        (0.02, UNKNOWN, "yes"),
        (0.02, Interval(0.8, 0.4, 1.2, 0.2, 24), "yes"),
        (0.02, Interval(0.1, -0.1, 0.3, 0.1, 24), "no"),
        (0.0, UNKNOWN, "no"),
    ],
)
def test_interval(rms: float, slope: Interval, word: str) -> None:
    measured = found(intervals=Intervals(years=(1, 5), rms=rms))
    assert uses_interval(measured, slope).word == word
    assert uses_interval(found(), slope).word == "not applicable"


def test_every_training_seed_has_to_keep_it() -> None:
    kept, broken = found(), found(samples=Samples(rmse=0.2, between_seeds=0.0))
    assert over_seeds([kept, kept], is_diverse).word == "yes"
    verdict = over_seeds([kept, broken, kept], is_diverse)
    assert verdict.word == "no"
    assert verdict.reason.startswith("1 of 3 training seeds: two samples differ by 0 times")
    assert over_seeds([], is_diverse).word == "—"
