import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longibench.benchmark.core.code_identity import module_digest
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.plugins import (
    find_method,
    find_metric,
    load_methods,
    load_metrics,
)
from longibench.benchmark.settings.schema import MetricSettings
from longibench.benchmark.training.recipe import code_of
from longibench.methods.method import REGISTRY
from longibench.metrics.metric import REGISTRY as METRICS


def test_every_file_is_found() -> None:
    assert {"ours", "med-ddpm", "vae", "copy-source"} <= set(load_methods())
    assert {"fid", "ssim", "ssim-head"} <= set(load_metrics())


def test_unknown_names_get_the_nearest() -> None:
    load_methods()
    load_metrics()
    with pytest.raises(UserError, match=r"unknown method 'our'. Did you mean 'ours'.*copy-source"):
        find_method("our")
    with pytest.raises(UserError, match=r"unknown metric 'simm'. Did you mean 'ssim'"):
        find_metric("simm")


def test_a_plugin_is_imported_once(tiny: Path) -> None:
    assert load_methods([tiny])["tiny"] is load_methods([tiny])["tiny"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: .*nothing_of_this_name'$"),
        ("import metrics.mine", "No module named 'metrics.mine' .'metrics' is longibench's own"),
        ("from methods import mine", "cannot import .* .'methods' is longibench's own here"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nsys.exit(0)", "it ends the process when it is imported .SystemExit: 0"),
        ("class Odd(BaseException): ...\nraise Odd('no')", "Odd: no"),
        ("def broken(:", "SyntaxError: .*line 1"),
        (
            "from methods.method import Method\nclass X(Method, name='half-done'): ...",
            "it lacks generate, training_loss",
        ),
        (
            "from methods.copy_source import CopySource\nclass X(CopySource, name='vae'): ...",
            "method name 'vae' is taken by longibench.methods.vae.VAE",
        ),
        (
            "from methods.copy_source import CopySource\nclass X(CopySource, name='a/../b'): ...",
            "the name 'a/../b' contains '/', a separator of paths",
        ),
        (
            "from metrics.ssim import SSIM\nclass X(SSIM, name='a\\x1b'): ...",
            "the name .* contains the control character U.001B",
        ),
        (
            "from methods.copy_source import CopySource\nclass X(CopySource, name=' x'): ...",
            "the name ' x' has spaces around it",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_problem(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    for _ in range(2):  # it is not taken for imported afterwards
        with pytest.raises(UserError, match=f"--plugin .*broken.py: .*{message}"):
            load_methods([path])
    with pytest.raises(UserError, match=r"--plugin .*none\.py: no such file"):
        load_methods([tmp_path / "none.py"])


def test_a_plugin_is_a_python_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("text")
    with pytest.raises(UserError, match=r"--plugin .*x\.txt: not a Python file"):
        load_methods([path])


def test_ctrl_c_while_a_plugin_is_imported_is_no_error_of_it(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_methods([path])


METHOD = """
from methods.copy_source import CopySource
{imports}

class {kind}(CopySource, name="{name}"):
    number = {number}
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Writes plugins, and forgets them afterwards."""
    before, places = set(REGISTRY), list(sys.path)

    def write(file: str, name: str, number: str, imports: str = "", helper: str = "") -> Path:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(METHOD.format(imports=imports, kind="Kind", name=name, number=number))
        if helper:
            (path.parent / "plugin_helper.py").write_text(helper)
        return path

    yield write
    for name in set(REGISTRY) - before:
        del REGISTRY[name]
    sys.path[:] = places
    sys.modules.pop("plugin_helper", None)


def test_a_plugin_imports_files_beside_it(plugin: Callable[..., Path]) -> None:
    path = plugin("a/mine.py", "of-a", "plugin_helper.N", "import plugin_helper", "N = 3")
    assert load_methods([path])["of-a"].number == 3  # type: ignore[attr-defined]


def test_plugins_of_one_name_in_two_folders_are_two(plugin: Callable[..., Path]) -> None:
    first, second = plugin("a/mine.py", "of-a", "1"), plugin("b/mine.py", "of-b", "2")
    found = load_methods([first, second])
    assert (found["of-a"].number, found["of-b"].number) == (1, 2)  # type: ignore[attr-defined]
    assert code_of(found["of-a"]) != code_of(found["of-b"])


def test_a_plugin_does_not_get_a_file_of_another_folder(plugin: Callable[..., Path]) -> None:
    use = ("plugin_helper.N", "import plugin_helper")
    load_methods([plugin("a/mine.py", "of-a", *use, "N = 1")])
    other = plugin("b/other.py", "of-b", *use, "N = 2")
    with pytest.raises(UserError, match=r"it imports 'plugin_helper' from its folder, but "):
        load_methods([other])
    assert "of-b" not in REGISTRY


def test_what_a_plugin_imports_beside_it_is_part_of_its_code(plugin: Callable[..., Path]) -> None:
    use = ("plugin_helper.N", "import plugin_helper")
    path = plugin("a/mine.py", "of-a", *use, "N = 1")
    digest = module_digest(sys.modules[load_methods([path])["of-a"].__module__])
    (path.parent / "plugin_helper.py").write_text("N = 2")
    assert module_digest(sys.modules[REGISTRY["of-a"].__module__]) != digest
    assert code_of(REGISTRY["of-a"]) == code_of(REGISTRY["of-a"])  # of what was imported


METRIC = """
import numpy as np
from metrics.metric import PairMetric

class Odd(PairMetric, name="odd-one"):
    higher_is_better = True
    title = "Odd [one]"
    {line}
    def __call__(self, *, generated, reference, source, interval_years):
        return 0.0
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("parameters = {'sigma': np.float32(2)}", "parameters: not JSON values"),
        (
            "def __init__(self, instruments=None): self.instruments = instruments",
            "metric 'odd-one' cannot be built: ",
        ),
    ],
)
def test_a_metric_that_breaks_its_contract_is_named(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "odd.py"
    path.write_text(METRIC.format(line=line))
    try:
        with pytest.raises(UserError, match=message):
            build_metrics(MetricSettings(names=("odd-one",)), plugins=[path])
    finally:
        METRICS.pop("odd-one", None)
