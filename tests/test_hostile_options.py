"""Options through the command line: exit code 0 or 2, and with 2 nothing is written."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Cli = Callable[..., Any]

EXAMPLES = 100
LONG = "a" * 5000
TEXTS = (
    "",
    " ",
    "ours",
    "nowhere",
    LONG,
    f"/{LONG}",
    "a,a",
    "0",
    "-1",
    "9" * 23,
    "9" * 5000,
    "x\ny",
    "../..",
)
TEXTS += (
    "=",
    "{",
    "~nobody/x",
    "1e999,2",
    "nan,nan",
    "phantom",
    "bids:",
    "bids:/",
    "auto:/none",
    "all",
    "test",
)
SETS = (
    "=",
    "seed",
    "seed=true",
    "seed=" + "9" * 23,
    "split.test=0",
    "split.test=-3",
    "split.test=none.csv",
)
SETS += (
    "grid.shape=[1024,1024,1024]",
    "device.threads=1000",
    "methods.ours.training=5",
    f"cohort=bids:/{LONG}",
)
TEXT_OPTIONS = {
    name: [f"--{option}" for option in options.split()]
    for name, options in {
        "run": "preset cohort test-cohort pairs seed seeds folds label launcher devices num-nodes "
        "plugin",
        "curve": "samplers steps pairs preset plugin",
        "report": "protocol",
        "methods": "plugin",
        "metrics": "plugin",
        "evaluate": "against name pattern grid range part pairs metrics weights preset plugin "
        "protocol workers",
        "cohort": "preset",
        "prepare": "preset workers",
        "phantom": "subjects spacing seed",
    }.items()
}
FIXED = {
    "run": ["--methods", "ours"],
    "curve": ["--methods", "ours"],
    "evaluate": ["volumes"],
    "cohort": ["bids:nowhere"],
    "prepare": ["bids:nowhere"],
    "phantom": ["file/out"],
}
"""What a command needs: it ends at the latest where these are opened."""


@st.composite
def commands(draw: st.DrawFn) -> list[str]:
    """A command with one to three options of hostile values."""
    name = draw(st.sampled_from(sorted(TEXT_OPTIONS)))
    chosen = draw(st.lists(st.sampled_from(TEXT_OPTIONS[name]), min_size=1, max_size=3))
    given = [word for option in chosen for word in (option, draw(st.sampled_from(TEXTS)))]
    if name in ("run", "curve", "evaluate", "cohort", "prepare"):
        sets = draw(st.lists(st.sampled_from(SETS), max_size=1))
        given += [word for value in sets for word in ("--set", value)]
    return [name, *FIXED.get(name, []), *given]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder: a file, and a folder of no volumes."""
    place = tmp_path_factory.mktemp("hostile")
    (place / "file").touch()
    (place / "volumes").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        # a cohort that every check accepts is not simulated here
        patch.setattr("longibench.benchmark.cohorts.open_cohort._simulated", refuse)
        yield place


def refuse(*_: object) -> Path:
    from longibench.benchmark.core.errors import UserError

    raise UserError("the checks accept it")


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(commands())
def test_any_options_end_with_0_or_with_2_and_one_line(
    folder: Path, cli: Cli, arguments: list[str]
) -> None:
    printed = cli(*arguments)
    assert printed.code in (0, 2), printed.err
    if printed.code == 2 and "Usage:" not in printed.err:  # else it is of the parser of options
        *before, message = printed.err.splitlines()
        assert message.startswith("error: ")
        assert not [line for line in before if line.startswith("Traceback")]
        assert printed.out == ""
    if printed.code == 2:
        assert sorted(path.name for path in folder.iterdir()) == ["file", "volumes"]
