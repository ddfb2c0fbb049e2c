"""``longibench`` is the one name that is installed; the short names stand for the same modules.

Each test is a program of its own, where somebody else's ``metrics``, ``methods``, ``reports`` and
``benchmark`` are installed too.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench import SHORT_NAMES
from longibench.benchmark.core.code_identity import ModuleFile, class_digest, closure, code_digest
from longibench.benchmark.settings.plugins import load_methods, load_metrics, plugin_name
from longibench.metrics.metric import REGISTRY as METRICS

ROOT = Path(__file__).parents[1]
METRIC = ROOT / "docs" / "examples" / "my_metric.py"

Program = Callable[..., str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where longibench lies as a wheel puts it."""
    place = tmp_path_factory.mktemp("wheel") / "site-packages"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "longibench", place / "longibench", ignore=without)  # no link is left
    return place


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody else's packages, named like ours."""
    place = tmp_path_factory.mktemp("foreign") / "site-packages"
    for name in SHORT_NAMES:
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text("WHO = 'theirs'\n")
        (place / name / "part.py").write_text("WHO = 'their part'\n")
    return place


@pytest.fixture(params=["wheel", "checkout"])
def beside(
    request: pytest.FixtureRequest, installed: Path, foreign: Path, tmp_path: Path
) -> Program:
    """Runs a program where longibench is installed after the others' packages."""
    ours = installed if request.param == "wheel" else ROOT
    return lambda code: output(code, tmp_path, foreign, ours)


def output(code: str, folder: Path, *places: Path, interactive: bool = False) -> str:
    """What a program prints that is started in a folder; warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *(["-i"] if interactive else ["-c", code])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))},
        input=code if interactive else "",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import metrics, sys; print(metrics.WHO, 'longibench' in sys.modules)",
        "import longibench.metrics, metrics; print(metrics.WHO, metrics is longibench.metrics)",
        "import metrics, longibench.metrics; print(metrics.WHO, metrics is longibench.metrics)",
    ],
)
def test_a_library_takes_nothing_away(beside: Program, code: str) -> None:
    assert beside(code) == "theirs False"


def test_their_parts_are_theirs_after_ours_was_imported(beside: Program) -> None:
    code = "import longibench.metrics.scan, metrics.part; print(metrics.part.WHO)"
    assert beside(code) == "their part"


@pytest.mark.parametrize("before", ["", "import benchmark.part", "import longibench.benchmark"])
def test_a_program_of_ours_claims_the_names(beside: Program, before: str) -> None:
    """Also where theirs were imported before; nothing of them stays."""
    code = f"""
import importlib.util, sys, longibench
{before}
longibench.claim_short_names()
import benchmark.core.errors as short, longibench.benchmark.core.errors as full
print(short is full, short.__spec__.name, "benchmark.part" in sys.modules)
print(importlib.util.find_spec("benchmark.part"))
"""
    said = "True longibench.benchmark.core.errors False\nNone"
    assert beside(code) == said


ORDERS = ("benchmark.core.errors", "longibench.benchmark.core.errors")
BOTH = """
import {0}, {1}
print(benchmark is longibench.benchmark, {0} is {1})
"""


@pytest.mark.parametrize("interactive", [False, True])
@pytest.mark.parametrize("order", [ORDERS, ORDERS[::-1]])
def test_in_a_checkout_both_names_are_one_object(order: tuple[str, str], interactive: bool) -> None:
    assert output(BOTH.format(*order), ROOT, interactive=interactive).endswith("True True")


def test_where_nobody_else_has_them_the_names_are_ours(installed: Path, tmp_path: Path) -> None:
    code = "import longibench\n" + BOTH.format(*ORDERS)
    assert output(code, tmp_path, installed) == "True True"


def test_a_second_import_does_not_ask_the_first_one_for_ever(
    installed: Path, tmp_path: Path
) -> None:
    code = "import sys, longibench\ndel sys.modules['longibench']\nimport longibench\n"
    assert output(code + BOTH.format(*ORDERS), tmp_path, installed) == "True True"


def test_what_is_not_there_is_said_to_be_missing(beside: Program) -> None:
    code = """
import longibench
longibench.claim_short_names()
for line in ("import metrics.none", "from metrics import none"):
    try:
        exec(line)
    except ImportError as error:
        print(type(error).__name__, error.name)
"""
    assert beside(code) == "ModuleNotFoundError metrics.none\nImportError longibench.metrics"


PLUGIN = """
from methods.method import Method
from longibench.methods.method import Method as Same
from metrics.metric import pair_metric
from plugin_part import kind

assert Method is Same

class Mine(kind, name="mine"):
    pass
"""
PART = "from methods.copy_source import CopySource as kind\n"


def test_a_plugin_gets_ours_and_what_lies_beside_it(
    installed: Path, foreign: Path, tmp_path: Path
) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "plugin_part.py").write_text(PART)
    code = """
import metrics, warnings
from pathlib import Path
with warnings.catch_warnings():
    warnings.simplefilter("default")  # other libraries'
    from longibench.benchmark.settings.plugins import load_methods
    print(metrics.WHO, "mine" in load_methods([Path("plugin.py")]))
"""
    assert output(code, tmp_path, foreign, installed) == "theirs True"


DIGESTS = """
import json, sys
from pathlib import Path
from longibench.benchmark.core.code_identity import class_digest
from longibench.benchmark.settings.plugins import load_methods, load_metrics
found = {**load_methods(), **load_metrics([Path(sys.argv[1])])}
print(json.dumps({name: class_digest(kind) for name, kind in found.items()}))
"""


def test_code_has_the_same_digest_wherever_it_is_installed(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS, METRIC],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(done.stdout)
    try:
        here = {**load_methods(), **load_metrics([METRIC])}
        assert {"ours", "vae", "med-ddpm", "copy-source", "ssim", "worst-error"} <= there.keys()
        assert there == {name: class_digest(here[name]) for name in there}
    finally:
        METRICS.pop("worst-error", None)
        sys.modules.pop(plugin_name(METRIC), None)


@pytest.mark.parametrize(
    "line",
    [
        "from {}methods.blocks import fold\nx = fold",
        "import {}methods.blocks as blocks\nx = blocks.fold",
        "def f():\n    from {}methods.blocks import *",
    ],
)
def test_code_is_the_same_by_either_name(tmp_path: Path, line: str) -> None:
    path = tmp_path / "plugin.py"
    digests = set()
    for name in ("", "longibench."):
        path.write_text(line.format(name))
        source = ModuleFile.of("longibench_plugin_mine", path)
        assert "methods.blocks" in {its.name for its in closure(source)}
        digests.add(code_digest(source))
    assert len(digests) == 1


def test_a_library_program_gets_its_own_back_after_a_plugin(
    beside: Program, tmp_path: Path
) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("from metrics.metric import pair_metric\nassert pair_metric\n")
    code = f"""
import metrics, metrics.part
from pathlib import Path
from longibench.benchmark.settings.plugins import load_metrics
before = metrics
load_metrics([Path({str(plugin)!r})])
import metrics, metrics.part
print(metrics is before, metrics.part.WHO)
"""
    assert beside(code) == "True their part"
