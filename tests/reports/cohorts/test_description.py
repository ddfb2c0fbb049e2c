import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import Settings
from longibench.reports.cohorts.as_json import cohort_json
from longibench.reports.cohorts.bars import HEADS, interval_bars
from longibench.reports.cohorts.description import describe_cohort, visits_digest
from longibench.reports.cohorts.facts import Description, Intervals, Spread
from longibench.reports.cohorts.interval_figure import draw_intervals
from longibench.reports.cohorts.intervals import half_years
from longibench.reports.cohorts.terminal import stdout, write
from longibench.reports.cohorts.text import print_description

PLACE = "/data/secret study"
TIMES = {"001_S_0001": (0, 0.51, 1.02), "001_S_0002": (0, 2.1), "002_S_0003": (0, 0.4, 3.9, 4.1)}


def visit(subject: str, years: float) -> dict[str, Any]:
    number = list(TIMES).index(subject)
    return {
        "subject": subject,
        "visit": f"M{round(12 * years):03d}",
        "years": years,
        "path": f"{PLACE}/{subject}-{years}.nii.gz",
        "age": (70.0, 80.0, np.nan)[number],
        "sex": ("F", "M", "F")[number],
        "group": ("CN", None, "AD")[number],
        "diagnosis": "AD" if years > 3 else "CN",
        "field_tesla": 3.0 if years > 1 and number < 2 else 1.5,
    }


@pytest.fixture
def cohort() -> Cohort:
    rows = [visit(subject, years) for subject, times in TIMES.items() for years in times]
    left_out = [
        ("001_S_0001", "M024", "no scan", f"{PLACE}/001_S_0001/x.nii is not there"),
        ("001_S_0001", "M036", "no scan", ""),
        ("", "", "no scan", "row 7"),
        ("002_S_0009", "", "no scan", "not given"),
        ("002_S_0009", "M000", "alone", ""),
    ]
    return Cohort(
        name=f"bids:{PLACE}",
        visits=pd.DataFrame(rows),
        shareable=False,
        left_out=pd.DataFrame(left_out, columns=[*LEFT_OUT]),
        done=frozenset({"brain"}),
        notes=(f"dates come from {PLACE}/registry.csv",),
    )


def settings(*overrides: str) -> Settings:
    return load_settings("demo", ["split.test=1", "pairs.rule=yearly", *overrides])


@pytest.fixture
def description(cohort: Cohort) -> Description:
    return describe_cohort(cohort, settings())


def test_what_there_is_is_counted(description: Description) -> None:
    assert (description.reader, description.subjects, description.scans) == ("bids", 3, 9)
    assert description.visits == {2: 1, 3: 1, 4: 1}
    assert description.intervals.elapsed == {0.5: 2, 1.0: 1, 2.0: 1, 4.0: 2}
    assert description.intervals.gaps == {0.0: 1, 0.5: 3, 2.0: 1, 3.5: 1}
    follow_up = description.intervals.follow_up
    assert (follow_up.minimum, follow_up.median, follow_up.maximum) == (1.02, 2.1, 4.1)


def test_bins_stand_around_their_middle() -> None:
    assert half_years([0.2, 0.25, 0.74, 0.75, 1.24, 1.25, 11.9]) == {
        0.0: 1, 0.5: 2, 1.0: 2, 1.5: 1, 12.0: 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "by_year", "unpaired"),
    [("yearly", {1: 1, 2: 1, 4: 1}, 0), ("all", {0: 1, 1: 2, 2: 1, 4: 2}, 0)],
)
def test_pairs_under_the_rule(
    cohort: Cohort, rule: str, by_year: dict[int, int], unpaired: int
) -> None:
    pairs = describe_cohort(cohort, settings(f"pairs.rule={rule}")).pairs
    assert pairs.by_year == by_year
    assert pairs.count == sum(by_year.values()) == sum(pairs.by_part.values())
    assert pairs.unpaired == unpaired


def test_subjects_without_a_pair_are_counted(cohort: Cohort) -> None:
    assert describe_cohort(cohort, settings("pairs.tolerance_years=0.05")).pairs.unpaired == 2


def test_covariates_list_how_many_values_are_known(description: Description) -> None:
    known = {covariate.name: covariate for covariate in description.covariates}
    assert set(known) == {"age", "sex", "group", "diagnosis", "field_tesla"}
    assert known["age"].known == 2
    assert known["age"].spread is not None
    assert known["age"].spread.mean == 75
    assert known["group"].levels == {"CN": 1, "AD": 1, "n/a": 1}
    assert known["diagnosis"].levels == {"CN": 7, "AD": 2}  # of visits
    assert [known["sex"].at_source, known["diagnosis"].at_source] == [True, False]
    assert known["field_tesla"].levels == {"1.5": 7, "3": 2}


def test_changes_of_field_strength_are_counted(description: Description) -> None:
    assert description.field_changes == 2


def test_reasons_most_frequent_first_with_short_paths(description: Description) -> None:
    first, second = description.left_out
    assert (first.reason, first.scans, first.subjects) == ("no scan", 4, 2)
    assert first.cases == ("001_S_0001 M024: 001_S_0001/x.nii is not there",
                           "001_S_0001 M036", "row 7")  # fmt: skip
    assert (second.reason, second.scans) == ("alone", 1)


def test_steps_that_are_done_are_not_done_again(cohort: Cohort) -> None:
    steps = {step.step: step for step in describe_cohort(cohort, settings()).steps}
    assert {name: step.done for name, step in steps.items()} == {
        "bias": False, "brain": True, "registration": False,
    }  # fmt: skip
    assert [steps[name].to_do for name in steps] == ["n4", "", "affine"]
    ready = replace(cohort, done=frozenset({"bias", "brain", "registration"}))
    assert not any(step.to_do for step in describe_cohort(ready, settings()).steps)


def test_split_and_its_sizes(description: Description) -> None:
    assert description.parts.sizes == {"training": 2, "validation": 0, "evaluation": 1}
    assert "1 subjects of lowest hash" in description.parts.rule
    assert len(description.parts.digest) == 12


def test_a_split_that_cannot_be_is_told_and_stops_nothing(cohort: Cohort) -> None:
    description = describe_cohort(cohort, settings("split.test=50"))
    assert "split.test=50" in description.parts.problem
    assert not description.parts.sizes
    assert description.pairs.count == 3
    assert json.loads(cohort_json(description))["split"] is None


def test_digest_depends_on_who_and_when_not_on_where(cohort: Cohort) -> None:
    moved = cohort.visits.assign(path="elsewhere")
    later = cohort.visits.assign(years=cohort.visits["years"] * 1.1)
    assert visits_digest(moved) == visits_digest(cohort.visits) != visits_digest(later)


def test_json_holds_no_id_and_no_path_unless_asked(description: Description) -> None:
    plain = cohort_json(description)
    for secret in ("S_0", PLACE, "registry", "maximum", "minimum"):
        assert secret not in plain
    record = json.loads(cohort_json(description, ids=True))
    assert record["name"] == f"bids:{PLACE}"
    assert "001_S_0001 M036" in record["left_out"][0]["cases"]
    assert record["covariates"]["age"]["spread"]["maximum"] == 80


def test_json_keys_are_those_that_are_documented(description: Description) -> None:
    document = json.loads(cohort_json(description))
    assert document["schema"] == 1
    assert document["intervals"]["elapsed_half_years"] == {"0.5": 2, "1.0": 1, "2.0": 1, "4.0": 2}
    assert document["left_out"][0] == {"reason": "no scan", "scans": 4, "subjects": 2}
    assert document["preparation"]["brain"] == {"done": True, "to_do": None}
    assert all(f"``{key}``" in str(cohort_json.__doc__) for key in document)


def test_json_says_null_where_there_is_no_number(cohort: Cohort) -> None:
    visits = cohort.visits.assign(age=[70.0] + [np.nan] * 8)
    document = json.loads(cohort_json(describe_cohort(replace(cohort, visits=visits), settings())))
    assert document["covariates"]["age"]["spread"]["sd"] is None


def test_bars_are_as_long_as_the_counts_and_late_ones_stand_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    none = Spread(0, 0, 0, 0, 0, 0)
    counts = {1.0: 10, 2.0: 5, 3.0: 1, 11.0: 2, 14.5: 3}
    console = stdout()
    write([interval_bars(Intervals(counts, {1.0: 1}, none), console)], console)
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert max(map(len, lines)) <= 60
    assert [len(rows[year][1]) for year in ("1.0", "2.0")] == [15, 8]
    assert rows["3.0"][1] != ""  # few are still seen
    assert rows["later"][0] == "5"
    assert rows["1.5"] == []


def test_figure_shows_every_follow_up(description: Description) -> None:
    figure = draw_intervals(description.intervals, "bids: 3 subjects")
    for panel, counts in zip(
        figure.axes, (description.intervals.elapsed, description.intervals.gaps), strict=True
    ):
        bars = [(its.get_x() + its.get_width() / 2, its.get_height()) for its in panel.patches]
        assert {round(middle, 6): height for middle, height in bars if height} == counts
        assert panel.get_xlabel() == "years (bins of half a year)"
    assert [panel.get_title(loc="left") for panel in figure.axes] == list(HEADS)
    assert figure.axes[0].get_ylabel() == "follow-up scans"
    assert figure.get_suptitle() == "bids: 3 subjects"
    low, _ = figure.axes[0].get_xlim()
    assert low < -0.2  # the gap below a quarter of a year is not cut


def test_the_terminal_gets_no_character_that_acts_on_it(
    cohort: Cohort, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[31m\x07[red]\nx\u202e"
    left_out = cohort.left_out.assign(subject=hostile, detail=hostile, visit=hostile)
    odd = replace(cohort, notes=(hostile,), left_out=left_out, name=f"bids:{hostile}")
    print_description(describe_cohort(odd, settings()), Path(hostile))
    shown = capsys.readouterr().out
    assert r"\u001b[31m\u0007[red]" in shown
    assert not [c for c in shown if c != "\n" and not c.isprintable()]
