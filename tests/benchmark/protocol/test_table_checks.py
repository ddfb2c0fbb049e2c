"""What tables decide is decided before a scan is opened: here every scan is an empty file."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.protocol import protocol
from longibench.benchmark.protocol.protocol import build_protocol
from longibench.benchmark.protocol.table_checks import Cohorts, check_tables, refusals
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import Settings

PEOPLE = ("a", "b", "c", "d")
FOREVER = "pairs.rule=all"


def cohort_of(
    people: tuple[str, ...] = PEOPLE,
    years: tuple[float, ...] = (0, 1.0),
    place: str = "/none",
    done: tuple[str, ...] = ("brain", "bias", "registration"),
) -> Cohort:
    rows = [
        (subject, f"y{year:g}", year, f"{place}/{subject}-{year:g}.nii")
        for subject in people
        for year in years
    ]
    visits = pd.DataFrame(rows, columns=["subject", "visit", "years", "path"])
    left_out = pd.DataFrame(columns=list(LEFT_OUT))
    return Cohort("table:/none", visits, False, left_out, done=frozenset(done))  # type: ignore[arg-type]


def of_settings(*overrides: str) -> Settings:
    return load_settings("demo", ["split.test=1", "pairs.rule=yearly", *overrides])


def found(cohorts: Cohorts, *overrides: str) -> dict[str, str]:
    return {its.check: str(its.error) for its in refusals(cohorts, of_settings(*overrides))}


def test_nothing_is_refused_of_a_cohort_that_can_run() -> None:
    check_tables(Cohorts(cohort_of()), of_settings("split.validation=1"))
    assert found(Cohorts(cohort_of(), cohort_of(place="/other"))) == {}


def test_each_part_without_a_pair_is_named() -> None:
    """Two months are no year."""
    brief = cohort_of(years=(0, 0.2))
    parts = found(Cohorts(brief), "split.validation=1")
    assert list(parts) == ["pairs of training", "pairs of validation", "pairs of evaluation"]
    assert parts["pairs of training"].startswith("no pair under the rule 'yearly' among 2 subjects")
    assert parts["pairs of validation"].endswith("or enlarge split.validation")
    assert found(Cohorts(brief), "split.validation=1", FOREVER) == {}


def test_one_part_alone_may_lack_pairs() -> None:
    """The part of one subject, whose visits are a few weeks apart."""
    cohort = cohort_of()
    held_out = next(iter(protocol.split_cohort(cohort.visits, of_settings().split).test))
    its = cohort.visits["subject"] == held_out
    visits = cohort.visits.assign(
        years=cohort.visits["years"].where(~its, cohort.visits["years"] / 9)
    )
    assert list(found(Cohorts(replace(cohort, visits=visits)))) == ["pairs of evaluation"]


def test_a_split_that_cannot_be_made_hides_no_other_problem() -> None:
    reasons = found(Cohorts(cohort_of(years=(0, 0.2), done=())), "split.leave_out=site=X",
                    "preparation.brain=none")  # fmt: skip
    assert list(reasons) == ["split", "preparation", "pairs"]


def test_the_first_problem_is_raised() -> None:
    with pytest.raises(
        UserError, match=r"=9: needs to be between 1 and 3, such as --set split.test=1$"
    ):
        check_tables(Cohorts(cohort_of(years=(0, 0.2))), of_settings("split.test=9"))


@pytest.mark.parametrize("person", ["002_S_0295", "OAS30001"])
@pytest.mark.parametrize("count", [0, 1])
def test_a_test_cohort_of_people_trained_on_is_refused(person: str, count: int) -> None:
    """Those of the validation part too."""
    people = (person, "001_S_0001", "001_S_0002")
    cohorts = Cohorts(cohort_of(people), cohort_of(people, place="/other"))
    message = found(cohorts, f"split.validation={count}")["test cohort"]
    assert message.endswith("is in the training cohort too")
    assert message.startswith("--test-cohort: subject ")


def test_a_label_that_every_dataset_has_is_nobody() -> None:
    assert found(Cohorts(cohort_of(("01", "02")), cohort_of(("01", "02"), place="/other"))) == {}


def test_a_file_of_the_training_cohort_is_refused_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    cohort = cohort_of(place=str(tmp_path / "one"))
    for path in cohort.visits["path"]:
        Path(path).touch()
    os.symlink(tmp_path / "one", tmp_path / "two")
    other = cohort_of(place=str(tmp_path / "two"))
    other = replace(other, visits=other.visits.assign(subject="x" + other.visits["subject"]))
    message = found(Cohorts(cohort, other))["test cohort"]
    assert message.endswith("is a scan of the training cohort")
    assert str(tmp_path / "two") in message


def test_a_test_cohort_has_its_own_rule() -> None:
    cohorts = Cohorts(cohort_of(), cohort_of(years=(0, 0.2), place="/other"))
    assert list(found(cohorts)) == ["pairs of the test cohort"]
    assert found(cohorts, "test_pairs.rule=all") == {}


def test_steps_that_the_test_cohort_cannot_have_are_known_before(tmp_path: Path) -> None:
    cohorts = Cohorts(cohort_of(), cohort_of(place="/other", done=()))
    assert "preparation.brain=none" in found(cohorts, "preparation.brain=none")["preparation"]


Study = Callable[..., Path]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A manifest of empty files."""

    def write(name: str = "study", years: tuple[float, ...] = (0, 1)) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        visits = cohort_of(years=years, place=str(folder)).visits
        for path in visits["path"]:
            Path(path).touch()
        visits.to_csv(folder / "study.csv", index=False)
        return folder / "study.csv"

    return write


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["pairs.tolerance_years=0.01"], "no pair under the rule 'yearly'"),
        (["split.leave_out=site=X"], "unknown column 'site'"),
        (["split.test=40"], "needs to be between 1 and 3"),
    ],
)
def test_no_scan_is_opened_before_a_refusal(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    overrides: list[str], message: str,
) -> None:  # fmt: skip
    opened = []
    monkeypatch.setattr(protocol, "prepare_cohort", lambda *its: opened.append(its))
    settings = of_settings(f"cohort=table:{study(years=(0, 1.2))}", *overrides)
    with pytest.raises(UserError, match=message):
        build_protocol(settings, Workspace(tmp_path / "runs"), Console(quiet=True))
    assert opened == []
    assert not (tmp_path / "runs" / "prepared").exists()


def test_the_test_cohort_is_checked_before_the_training_cohort_is_prepared(
    study: Study, tmp_path: Path
) -> None:
    one, other = study("one"), study("other", (0, 0.2))
    settings = of_settings(f"cohort=table:{one}", f"test_cohort=table:{other}")
    with pytest.raises(UserError, match="no pair under the rule"):
        build_protocol(settings, Workspace(tmp_path / "runs"), Console(quiet=True))
    assert not (tmp_path / "runs" / "prepared").exists()


def test_it_is_decided_again_with_the_scans_that_are_left(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables have pairs, and damage takes those of all but one subject."""

    def damaged(cohort: Cohort, *_: object) -> object:
        left = cohort.visits[cohort.visits["subject"] == "a"]
        return type("Prepared", (), {"table": left.assign(content=left["path"])})()

    assert prepare_cohort is protocol.prepare_cohort
    monkeypatch.setattr(protocol, "prepare_cohort", damaged)
    monkeypatch.setattr(protocol, "prepare_labels", lambda prepared, _: prepared)
    settings = of_settings(f"cohort=table:{study()}")
    with pytest.raises(UserError, match=r"split\.test=1: one subject is not enough"):
        build_protocol(settings, Workspace(tmp_path / "runs"), Console(quiet=True))


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_person_of_training_or_validation_is_not_evaluated_elsewhere(part: str) -> None:
    train = cohort_of(tuple(f"002_S_000{number}" for number in range(6)))
    split = protocol.split_cohort(train.visits, of_settings("split.validation=2").split)
    test = cohort_of(getattr(split, part)[:1], place="/other")
    reasons = found(Cohorts(train, test), "split.validation=2")
    assert "is in the training cohort too" in reasons["test cohort"]
