import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.protocol.splits.balance import Comparison, balance, imbalances
from longibench.benchmark.protocol.splits.differences import (
    independence,
    multinomial_distance,
    standardised,
)
from longibench.benchmark.protocol.splits.split import Split, split_subjects
from longibench.benchmark.protocol.splits.subjects import MISSING, levels
from longibench.benchmark.settings.schema import SplitSettings
from longibench.metrics.statistics_paired import holm

IDS = [f"s{number:04d}" for number in range(400)]


def cohort(seed: int, size: int = 400) -> pd.DataFrame:
    """Subjects sampled at random: dependent, skewed and rare covariates, and missing values."""
    rng = np.random.default_rng(seed)
    age = rng.normal(74, 7, size)
    columns = {
        "age": age,
        "group": rng.choice(["CN", "MCI", "AD"], size, p=[0.4, 0.45, 0.15]),
        "sex": rng.choice(["F", "M", None], size, p=[0.48, 0.5, 0.02]),
        "site": rng.choice([f"{number:03d}" for number in range(12)], size),
        "field_tesla": rng.choice([1.5, 3.0], size),
        "mmse": np.where(rng.random(size) < 0.1, np.nan, np.round(40 - age / 6)),
        "visits": 2 + rng.poisson(2, size),
        "follow_up_years": rng.exponential(2, size),
    }
    return pd.DataFrame(columns, index=IDS[:size])


def halves(people: pd.DataFrame, evaluation: int) -> Split:
    labels = list(people.index)
    return Split(tuple(labels[evaluation:]), (), tuple(labels[:evaluation]), rule="by hand")


def of(found: list[Comparison], covariate: str) -> Comparison:
    return next(comparison for comparison in found if comparison.covariate == covariate)


@pytest.mark.parametrize(("size", "evaluation"), [(400, 80), (60, 6)])
def test_random_splits_are_rarely_warned_of(size: int, evaluation: int) -> None:
    """At most one in twenty; more than two standard errors above that would be a fault."""
    rounds = 60
    warned = 0
    for seed in range(rounds):
        people = cohort(seed, size)
        settings = SplitSettings(test=evaluation, validation=evaluation, key=str(seed))
        warned += bool(imbalances(balance(people, split_subjects(people, settings))))
    assert warned / rounds <= 0.05 + 2 * (0.05 * 0.95 / rounds) ** 0.5


def test_p_values_of_random_splits_are_not_too_small() -> None:
    people = cohort(0)
    found = [
        balance(people, split_subjects(people, SplitSettings(test=80, key=str(key))))
        for key in range(60)
    ]
    for covariate in people:
        small = np.mean([of(comparisons, covariate).p < 0.1 for comparisons in found])
        assert small < 0.1 + 4 * (0.1 * 0.9 / 60) ** 0.5


@pytest.mark.parametrize(
    ("covariate", "planted", "sentence"),
    [
        (
            "age",
            lambda people: people["age"].sort_values(ascending=False).to_numpy(),
            "age differs",
        ),
        ("group", lambda people: ["AD"] * 40 + ["CN", "MCI"] * 180, "AD 100% against 0%"),
        ("visits", lambda people: [2] * 40 + [3, 4, 5] * 120, "visits differs"),
        ("follow_up_years", lambda people: np.linspace(1, 5, 400), "follow up years differs"),
        ("site", lambda people: ["001"] * 40 + ["002", "003"] * 180, "inf"),
        ("sex", lambda people: ["F"] * 30 + ["M"] * 10 + ["F", "M"] * 180, "F 75% against 50%"),
        ("sex", lambda people: [None] * 30 + ["M"] * 10 + ["F", "M"] * 180, "n/a 75% against 0%"),
    ],
)
def test_a_planted_imbalance_is_caught(covariate: str, planted: object, sentence: str) -> None:
    people = cohort(3).assign(**{covariate: planted})  # type: ignore[arg-type]
    (warning,) = imbalances(balance(people, halves(people, 40)))
    assert warning.startswith(covariate.replace("_", " "))
    assert "between evaluation and training" in warning
    assert sentence in warning


def test_validation_is_compared_too() -> None:
    people = cohort(4)
    people["age"] = people["age"].sort_values().to_numpy()
    split = Split(tuple(IDS[40::2]), tuple(IDS[:40]), tuple(IDS[41::2]), rule="by hand")
    found = balance(people, split)
    assert {comparison.part for comparison in found} == {"validation", "evaluation"}
    (warning,) = imbalances(found)
    assert "between validation and training" in warning


def test_a_difference_that_is_sure_but_negligible_is_not_reported() -> None:
    """In a huge cohort, a twentieth of a standard deviation is significant."""
    rng = np.random.default_rng(0)
    ages = [*rng.normal(0.05, 1, 20_000), *rng.normal(0, 1, 20_000)]
    people = pd.DataFrame({"age": ages}, index=[str(number) for number in range(40_000)])
    found = balance(people, halves(people, 20_000))
    assert found[0].corrected_p < 0.001
    assert not imbalances(found)


def test_summaries_have_known_answers() -> None:
    people = pd.DataFrame(
        {"age": [70.0, 72.0, np.nan, 80.0, 84.0, 82.0], "sex": [*"FFMMM", None]},
        index=list("abcdef"),
    )
    age, sex = balance(people, halves(people, 3))
    assert (age.other.count, age.other.missing, age.other.mean) == (2, 1, 71.0)
    assert (age.training.mean, age.training.sd) == (82.0, 2.0)
    assert age.difference == pytest.approx(-11 / np.sqrt((2 + 4) / 2))
    assert sex.other.shares == pytest.approx({"F": 2 / 3, "M": 1 / 3, "n/a": 0})
    assert (sex.training.count, sex.training.missing) == (2, 1)


def test_what_tells_nothing_is_not_compared() -> None:
    people = cohort(1).assign(constant="x", label=IDS, empty=np.nan)
    compared = {comparison.covariate for comparison in balance(people, halves(people, 100))}
    assert compared == set(cohort(1).columns)


def test_one_subject_or_no_value_in_a_part_is_no_failure() -> None:
    people = cohort(1)
    people.loc[IDS[:1], ["age", "mmse"]] = np.nan
    assert not imbalances(balance(people, halves(people, 1)))


def test_the_order_of_the_people_does_not_matter() -> None:
    people, split = cohort(2), halves(cohort(2), 60)
    assert balance(people.sample(frac=1, random_state=1), split) == balance(people, split)


def test_holm_has_a_known_answer() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_few_counts_are_compared_as_by_fisher() -> None:
    from scipy.stats import fisher_exact

    counts = np.array([[7, 2], [3, 14]])
    name, p = independence(counts)
    assert "random tables" in name
    assert p == pytest.approx(fisher_exact(counts).pvalue, abs=0.01)
    assert independence(counts * 10)[0] == "chi-square"


def test_the_distance_of_two_levels_is_the_familiar_one() -> None:
    """Austin 2009: the difference of shares over the root of the mean Bernoulli variance."""
    a, b = 0.3, 0.5
    expected = (b - a) / np.sqrt((a * (1 - a) + b * (1 - b)) / 2)
    shares = np.array([1 - a, a]), np.array([1 - b, b])
    assert multinomial_distance(*shares) == pytest.approx(expected)
    assert multinomial_distance(shares[0], shares[0]) == 0


def test_parts_with_nothing_in_common_are_infinitely_apart() -> None:
    shares = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.2, 0.8])
    assert multinomial_distance(*shares) == np.inf
    assert (standardised(1, 0, 0), standardised(-1, 0, 0), standardised(0, 0, 0)) == (
        np.inf,
        -np.inf,
        0,
    )


def test_equal_values_of_other_types_are_other_levels() -> None:
    values = pd.Series([1, True, 1.0, 2.5, None, np.nan, " a ", ""], index=range(8), dtype=object)
    found = levels(values.rename("site"))
    assert found.tolist() == ["1", "True", "1", "2.5", MISSING, MISSING, "a", MISSING]
    assert found.name == "site"
    assert found.dtype == object
