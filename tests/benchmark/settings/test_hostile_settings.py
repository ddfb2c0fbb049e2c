"""Every setting with hostile values: settings or one line of what is wrong, and nothing written."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from longibench.benchmark.cohorts.reader import load_readers
from longibench.benchmark.core.errors import UserError, of_system
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.runs.checks import check_run
from longibench.benchmark.runs.matrix import Matrix, read_recipes
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.settings.schema import Settings, TrainingSettings

EXAMPLES = 250


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The full names of all settings, those of sections included."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys(kind, f"{prefix}{name}.")


def every_key() -> list[str]:
    found = [*keys(Settings), "phantom.groups.CN.age", "phantom.groups.CN.ventricle_growth"]
    for name, method in load_methods().items():
        found += [f"methods.{name}", f"methods.{name}.training"]
        found += keys(method.Settings, f"methods.{name}.")
        found += keys(TrainingSettings, f"methods.{name}.training.")
    for name, reader in load_readers().items():
        found += [f"readers.{name}", *keys(reader.Settings, f"readers.{name}.")]
    return sorted({*found, "", ".", "seed.", "no.such.key"} - {"preset"})


KEYS = every_key()
NUMBERS = (
    *(0, 1, 2, 3, 7, -1, -3, 10**9, -(10**9), 2**31, 2**63, 2**64, 10**23, -(10**23), 10**400),
    *(0.0, -0.0, 0.5, 1.0, 2.5, 1e-320, 1e300, -1e300),
)
TEXTS = (
    *(
        "",
        " ",
        "~",
        "~nobody/x",
        "null",
        "nan",
        "true",
        "a" * 5000,
        "/" + "a" * 5000,
        "\x00",
        "\x1b",
    ),
    *(
        "\n",
        "\ud800",
        "${x}",
        "${",
        "${oc.env:HOME}",
        "???",
        "a=b",
        "a=",
        "=",
        "[",
        "{",
        "%",
        "..",
        "/",
    ),
    *(
        "random:" + "9" * 30,
        "random:" + "9" * 5000,
        "medicalnet:" + "9" * 30,
        "file:",
        "file:/",
        "@",
    ),
    *(
        "phantom",
        "bids:",
        "bids:/none",
        "auto:/proc/1/none",
        "auto:",
        ":",
        "::",
        "\u0663",
        "\U0001d7d9",
    ),
)
scalars = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from((True, False, None, float("nan"), float("inf"), float("-inf"))),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=5,
)
NEAR = (  # what a setting of this kind could be, and its network may not be able to be
    *("[3, 5]", "[1]", "[7, 7, 7]", "[2, 4, 8]", "[8192, 8192, 8192]", "[16]", "[true, false]"),
    *(
        "[1, 1, 1]",
        "[1, 2, 3]",
        "[1024, 1024, 1024]",
        "[33, 1, 1]",
        "[99.5, 1]",
        "[0, 100]",
        "[0, 0]",
    ),
    *("1", "2", "3", "4", "5", "7", "8", "13", "64", "100", "1000", "4096", "8192", "65536"),
    *("{channels: [3], attention: [true], norm_groups: 3}", "{channels: [6, 2], norm_groups: 2}"),
    *("{channels: [1], attention: [false], norm_groups: 1}", "{steps: 2}", "{beta_start: 0.9}"),
    *("none", "auto", "on", "site", "0.1", "0.9", "0.99", "0.999999", "1e-300", "cuda", "64-true"),
)
RAW = (
    *("=", "0x" + "f" * 5000, "9" * 5000, "1e999", "1_000", "[" * 2000, "{a: " * 400, "&a [*a]"),
    *(
        "!!binary aGk=",
        "!!python/object:os.system x",
        "2020-01-01",
        "{1: 2}",
        "{null: 1}",
        "[[1], {}]",
    ),
    *("1e5", "0o17", ".inf", "-.inf", ".nan", "yes", "{kind: ddim, steps: 1}", "[1,1,1]"),
)


def as_text(value: Any) -> str:
    """The value as it is written after ``--set key=``."""
    try:
        return yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=False)
    except (yaml.YAMLError, ValueError):
        return str(value)[:100]


overrides = st.tuples(
    st.sampled_from(KEYS),
    st.one_of(values.map(as_text), st.sampled_from(RAW), st.sampled_from(NEAR)),
).map("=".join)


PRESET = """
grid: {shape: [16, 20, 16], spacing_mm: 8}
training: {iterations: 2}
methods:
  ours: {width: 8, unet: &unet {channels: [8, 8], attention: [false, true], norm_groups: 4}}
  med-ddpm: {unet: *unet}
  vae: {channels: [8, 16], hidden: 16, latent: 8}
"""  # short, because it is read for every example


def as_run(preset: Path, given: list[str]) -> None:
    """What ``run`` does before it opens the cohort."""
    its = load_settings(str(preset), given)
    matrix = Matrix.parse(None, None, its)
    named = [key.split(".")[1] for key in given if key.startswith("methods.") and "." in key[8:]]
    names = [name for name in dict.fromkeys(named) if name in load_methods()]
    check_run(read_recipes(names or ["copy-source"], its), its, matrix)
    build_metrics(its.metrics)


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run."""
    path = tmp_path_factory.mktemp("preset") / "small.yaml"
    path.write_text(PRESET)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to work in."""
    place, before = tmp_path_factory.mktemp("hostile"), Path.cwd()
    os.chdir(place)
    yield place
    os.chdir(before)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(st.lists(overrides, min_size=1, max_size=2))
def test_any_value_of_any_setting_is_taken_or_refused_in_one_line(
    folder: Path, preset: Path, given: list[str]
) -> None:
    message = "accepted"
    try:
        as_run(preset, given)
    except UserError as error:
        message = str(error)
    except OSError as error:  # the command line makes a message of it
        message = str(of_system(error))
    assert len(message.splitlines()) == 1
    assert not any(folder.iterdir())
