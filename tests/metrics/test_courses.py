"""Courses over follow-ups: known slopes, starts and ratios, and statsmodels' and scipy's values."""

from typing import TypeVar

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from longibench.metrics.courses import Intercept, SlopeCorrelation, SlopeRatio
from longibench.metrics.instruments import Instruments
from longibench.metrics.metric import REGISTRY, Features, MetricError, SetMetric, TooFewVolumes

M = TypeVar("M", bound=SetMetric)

PEOPLE = 12
YEARS = np.array([0.5, 1.5, 3.0])


@pytest.fixture
def ratio(counting: Instruments) -> SlopeRatio:
    return _built(SlopeRatio, "ventricles-slope-ratio", counting)


@pytest.fixture
def jump(counting: Instruments) -> Intercept:
    return _built(Intercept, "ventricles-intercept", counting)


@pytest.fixture
def together(counting: Instruments) -> SlopeCorrelation:
    return _built(SlopeCorrelation, "ventricles-slope-correlation", counting)


def _built(kind: type[M], name: str, counting: Instruments) -> M:
    metric = REGISTRY[name](counting)
    assert isinstance(metric, kind)
    return metric


def courses(slopes: np.ndarray, start: float = 0.0, years: np.ndarray = YEARS) -> Features:
    """Straight courses of people with ventricles of 20 ml and more, (N, 3)."""
    rows = [
        [20 + person + start + slope * year, 20 + person, year]
        for person, slope in enumerate(slopes)
        for year in years
    ]
    return np.array(rows)


def groups(people: int = PEOPLE, visits: int = len(YEARS)) -> list[str]:
    return [f"{person:02d}" for person in range(people) for _ in range(visits)]


TRUE = np.linspace(0.4, 1.5, PEOPLE)


def test_half_the_speed_behind_a_jump(
    ratio: SlopeRatio, jump: Intercept, together: SlopeCorrelation
) -> None:
    given = {"generated": courses(TRUE / 2, 3.0), "reference": courses(TRUE), "groups": groups()}
    assert ratio.value_by_subject(**given) == pytest.approx(0.5)
    assert jump.value_by_subject(**given) == pytest.approx(3.0)
    assert together.value_by_subject(**given) == pytest.approx(1.0)


def test_a_constant_offset_is_no_change(ratio: SlopeRatio, jump: Intercept) -> None:
    """Larger ventricles at every visit: no slope, whatever the interval."""
    given = {"generated": courses(0 * TRUE, 9.5), "reference": courses(TRUE), "groups": groups()}
    assert ratio.value_by_subject(**given) == pytest.approx(0)
    assert jump.value_by_subject(**given) == pytest.approx(9.5)


def test_a_copy(ratio: SlopeRatio, jump: Intercept, together: SlopeCorrelation) -> None:
    given = {"generated": courses(0 * TRUE), "reference": courses(TRUE), "groups": groups()}
    assert ratio.value_by_subject(**given) == 0
    assert jump.value_by_subject(**given) == pytest.approx(0)
    with pytest.raises(MetricError, match="the generated slope is constant"):
        together.value_by_subject(**given)


def test_the_truth(ratio: SlopeRatio, together: SlopeCorrelation) -> None:
    given = {"generated": courses(TRUE), "reference": courses(TRUE), "groups": groups()}
    assert ratio.value_by_subject(**given) == 1
    assert together.value_by_subject(**given) == pytest.approx(1)


def test_slopes_and_their_ratio_are_scipys(
    ratio: SlopeRatio, together: SlopeCorrelation, noisy: tuple[Features, Features]
) -> None:
    made, true = (
        [stats.linregress(rows[:, 2], rows[:, 0]).slope for rows in np.split(its, PEOPLE)]
        for its in noisy
    )
    given = {"generated": noisy[0], "reference": noisy[1], "groups": groups()}
    assert ratio.value_by_subject(**given) == pytest.approx(sum(made) / sum(true))
    expected = stats.pearsonr(made, true).statistic
    assert together.value_by_subject(**given) == pytest.approx(expected)


def test_the_jump_is_that_of_least_squares(
    jump: Intercept, noisy: tuple[Features, Features]
) -> None:
    """Of statsmodels, with a column of ones and one of each person's years."""
    generated, reference = noisy
    names = np.array(groups())
    years = [generated[:, 2] * (names == name) for name in np.unique(names)]
    design = np.column_stack([np.ones(len(names)), *years])
    starts = [
        sm.OLS(its[:, 0] - its[:, 1], design).fit().params[0] for its in (generated, reference)
    ]
    given = {"generated": generated, "reference": reference, "groups": groups()}
    assert jump.value_by_subject(**given) == pytest.approx(starts[0] - starts[1])


@pytest.fixture
def noisy() -> tuple[Features, Features]:
    rng = np.random.default_rng(0)
    both = courses(TRUE * 0.7, 1.0), courses(TRUE)
    for its in both:
        its[:, 0] += rng.normal(0, 0.3, len(its))
    return both


def test_who_has_one_pair_or_less_than_a_year_has_no_slope(
    ratio: SlopeRatio, jump: Intercept
) -> None:
    once = np.array([[99.0, 20.0, 1.0]])
    soon = np.array([[99.0, 20.0, 0.2], [9.0, 20.0, 1.1]])
    given = {
        "generated": np.concatenate([courses(TRUE / 2, 1.0), once, soon]),
        "reference": np.concatenate([courses(TRUE), once, soon]),
        "groups": [*groups(), "x", "y", "y"],
    }
    assert ratio.value_by_subject(**given) == pytest.approx(0.5)
    assert jump.value_by_subject(**given) == pytest.approx(1.0)
    assert set(ratio.parts_by_subject(**given)) == set(groups())
    left_out = ratio.leave_one_out(**given)
    assert left_out["x"] == left_out["y"] == pytest.approx(0.5)


def test_no_ratio_where_the_true_change_may_be_none(ratio: SlopeRatio) -> None:
    true = np.tile([-1.0, 1.1], PEOPLE // 2)
    given = {"generated": courses(TRUE), "reference": courses(true), "groups": groups()}
    with pytest.raises(MetricError, match=r"interval of the mean true slope, .* contains 0"):
        ratio.value_by_subject(**given)


@pytest.mark.parametrize(("name", "people"), [("slope-ratio", 5), ("slope-correlation", 9)])
def test_too_few_people(name: str, people: int, counting: Instruments) -> None:
    metric = REGISTRY[f"brain-{name}"](counting)
    assert isinstance(metric, SetMetric)
    its = courses(TRUE[:people])
    with pytest.raises(TooFewVolumes, match=f"there are {people}"):
        metric.value_by_subject(generated=its, reference=its, groups=groups(people))


def test_nobody_was_seen_for_a_year(jump: Intercept) -> None:
    its = courses(TRUE, years=np.array([1.0]))
    with pytest.raises(TooFewVolumes, match="no subject has follow-ups that span at least 1 year"):
        jump.value_by_subject(generated=its, reference=its, groups=groups(visits=1))


def test_the_order_of_visits_and_people_does_not_matter(
    ratio: SlopeRatio, jump: Intercept, noisy: tuple[Features, Features]
) -> None:
    order = np.random.default_rng(1).permutation(len(noisy[0]))
    names = np.array(groups())
    for metric in (ratio, jump):
        whole = metric.value_by_subject(generated=noisy[0], reference=noisy[1], groups=list(names))
        shuffled = metric.value_by_subject(
            generated=noisy[0][order], reference=noisy[1][order], groups=list(names[order])
        )
        assert shuffled == pytest.approx(whole)
