"""A digest of what runs: every form of import counts; place, words and Python's version do not."""

import shutil
import subprocess
import sys
from abc import ABC
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn
from torch.nn import functional

from longibench.benchmark.core import code_identity, code_imports
from longibench.benchmark.core.code_identity import (
    ModuleFile,
    class_digest,
    closure,
    code_digest,
    module_digest,
    name_of,
)
from longibench.benchmark.core.files import digest
from longibench.methods import ours, samplers
from longibench.methods.diffusion import GaussianDiffusion

ROOT = Path(__file__).parents[3]
Digest = Callable[[str], str]


@pytest.fixture
def digest_of(tmp_path: Path) -> Digest:
    """The digest of a plugin of some text."""
    path = tmp_path / "mine.py"

    def write(text: str) -> str:
        path.write_text(text, encoding="utf-8")
        return code_digest(ModuleFile.of("longibench_plugin_mine", path))

    return write


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('"""Other words."""\nx = 1\n', False),
        ("# a comment\nx  =  1\n", False),
        ("x = 1\n'a line of words'\n", False),
        ("x = (\n    1\n)\n", False),
        ("x = 2\n", True),
        ("x = '1'\n", True),
        ("x = True\n", True),
        ("x = None\n", True),
        ("from methods.noise import SeededNoise\nx = 1\n", True),
        ("if TYPE_CHECKING:\n    from methods.noise import SeededNoise\nx = 1\n", False),
        ("if typing.TYPE_CHECKING:\n    y = 2\nelse:\n    x = 1\n", False),
        ("if x:\n    x = 1\n", True),
    ],
)
def test_only_what_runs_counts(digest_of: Digest, text: str, counts: bool) -> None:
    before = digest_of('"""Words."""\nx = 1\n')
    assert (digest_of(text) != before) == counts


FORMS = (
    "from {package}blocks import fold",
    "from {package}blocks import fold as other",
    "from {package}blocks import *",
    "import {package}blocks",
    "import {package}blocks as b",
    "def f():\n    import {package}blocks",
    "import importlib\nimportlib.import_module('{package}blocks')",
    "from importlib import import_module\nimport_module('{package}blocks')",
    "__import__('{package}blocks')",
    "import importlib as il\nil.import_module(name='{package}blocks')",
    "from importlib import import_module as im\nim('{package}blocks')",
    "from importlib import import_module\nimport_module(f'{{x}}')",
    "import importlib.util\nimportlib.util.spec_from_file_location('x', 'y')",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two files in ``methods``."""
    folder = tmp_path / "checkout" / "methods"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Methods."""\n')
    (folder / "method.py").write_text("class Method: ...\n")
    (folder / "blocks.py").write_text("def fold(x): return x\n")
    monkeypatch.setattr(code_imports, "HOME", folder.parent)
    return folder


@pytest.mark.parametrize(
    "form",
    [
        *(form.format(package="methods.") for form in FORMS),
        "from methods import blocks",
        "from methods import blocks as b",
        "from methods import method, blocks",
        "import methods\nx = methods.blocks.fold",
        "import methods as m\nx = m.blocks",
        "import methods.method\nx = methods.blocks.fold(1)",
        "from importlib import import_module\nimport_module('.blocks', 'methods')",
        "from importlib import import_module\nimport_module('.blocks', package=__package__)",
        "__import__('methods', fromlist=['blocks'])",
        "from . import blocks",
        "from .blocks import fold",
    ],
)
def test_every_form_of_import_in_the_package_is_followed(project: Path, form: str) -> None:
    path = project / "mine.py"
    path.write_text(form + "\n")
    source = ModuleFile.of("methods.mine", path)
    before = code_digest(source)
    (project / "blocks.py").write_text("def fold(x): return 2 * x\n")
    assert code_digest(source) != before


@pytest.mark.parametrize(
    "form",
    [
        *(form.format(package="") for form in FORMS),
        "import os, blocks",
        "import deep.blocks",
        "from deep import blocks",
        "import deep\nx = deep.blocks.fold",
        "import without.init.blocks",
        "from without.init import blocks",
    ],
)
def test_every_form_of_import_beside_a_plugin_is_followed(
    digest_of: Digest, tmp_path: Path, form: str
) -> None:
    folders = [tmp_path, tmp_path / "deep", tmp_path / "without" / "init"]
    places = [folder / "blocks.py" for folder in folders]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for place in places:
        place.write_text("def fold(x): return x\n")
    (tmp_path / "deep" / "__init__.py").write_text("")
    before = digest_of(form)
    for place in places:
        place.write_text("def fold(x): return 2 * x\n")
    assert digest_of(form) != before


@pytest.mark.parametrize("form", ["from .net import f", "from methods.mine.net import f"])
def test_a_package_follows_its_own_files(project: Path, form: str) -> None:
    (project / "mine").mkdir()
    path, net = project / "mine" / "__init__.py", project / "mine" / "net.py"
    path.write_text(f"{form}\n")
    net.write_text("def f(): return 1\n")
    source = ModuleFile.of("methods.mine", path)
    before = code_digest(source)
    net.write_text("def f(): return 2\n")
    assert code_digest(source) != before


@pytest.mark.parametrize(
    ("text", "followed"),
    [
        ("import_module(f'parts.{x}')", {"parts", "parts.a", "helper", "methods.blocks"}),
        ("load = import_module\nload('helper')", {"parts.a", "helper"}),
        ("import importlib\nload = importlib.import_module", {"parts.a", "helper"}),
        ("SourceFileLoader('helper', 'helper.py').load_module()", {"helper"}),
        ("exec(open('helper.py').read())", {"helper"}),
        ("import_module(f'metrics.{x}')", {"metrics.ssim", "helper"}),
        ("try:\n    import_module('..x', 'methods')\nexcept ImportError:\n    pass", set()),
    ],
)
def test_where_the_name_is_computed_whatever_it_could_be_counts(
    tmp_path: Path, text: str, followed: set[str]
) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("helper.py", "parts/__init__.py", "parts/a.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "broken.py").write_text("print 'not of this Python'")
    path = tmp_path / "mine.py"
    path.write_text(text)
    source = ModuleFile.of("longibench_plugin_mine", path)
    names = {its.name for its in closure(source)}
    assert followed <= names
    assert bool(followed) == (len(names) > 1)
    assert code_digest(source)


@pytest.mark.parametrize("form", ["from . import blocks", "from pkg.blocks import f", "import top"])
def test_a_class_in_a_package_beside_a_plugin_has_its_helpers(tmp_path: Path, form: str) -> None:
    (tmp_path / "pkg").mkdir()
    for name in ("pkg/__init__.py", "pkg/blocks.py", "top.py"):
        (tmp_path / name).write_text("")
    path = tmp_path / "pkg" / "model.py"
    path.write_text(form)
    source = ModuleFile.of("pkg.model", path)
    before = code_digest(source)
    for name in ("pkg/blocks.py", "top.py"):
        (tmp_path / name).write_text("def f(): ...")
    assert code_digest(source) != before


def test_of_what_is_installed_only_the_methods_own_package_is_followed(tmp_path: Path) -> None:
    place = tmp_path / "site-packages"
    for folder in ("theirs", "torch"):
        (place / folder).mkdir(parents=True)
        (place / folder / "__init__.py").write_text("")
    (place / "theirs" / "net.py").write_text("")
    path = place / "theirs" / "model.py"
    path.write_text("import torch\nfrom theirs import net\nfrom methods import blocks")
    names = {its.name for its in closure(ModuleFile.of("theirs.model", path))}
    assert {"theirs.net", "methods.blocks"} <= names
    assert "torch" not in names


def test_a_class_that_type_made_is_where_its_functions_are() -> None:
    made = type("Made", (ABC,), {"__call__": code_digest, "number": 3})
    assert made.__module__ == "abc"
    assert class_digest(made) == digest([module_digest(code_identity)])


def test_a_function_or_class_of_a_library_makes_no_class_a_part_of_it() -> None:
    class Kind:
        layer = nn.ReLU
        loss = staticmethod(functional.relu)
        relu = functional.relu

        def method(self) -> None: ...

    assert class_digest(Kind) == digest([module_digest(sys.modules[__name__])])


def test_pythons_own_modules_are_not_followed() -> None:
    module = sys.modules["abc"]
    assert [its.name for its in closure(ModuleFile.of("abc", Path(str(module.__file__))))] == [
        "abc"
    ]


def test_a_long_sum_is_read(digest_of: Digest) -> None:
    assert digest_of(f"x = {' + '.join(['1'] * 3000)}") != digest_of("x = 1")


def test_an_import_can_be_left_out_of_one_module_alone(project: Path) -> None:
    (project / "mine.py").write_text("import methods.blocks\nimport methods.other\n")
    (project / "other.py").write_text("import methods.blocks\n")
    source = ModuleFile.of("methods.mine", project / "mine.py")
    for edges, followed in (
        ({"methods.mine>methods.blocks"}, True),
        ({"methods.mine>methods.blocks", "methods.other>methods.blocks"}, False),
    ):
        names = {its.name for its in closure(source, frozenset(edges))}
        assert ("methods.blocks" in names) == followed


def test_what_a_helper_imports_counts_too(digest_of: Digest, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("from second import f\n")
    (tmp_path / "second.py").write_text("def f(): return 1\n")
    before = digest_of("import first")
    (tmp_path / "second.py").write_text("def f(): return 2\n")
    assert digest_of("import first") != before


def test_the_init_of_a_package_counts_for_its_modules(project: Path, digest_of: Digest) -> None:
    before = digest_of("from methods.blocks import fold")
    (project / "__init__.py").write_text("import os\n")
    assert digest_of("from methods.blocks import fold") != before


def test_a_plugin_named_like_a_file_of_the_package_hides_nothing(project: Path) -> None:
    path = project.parents[1] / "blocks.py"  # imports its namesake
    path.write_text("from methods.blocks import fold\n")
    source = ModuleFile.of("longibench_plugin_blocks", path)
    before = code_digest(source)
    (project / "blocks.py").write_text("def fold(x): return 2 * x\n")
    assert code_digest(source) != before
    path.write_text("from methods.blocks import fold\nx = 1\n")
    assert code_digest(source) not in (before, "")


def test_two_files_of_one_name_are_not_mistaken(project: Path, digest_of: Digest) -> None:
    plain_file = project.parents[1] / "blocks.py"
    plain_file.write_text("def fold(x): return 3 * x\n")
    both = "import {0}blocks as a\nimport {1}blocks as b\n"
    first, second = both.format("", "methods."), both.format("methods.", "")
    assert digest_of(first) != digest_of(second)


@pytest.mark.parametrize("with_helper", [False, True])
def test_it_does_not_matter_where_a_file_lies(project: Path, with_helper: bool) -> None:
    plugin = project.parents[1] / "mine.py"
    text = "from methods.method import Method\n"
    if with_helper:
        (plugin.parent / "helper.py").write_text("from more import g\n")
        (plugin.parent / "more.py").write_text("def g(): return 1\n")
        text += "import helper\nfrom more import g\nx = helper.g\n"
    plugin.write_text(text)
    before = code_digest(ModuleFile.of("longibench_plugin_mine", plugin))
    moved = project / "other_name.py"
    for name in ("helper", "more"):
        text = text.replace(f"import {name}", f"from methods import {name}")
        text = text.replace(f"from {name} ", f"from methods.{name} ")
    moved.write_text(text)
    if with_helper:
        (project / "helper.py").write_text("from methods.more import g\n")
        shutil.copy(plugin.parent / "more.py", project)
    assert code_digest(ModuleFile.of("methods.other_name", moved)) == before


def test_what_matters_to_generation_alone_is_left_out() -> None:
    source = ModuleFile.of(ours.__name__, Path(str(ours.__file__)))
    left_out = frozenset({name_of(samplers)})
    names = {its.name for its in closure(source, left_out)}
    assert "methods.samplers" not in names
    assert {"methods.ours", "methods.diffusion", "methods.noise_schedule", "methods.unet"} <= names
    assert module_digest(ours, [samplers]) != module_digest(ours)


def test_a_function_is_left_out_with_all_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    source = ModuleFile.of("mine", path)
    without = frozenset({"mine:Kind.generate"})
    digests = []
    for number in (1, 2):
        path.write_text(
            f"class Kind:\n    def generate(self):\n        import os\n        return {number}\n"
            "def generate():\n    return 0\n"
        )
        digests.append((code_digest(source, without), code_digest(source)))
    assert digests[0][0] == digests[1][0]
    assert digests[0][1] != digests[1][1]
    assert name_of(GaussianDiffusion.sample) == "methods.diffusion:GaussianDiffusion.sample"


SAMPLE = r'''
"""Every kind of node whose tree differs between versions of Python."""
from __future__ import annotations
import os, sys as system

@property
def f(a, /, b: int = 1, *c, d, e: float | None = None, **g) -> list[int]:
    """Words."""
    x = f"{a!r:>{b}} and {c=}" "more" f"{d:.{b}f}" '' "🫨 ㇯"
    y, *z = [i async for i in g], {**g, None: ...}, (1, 2.5, 1j, b"x", 'it\'s', True, None)
    match a:
        case {"k": [1, *_], **rest} if (n := rest) is not None:
            return x[1:2, ::3]
        case int() | str():
            pass
    try:
        del y
    except* ValueError as error:
        raise TypeError from error
    finally:
        lambda *p, q=1: (yield p)
    return z

class A(B, metaclass=C):
    x: int
    async def g(self): await self; return -x ** 2
'''
KNOWN = "4ab3c24a4145"


def test_the_digest_of_a_known_text_is_known(digest_of: Digest) -> None:
    """On every version of Python that runs this."""
    assert digest_of(SAMPLE) == KNOWN


ALL_FILES = """
import sys
from pathlib import Path
from longibench.benchmark.core.code_identity import ModuleFile, code_digest
root = Path(sys.argv[1])
for room in ("methods", "metrics", "benchmark", "reports"):
    for path in sorted((root / room).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        print(name, code_digest(ModuleFile.of(name, path)))
"""


@pytest.fixture(scope="module")
def here() -> str:
    """Digests of all files, by this Python."""
    return _digests(sys.executable)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_versions_of_python_agree_on_every_file(version: str, here: str) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    assert len(here.splitlines()) > 200
    assert _digests(python) == here


def _digests(python: str) -> str:
    done = subprocess.run(
        [python, "-c", ALL_FILES, ROOT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def _python(version: str) -> str | None:
    """An interpreter of a version, in the path or among pyenv's."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}")
