"""Skill against copying: 0 for the copy, 1 for the truth, below 0 for worse than nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from longibench.metrics.masks import head_mask
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.skill import HeadSkill, Skill

Score = Callable[..., float]
Make = Callable[..., Scan]

BOTH = pytest.mark.parametrize("metric", [Skill(), HeadSkill()])


def between(source: Scan, reference: Scan, part: float) -> Scan:
    voxels = source.voxels + part * (reference.voxels - source.voxels)
    return Scan(voxels.astype(np.float32), source.spacing_mm)


@BOTH
@pytest.mark.parametrize(("part", "expected"), [(0, 0), (0.5, 0.5), (1, 1), (-1, -1), (2, 0)])
def test_part_of_the_way(
    metric: Skill, part: float, expected: float, brain: Make, score: Score
) -> None:
    source, reference = brain(30), brain(60)
    found = score(metric, between(source, reference, part), reference, source)
    assert found == pytest.approx(expected, abs=1e-6)


@BOTH
def test_noise_on_a_copy_is_worse_than_the_copy(
    metric: Skill, brain: Make, noisy: Make, score: Score
) -> None:
    source, reference = brain(30), brain(60)
    assert score(metric, noisy(source, 0.1), reference, source) < 0


@BOTH
def test_swapping_source_and_reference_is_noticed(metric: Skill, brain: Make, score: Score) -> None:
    source, reference = brain(30), brain(60)
    generated = between(source, reference, 0.9)
    assert score(metric, generated, reference, source) == pytest.approx(0.9, abs=1e-5)
    assert score(metric, generated, source, reference) == pytest.approx(0.1, abs=1e-5)
    assert score(metric, reference, generated, source) == pytest.approx(1 - 1 / 9, abs=1e-5)


@BOTH
def test_nothing_to_forecast(metric: Skill, brain: Make, score: Score) -> None:
    with pytest.raises(MetricError, match="the follow-up equals the source"):
        score(metric, brain(60), brain(30), brain(30))


def test_the_head_leaves_the_background_out(brain: Make, noisy: Make, score: Score) -> None:
    source, reference = brain(30), brain(60)
    outside = np.where(head_mask(source.voxels), reference.voxels, noisy(reference, 0.5).voxels)
    assert score(HeadSkill(), Scan(outside), reference, source) == pytest.approx(1)
    assert score(Skill(), Scan(outside), reference, source) < 0.9
