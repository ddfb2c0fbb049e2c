import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results
from longibench.reports.model.text_table import Printed
from longibench.reports.tables.strata import StratumValue, build_strata, strata_records
from longibench.reports.tables.strata_kinds import YEARS, withheld_labels
from longibench.reports.tables.strata_tables import print_strata

ADNI_MONTHS = {3: 0, 6: 0, 12: 1, 18: 1, 24: 2, 36: 3, 48: 4, 60: 5, 120: 5}


@pytest.fixture(scope="module")
def values(full: Results) -> list[StratumValue]:
    return build_strata(full, Console(quiet=True))


def _of(values: list[StratumValue], metric: str, method: str, kind: str) -> list[StratumValue]:
    return [
        value
        for value in values
        if (value.metric.name, value.entry.method) == (metric, method)
        and value.stratum.kind.column == kind
    ]


def _moved(results: Results, **columns: Any) -> Results:
    return replace(results, pairs=results.pairs.assign(**columns))


def test_means_and_counts_by_interval(results: Results) -> None:
    found = _of(build_strata(results, Console(quiet=True)), "ssim", "ours", "years")
    assert [value.stratum.label for value in found] == ["1 year", "2 years", "3 years"]
    assert [(value.pairs, value.interval.subjects) for value in found] == [(6, 6)] * 3
    assert [value.interval.estimate for value in found] == pytest.approx([0.9] * 3)


@pytest.mark.parametrize("late", [-0.15, 0, 0.15])
def test_planned_visits_fall_well_inside_a_year(results: Results, late: float) -> None:
    one = results.pairs.head(1)
    few = replace(results, scores=results.scores.head(20))  # what is scored does not matter here
    for month, place in ADNI_MONTHS.items():
        pairs = one.assign(interval_years=month / 12 + late)
        (found,) = {
            value.stratum.label
            for value in build_strata(replace(few, pairs=pairs), Console(quiet=True))
        }
        assert found == YEARS[place]


def test_bounds_and_counts_stand_in_the_heads(results: Results) -> None:
    table = print_strata(build_strata(results, Console(quiet=True)))[0]
    assert table.heads[1].text == "1 year"
    assert table.heads[1].small == ("0.75 to 1.75", "6 pairs", "6 subjects")


def test_diagnosis_and_sex_where_known(values: list[StratumValue]) -> None:
    by_group = _of(values, "psnr", "ours", "group")
    assert [value.stratum.label for value in by_group] == ["CN", "AD"]  # an empty one is unknown
    assert [value.interval.subjects for value in by_group] == [12, 6]
    assert [value.stratum.label for value in _of(values, "psnr", "ours", "sex")] == ["F", "M"]


def test_unknown_strata_are_left_out(results: Results) -> None:
    assert {value.stratum.kind.column for value in build_strata(results, Console(quiet=True))} == {
        "years"
    }
    empty = _moved(results, sex=np.nan, group="")
    assert {value.stratum.kind.column for value in build_strata(empty, Console(quiet=True))} == {
        "years"
    }


def test_metrics_by_subject_have_no_interval_and_set_metrics_no_strata(
    values: list[StratumValue],
) -> None:
    assert _of(values, "steadiness", "ours", "years") == []
    assert len(_of(values, "steadiness", "ours", "sex")) == 2
    assert not [value for value in values if value.metric.kind == "set"]


def test_intervals_only_of_enough_and_means_not_of_few(
    full: Results, values: list[StratumValue]
) -> None:
    cn, ad = _of(values, "psnr", "ours", "group")
    assert cn.interval.low < cn.interval.estimate < cn.interval.high
    assert ad.interval.low < ad.interval.estimate < ad.interval.high  # of six
    number = full.pairs["subject"].str[-3:].astype(int)
    five = _moved(full, group=np.where(number < 5, "AD", "CN"))
    ad = _of(build_strata(five, Console(quiet=True)), "psnr", "ours", "group")[1]
    assert (ad.stratum.label, ad.interval.subjects) == ("AD", 5)
    assert math.isnan(ad.interval.low)
    assert not math.isnan(ad.interval.estimate)
    few = full.pairs[full.pairs["subject"] < "secret004"]
    for value in build_strata(replace(full, pairs=few), Console(quiet=True)):
        assert math.isnan(value.interval.estimate)
        assert value.interval.subjects <= 4


def test_letters_are_those_of_the_stratum(full: Results) -> None:
    """Among women ours has higher values, among men all methods have the same."""
    women = set(full.pairs.loc[full.pairs["sex"] == "F", "subject"])
    scores = full.scores[full.scores["metric"] == "psnr"]
    moved = scores["method"].isin(["med-ddpm", "vae"]) & scores["subject"].isin(women)
    equal = scores.groupby(["subject", "visit", "metric", "role"])["value"].transform("first")
    values = equal.where(scores["role"] == "value", scores["value"]) - 0.1 * moved
    pairs = full.pairs.drop(columns="group")
    changed = replace(full, scores=scores.assign(value=values), pairs=pairs)
    found = build_strata(changed, Console(quiet=True))
    letters = {
        (value.entry.method, value.stratum.label): value.letters
        for value in found
        if (value.metric.name, value.stratum.kind.column) == ("psnr", "sex")
    }
    assert letters["ours", "F"] == "a"
    assert letters["med-ddpm", "F"] == letters["vae", "F"] == "b"
    assert {letters[its, "M"] for its in ("ours", "med-ddpm", "vae")} == {"a"}
    assert {value.letters for value in found if not value.entry.competes} == {""}


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ("AAAAAAAA BBBBBBB CCCCCC", "ABC"),
        ("AAAAAAAA BBBBBBB CCC", "A"),  # the mean of A and B would give that of C
        ("AAAAAAAA BBBBBBB C DDDD", "AB"),  # of C and D together, as of five others
        ("AAAAAAAA BB", ""),
        ("AAAAAAAA BBBBBBB ---", "A"),  # those without a label are a remainder too
        ("AAAAAAAA BBBBBBB -----", "AB"),
    ],
)
def test_what_is_published_gives_no_mean_of_few(labels: str, shown: str) -> None:
    letters = labels.replace(" ", "")
    known = [None if letter == "-" else letter for letter in letters]
    table = pd.DataFrame({"subject": range(len(letters)), "site": known}, dtype=object)
    assert withheld_labels(table) == {("site", its) for its in {*letters} - {*shown, "-"}}


def test_a_kind_of_two_strata_is_withheld_with_the_smaller_one(full: Results) -> None:
    number = full.pairs["subject"].str[-3:].astype(int)
    sexes = _moved(full, sex=np.where(number < 3, "F", "M"))
    values = build_strata(sexes, Console(quiet=True))
    found = _of(values, "psnr", "ours", "sex")
    assert [(value.withheld, math.isnan(value.interval.estimate)) for value in found] == [
        (True, True)
    ] * 2
    assert "withheld" in str(print_strata(found)[0].sections)


def test_missing_scores_leave_a_dash(results: Results) -> None:
    scores = results.scores
    late = (scores["method"] == "ours") & (scores["interval_years"] > 2.5)
    table = print_strata(build_strata(replace(results, scores=scores[~late]), Console(quiet=True)))[
        0
    ]
    assert [box.text for box in table.sections[0].lines[-1]] == [
        "Dao et al. (ours)",
        "0.900",
        "0.900",
        "—",
    ]


def test_a_table_a_kind_and_family(values: list[StratumValue]) -> None:
    tables = print_strata(values)
    titles = [
        f"{family} {by}"
        for by in ("by interval", "by diagnosis at the source", "by sex")
        for family in ("Fidelity", "Change")
    ]
    assert sorted(table.title for table in tables) == sorted(titles)
    assert all(_is_rectangular(table) for table in tables)


def test_records_hold_no_subject(values: list[StratumValue]) -> None:
    records = pd.DataFrame(strata_records(values))
    assert "subject" not in records
    assert not records.astype(str).apply(lambda column: column.str.contains("secret")).any().any()
    assert (records["subjects"] > 1).all()


def _is_rectangular(table: Printed) -> bool:
    lines = [line for section in table.sections for line in section.lines]
    return {len(line) for line in lines} == {len(table.heads)}


def test_a_rare_level_may_name_a_participant_and_is_not_named(full: Results) -> None:
    pairs = full.pairs
    number = pairs["subject"].str[-3:].astype(int)
    few = pairs["subject"].where(number < 3, np.where(number < 8, "PSP", "MCI"))
    found = build_strata(_moved(full, group=few), Console(quiet=True))
    by_group = {its.stratum.label: its for its in found if its.stratum.kind.column == "group"}
    assert list(by_group) == ["MCI", "PSP", "other"]
    assert by_group["other"].stratum.subjects == 3
    assert "secret" not in str(strata_records(found))
    rare = _moved(full, group=np.where(number < 2, "AD", "CN"))  # a known one names nobody
    labels = {its.stratum.label for its in build_strata(rare, Console(quiet=True))}
    assert {"AD", "CN"} < labels


def with_parts(results: Results, metric: str) -> Results:
    """A set metric as a ratio of sums: of every pair the years above the number of its subject."""
    set_rows = results.scores[results.scores["metric"] == metric]
    rows = []
    for method in set_rows["method"].unique():
        like = set_rows[set_rows["method"] == method].iloc[0].to_dict()
        for pair in results.pairs.to_dict("records"):
            known = {key: pair[key] for key in ("subject", "visit", "interval_years")}
            below = 1.0 + int(pair["subject"][-2:])
            for role, part in (("numerator", pair["interval_years"]), ("denominator", below)):
                rows.append({**like, **known, "role": role, "value": part})
    return replace(results, scores=pd.concat([results.scores, pd.DataFrame(rows)]))


def test_a_ratio_of_sums_is_that_of_the_stratum_s_sums(full: Results) -> None:
    results = with_parts(full, "kid")
    found = build_strata(results, Console(quiet=True))
    assert not _of(found, "fid", "ours", "group")
    numbers = 1.0 + results.pairs["subject"].str[-2:].astype(int)
    for value in _of(found, "kid", "ours", "group"):
        mine = results.pairs["group"] == value.stratum.label
        ratio = results.pairs["interval_years"][mine].sum() / numbers[mine].sum()
        assert value.interval.estimate == pytest.approx(ratio)
        assert value.pairs == mine.sum()
        assert math.isnan(value.interval.low) == (value.interval.subjects < 6)
    few = replace(results, pairs=results.pairs[results.pairs["subject"] < "secret004"])
    for value in build_strata(few, Console(quiet=True)):
        assert math.isnan(value.interval.estimate)


def test_age_site_and_scanner_where_known(full: Results) -> None:
    number = full.pairs["subject"].str[-3:].astype(int)
    pairs = _moved(
        full,
        age=(50.0 + 2 * number).astype(str),  # 50 to 96, as read from a file
        site=np.where(number < 10, "011", np.where(number < 13, "022", "033")),
        field_tesla=np.where(number % 2, "1.5", "3.0"),
    )
    found = build_strata(pairs, Console(quiet=True))
    labels = {
        kind: [value.stratum.label for value in _of(found, "psnr", "ours", kind)]
        for kind in ("age", "site", "field_tesla")
    }
    assert labels == {
        "age": ["under 60", "60 to 69", "70 to 79", "80 and over"],
        "site": ["011", "033", "other"],  # 022 has three subjects
        "field_tesla": ["1.5 T", "3 T"],
    }
    assert [v.interval.subjects for v in _of(found, "psnr", "ours", "age")] == [5, 5, 5, 9]
    assert "by age at the source" in str([table.title for table in print_strata(found)])


def test_what_does_not_split_the_pairs_is_no_kind(full: Results) -> None:
    alike = _moved(full, sex="F", group="", age="", site="one", field_tesla=np.nan)
    kinds = {value.stratum.kind.column for value in build_strata(alike, Console(quiet=True))}
    assert kinds == {"years"}


def test_spread_between_seeds_stands_beside_a_stratum(values: list[StratumValue]) -> None:
    (first, *_) = _of(values, "ssim", "ours", "sex")
    assert first.seed_spread == pytest.approx(0.01 / math.sqrt(2))
    box = next(table for table in print_strata(values) if table.title == "Fidelity by sex")
    assert box.sections[0].lines[-1][1].small[-1] == "± 0.007 between seeds"


def with_parts_of_subjects(results: Results, metric: str, below: list[float]) -> Results:
    """A set metric as a ratio of sums over subjects: twice the denominators."""
    set_rows = results.scores[results.scores["metric"] == metric]
    rows = []
    for _, group in set_rows.groupby(["method", "training_seed"]):
        like = group.iloc[0].to_dict()
        for subject, part in zip(sorted(results.pairs["subject"].unique()), below, strict=True):
            for role, value in (("numerator", 2 * part), ("denominator", part)):
                rows.append({**like, "subject": subject, "visit": "", "role": role, "value": value})
    return replace(results, scores=pd.concat([results.scores, pd.DataFrame(rows)]))


def test_a_ratio_over_subjects_has_no_interval_of_years(full: Results) -> None:
    results = with_parts_of_subjects(full, "kid", [1.0 + number for number in range(24)])
    found = build_strata(results, Console(quiet=True))
    assert not _of(found, "kid", "ours", "years")
    by_sex = _of(found, "kid", "ours", "sex")
    assert [value.interval.estimate for value in by_sex] == pytest.approx([2, 2])
    assert [value.pairs for value in by_sex] == [12, 12]


def test_a_ratio_whose_denominator_may_be_0_is_not_given(full: Results) -> None:
    """Men alone, of even numbers, have denominators of both signs."""
    below = [(-1.0) ** (number // 2) if number % 2 == 0 else 1.0 for number in range(24)]
    found = build_strata(with_parts_of_subjects(full, "kid", below), Console(quiet=True))
    women, men = _of(found, "kid", "ours", "sex")
    assert women.interval.estimate == pytest.approx(2)
    assert math.isnan(men.interval.estimate)
    assert math.isnan(women.gap.estimate)  # there is nothing to compare it with
