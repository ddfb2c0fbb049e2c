"""Skill against copying: 0 for the copy, 1 for the truth, below 0 for worse than nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.skill import HeadSkill, Skill

Make = Callable[..., Scan]

BOTH = pytest.mark.parametrize("metric", [Skill(), HeadSkill()])


def skill(metric: Skill, generated: Scan, reference: Scan, source: Scan) -> float:
    """Of one pair."""
    given = {"reference": reference, "source": source, "interval_years": 1.0}
    made, real = metric.measured(generated=generated, **given)
    return metric(generated=made[None], reference=real[None])


def between(source: Scan, reference: Scan, part: float) -> Scan:
    voxels = source.voxels + part * (reference.voxels - source.voxels)
    return Scan(voxels.astype(np.float32), source.spacing_mm)


@BOTH
@pytest.mark.parametrize(("part", "expected"), [(0, 0), (0.5, 0.5), (1, 1), (-1, -1), (2, 0)])
def test_part_of_the_way(metric: Skill, part: float, expected: float, brain: Make) -> None:
    source, reference = brain(30), brain(60)
    found = skill(metric, between(source, reference, part), reference, source)
    assert found == pytest.approx(expected, abs=1e-6)


@BOTH
def test_noise_on_a_copy_is_worse_than_the_copy(metric: Skill, brain: Make, noisy: Make) -> None:
    source, reference = brain(30), brain(60)
    assert skill(metric, noisy(source, 0.1), reference, source) < 0


@BOTH
def test_swapping_source_and_reference_is_noticed(metric: Skill, brain: Make) -> None:
    source, reference = brain(30), brain(60)
    generated = between(source, reference, 0.9)
    assert skill(metric, generated, reference, source) == pytest.approx(0.9, abs=1e-5)
    assert skill(metric, generated, source, reference) == pytest.approx(0.1, abs=1e-5)
    assert skill(metric, reference, generated, source) == pytest.approx(1 - 1 / 9, abs=1e-5)


@BOTH
def test_nothing_to_forecast(metric: Skill, brain: Make) -> None:
    with pytest.raises(MetricError, match="denominators are 0 for all pairs"):
        skill(metric, brain(60), brain(30), brain(30))


def test_the_head_leaves_the_background_out(brain: Make, noisy: Make) -> None:
    source, reference = brain(30), brain(60)
    outside = np.where(head_mask(source.voxels), reference.voxels, noisy(reference, 0.5).voxels)
    assert skill(HeadSkill(), Scan(outside), reference, source) == pytest.approx(1)
    assert skill(Skill(), Scan(outside), reference, source) < 0.9


@BOTH
def test_a_ratio_of_means_not_a_mean_of_ratios(metric: Skill, brain: Make) -> None:
    """One pair barely changes and its follow-up is missed: it does not outweigh the other."""
    source, near, far = brain(30), brain(31), brain(60)
    parts = [
        metric.measured(generated=made, reference=real, source=source, interval_years=1.0)[0]
        for made, real in ((brain(40), near), (between(source, far, 0.5), far))
    ]
    rows = np.stack(parts)
    mean_of_ratios = float((rows[:, 0] / rows[:, 1]).mean())
    found = metric(generated=rows, reference=rows)
    assert mean_of_ratios < -3
    assert found > 0
    errors, copies = rows[:, 1] - rows[:, 0], rows[:, 1]
    assert found == pytest.approx(1 - errors.mean() / copies.mean())
