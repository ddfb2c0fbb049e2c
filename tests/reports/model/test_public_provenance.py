import shlex

import pytest

from longibench.benchmark.settings.loading import load_settings
from longibench.reports.model.public_provenance import (
    public_command,
    public_provenance,
    public_settings,
)


def test_the_settings_of_a_preset_stay_but_for_the_cluster() -> None:
    settings = load_settings("demo").model_dump(mode="json")
    assert settings.pop("slurm")
    assert public_settings({**settings, "slurm": {"extra": ["--account=x"]}}) == settings


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"cohort": "bids:/home/jdoe/x"}, {"cohort": "bids:PATH"}),
        ({"cohort": "bids:clinic"}, {"cohort": "bids:PATH"}),
        ({"test_cohort": "/clinic"}, {"test_cohort": "PATH"}),
        ({"cohort": "phantom", "test_cohort": None}, {"cohort": "phantom", "test_cohort": None}),
        ({"split": {"test": "mueller"}}, {"split": {"test": "PATH"}}),
        ({"split": {"test": 0.2}}, {"split": {"test": 0.2}}),
        ({"readers": {"table": {"root": "clinic"}}}, {"readers": {"table": {"root": "PATH"}}}),
        ({"readers": {"caps": {"bids": "clinic"}}}, {"readers": {"caps": {"bids": "PATH"}}}),
        ({"metrics": {"extractor": "/home/w.pt"}}, {"metrics": {"extractor": "w.pt"}}),
        ({"metrics": {"extractor": "medicalnet:50"}}, {"metrics": {"extractor": "medicalnet:50"}}),
        ({"methods": {"x": {"files": ["a/b", "c"]}}}, {"methods": {"x": {"files": ["PATH", "c"]}}}),
        ({"owner": "jdoe@clinic.org"}, {"owner": "PATH"}),
    ],
)
def test_a_path_in_settings_is_not_shown(settings: dict, shown: dict) -> None:
    assert public_settings(settings) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--cohort", "bids:/a b/c"], "--cohort bids:PATH"),
        (["--cohort=clinic"], "--cohort=PATH"),
        (["--cohort", "phantom"], "--cohort phantom"),
        (["--cohort", "phantom:clean"], "--cohort phantom:clean"),
        (["--cohort", "phantom:clinic"], "--cohort phantom:PATH"),
        (["--workspace", "clinic"], "--workspace PATH"),
        (["--preset", "/home/jdoe/mine.yaml"], "--preset mine.yaml"),
        (["--set", "grid.shape=[16,20,16]"], "--set 'grid.shape=[16,20,16]'"),
        (["--set", "split.test=mueller.tsv"], "--set split.test=PATH"),
        (["--set", "split.test=3"], "--set split.test=3"),
        (["--set=cohort=bids:clinic"], "--set=cohort=bids:PATH"),
        (["--set", "readers.caps={bids: clinic}"], "--set readers.caps=PATH"),
        (["--set", "readers={caps: {bids: clinic}}"], "--set readers=PATH"),
        (["--set", "slurm.extra=[--account=x]"], "--set slurm.extra=PATH"),
        (
            ["--set", "readers.table.date_format=%d.%m.%Y"],
            "--set readers.table.date_format=%d.%m.%Y",
        ),
        (["--plugin", "/home/jdoe/new.py"], "--plugin new.py"),
        (["--unknown", "clinic", "--quiet"], "PATH --quiet"),
        (["--label", "lr 0.01"], "--label 'lr 0.01'"),
    ],
)
def test_only_values_of_known_options_are_shown(words: list[str], shown: str) -> None:
    command = shlex.join(["/home/jdoe/bin/longibench", "run", *words])
    assert public_command(command) == f"longibench run {shown}"


@pytest.mark.parametrize(
    "command",
    [
        "cli.py run --cohort table:/home/Our Study/Liste.csv --workspace my runs --quiet",
        "cli.py run --cohort table:/home/O'Brien x/Liste.csv --workspace my runs --quiet",
        "/home/j doe/cli.py run --cohort table:/our run of/Liste.csv --workspace=my runs --quiet",
    ],
)
def test_a_command_that_was_not_quoted_shows_no_rest_of_a_path(command: str) -> None:
    shown = public_command(command).replace("--workspace=", "--workspace ")
    assert shown == "cli.py run --cohort table:PATH --workspace PATH --quiet"


def test_a_command_of_another_program_is_not_shown() -> None:
    assert public_command("/home/jdoe/x y") == "PATH"
    assert public_command("") == "PATH"


def test_the_other_facts_are_prose() -> None:
    facts = {"versions": {"torch": "2.1.0+cpu"}, "threads": 2, "git": "", "data": "/home/x"}
    assert public_provenance(facts) == {**facts, "data": "PATH"}
