"""Skill against the simulated change: known answers, and what must not count."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.scan import Truth
from longibench.metrics.truth_skill import TruthSkill

Pair = tuple[Scan, Scan]
Changed = Callable[[Pair, float], Scan]


def value(generated: Scan, pair: Pair) -> float:
    return TruthSkill()(generated=parts(generated, pair)[None], reference=np.empty((1, 2)))


def parts(generated: Scan, pair: Pair) -> np.ndarray:
    source, later = pair
    given = {"reference": later, "source": source, "interval_years": 1.0}
    return TruthSkill().measured(generated=generated, **given)[0]


@pytest.mark.parametrize(("share", "skill"), [(0, 0), (0.5, 0.5), (1, 1), (2, 0), (-1, -1)])
def test_a_share_of_the_change_has_that_skill(
    aging: Pair, changed: Changed, share: float, skill: float
) -> None:
    assert value(changed(aging, share), aging) == pytest.approx(skill, abs=1e-6)


def test_denoising_smoothing_and_the_noisy_truth_are_no_skill(
    aging: Pair, blurred: Callable[[Scan, float], Scan]
) -> None:
    source, later = aging
    assert source.truth is not None
    denoised = Scan(source.truth.clean, source.spacing_mm, truth=later.truth)
    smoothed = blurred(source, 0.5)
    smoothed.truth = later.truth
    assert value(denoised, aging) < 0
    assert value(smoothed, aging) < 0
    assert value(later, aging) < 0.9  # its noise is an error


def test_sums_over_pairs_not_a_mean_of_ratios(aging: Pair, changed: Changed) -> None:
    """A pair that changes a hundred times less weighs a hundred times less."""
    metric = TruthSkill()
    part = parts(changed(aging, 0.5), aging)
    rows = np.stack([part, [-part[1] / 100, part[1] / 100]])
    assert metric(generated=rows, reference=rows) == pytest.approx((0.5 - 0.01) / 1.01)


def test_outside_of_the_head_nothing_counts(aging: Pair, changed: Changed) -> None:
    outside = changed(aging, 0.5)
    outside.voxels[0, 0, 0] = 0.5
    assert value(outside, aging) == pytest.approx(0.5, abs=1e-6)


def test_without_any_change_there_is_no_value(aging: Pair) -> None:
    source, _ = aging
    with pytest.raises(MetricError, match="denominators are 0 for all pairs"):
        value(Scan(source.voxels, source.spacing_mm, truth=source.truth), aging)


def test_without_truth_the_reason_is_named(aging: Pair) -> None:
    source, _ = aging
    with pytest.raises(MetricError, match="no truth: only the phantom has it"):
        value(Scan(source.voxels, source.spacing_mm), aging)


def test_content_of_a_truth_is_all_of_it(aging: Pair) -> None:
    truth = aging[0].truth
    assert truth is not None
    field = np.zeros((3, *truth.clean.shape), np.float32)
    others = [
        Truth(truth.clean + np.float32(0.1), truth.volumes_ml),
        Truth(truth.clean, {**truth.volumes_ml, "brain": 1.0}),
        Truth(truth.clean, truth.volumes_ml, field),
        Truth(truth.clean, truth.volumes_ml, field + 1),
    ]
    assert len({truth.content, *(its.content for its in others)}) == 5
    assert Truth(truth.clean.copy(), dict(truth.volumes_ml)).content == truth.content
