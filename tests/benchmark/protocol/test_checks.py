from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol.checks import check_data, check_split
from longibench.benchmark.settings.loading import load_settings

GROUP = (
    "{share: 1, age: [70, 5], ventricle_ml: [30, 10], hippocampus_ml: [7, 1], brain_ml: 1000, "
    "ventricle_growth: [1, 0.5], brain_loss: [1, 0.5], hippocampus_loss: [1, 0.5]}"
)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cohort=bidz:/x", "unknown cohort reader 'bidz'"),
        ("cohort=bids", "write it as bids:PATH"),
        ("cohort=bids:~no-such-user/x", "~no-such-user/x: no such folder"),
        ("cohort=auto:/none", "/none: no such folder"),
        ("test_cohort=bids:/none", "/none: no such folder"),
        ("readers.bidz.run=last", "unknown cohort reader 'bidz'"),
        ("readers.bids.run=5", "'readers.bids.run'"),
        ("readers.bids=5", "'readers.bids'"),
        ("preparation.brain=deepbat", "unknown brain extraction tool 'deepbat'"),
        ("phantom.spacing_mm=2", "phantom.spacing_mm=2.0: a run simulates on its grid"),
        ("grid.spacing_mm=9", "'phantom.spacing_mm'"),
        ("cohort=phantom:dirty", "write it as phantom or phantom:clean"),
    ],
)
def test_cohorts_are_checked_before_they_are_opened(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_data(load_settings("demo", [override]))


@pytest.mark.parametrize(
    ("override", "name"),
    [
        (f"phantom.groups={{all: {GROUP}}}", "groups"),
        ("phantom.scanner.noise=0.1", "scanner"),
        ("phantom.growth_on_size=0.1", "growth_on_size"),
    ],
)
def test_the_first_phantom_keeps_what_made_it(override: str, name: str) -> None:
    settings = load_settings("demo", ["cohort=phantom:clean", override])
    message = rf"phantom\.{name}: phantom:clean has its own, which are fixed; leave it out"
    with pytest.raises(UserError, match=message):
        check_data(settings)
    check_data(settings.model_copy(update={"cohort": "phantom"}))  # what the message advises


@pytest.mark.parametrize(
    "override", ["phantom.subjects=4", "phantom.labels=true", "phantom.follow_up_years=[1,3]"]
)
def test_the_first_phantom_has_the_settings_of_both(override: str) -> None:
    check_data(load_settings("demo", ["cohort=phantom:clean", override]))


@pytest.mark.parametrize("cohort", ["phantom", "phantom:clean"])
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["split.test=none.csv"], "split.test=none.csv: neither a number nor an existing file"),
        (["split.test=96"], "split.test=96: needs to be between 1 and 95"),
        (["split.test=0.0001"], "no subject for evaluation among 96"),
        (["split.validation=90"], "split.validation=90: needs to be between 1 and 71"),
    ],
)
def test_the_split_of_the_phantom_is_checked_before_it_is_simulated(
    cohort: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_split(load_settings("demo", [f"cohort={cohort}", *overrides]))


def test_a_split_that_needs_the_cohort_is_left_to_it(tmp_path: Path) -> None:
    check_split(load_settings("demo", ["split.test=500", f"cohort=bids:{tmp_path}"]))
    check_split(load_settings("demo", ["split.stratify=group"]))
    file = tmp_path / "split.csv"
    file.write_text("subject,partition\n0001,train\n")
    check_split(load_settings("demo", [f"split.test={file}"]))
