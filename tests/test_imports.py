"""Imports run one way, between packages and between files, and the command line starts light."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INTERFACES = {"methods", "metrics"}
# What each package may import besides itself. The packages' docstrings give it in words.
MAY_IMPORT: dict[str, set[str]] = {
    "methods": set(),
    "metrics": set(),
    "benchmark.core": set(),
    "benchmark.settings": {"core", *INTERFACES},
    "benchmark.devices": {"settings", "core", "methods"},
    "benchmark.cohorts": {"settings", "core"},
    "benchmark.preparation": {"cohorts", "settings", "core"},
    "benchmark.training": {"preparation", "devices", "settings", "core", "methods"},
    "benchmark.protocol": {"preparation", "cohorts", "settings", "core", "metrics"},
    "benchmark.evaluation": {
        *("protocol", "training", "preparation", "cohorts", "devices", "settings", "core"),
        *INTERFACES,
    },
    "benchmark.runs": {
        *("evaluation", "protocol", "training", "preparation", "cohorts", "devices"),
        *("settings", "core", *INTERFACES),
    },
    "reports.model": {"benchmark", *INTERFACES},
    "reports.tables": {"reports.model", "benchmark", *INTERFACES},
    "reports.figures": {"reports.tables", "reports.model", "benchmark", *INTERFACES},
    "reports.pages": {
        *("reports.figures", "reports.tables", "reports.model", "benchmark", *INTERFACES),
    },
    "reports.cohorts": {"reports", "benchmark", *INTERFACES},
    "cli": {"reports", "benchmark", *INTERFACES},
}
MOST_FLOORS = 10  # of packages, from cli to methods and metrics; reports is one of them
HEAVY = {"torch", "monai", "pandas", "numpy", "scipy", "matplotlib", "seaborn", "nilearn"}
HEAVY |= {"lightning_fabric"}

Graph = Mapping[str, Set[str]]


def modules() -> dict[str, Path]:
    """The project's files by their short names, such as ``methods.method``."""
    tops = ("benchmark", "methods", "metrics", "reports")
    files = [ROOT / "cli.py", *(path for top in tops for path in (ROOT / top).rglob("*.py"))]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, files, strict=True)}


MODULES = modules()


def imported(tree: ast.AST, known: Set[str] = MODULES.keys()) -> Iterator[str]:
    """The project's modules that a file imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [str(node.module), *inner]
        else:
            continue
        short = [name.removeprefix("longibench.") for name in names]
        found = [name for name in short if name in known]
        yield from found[-1:] if isinstance(node, ast.ImportFrom) and len(found) == 2 else found


def file_graph() -> dict[str, set[str]]:
    """Which files import which; packages' ``__init__`` hold no code of their own."""
    return {
        name: {*imported(ast.parse(path.read_text("utf-8")))} - {name}
        for name, path in MODULES.items()
    }


def package_of(module: str) -> str:
    """``benchmark.core`` of ``benchmark.core.files``; ``methods`` of ``methods.method``."""
    top, _, rest = module.partition(".")
    return f"{top}.{rest.partition('.')[0]}" if top in ("benchmark", "reports") and rest else top


def package_graph(files: Graph) -> dict[str, set[str]]:
    """Which packages import which."""
    graph: dict[str, set[str]] = {package_of(name): set() for name in files}
    for name, targets in files.items():
        graph[package_of(name)] |= {package_of(target) for target in targets}
    return {name: targets - {name} for name, targets in graph.items()}


def wrong_imports(files: Graph) -> list[str]:
    """Imports that the rule does not allow."""
    found = []
    for name, targets in files.items():
        package = package_of(name)
        top = package.partition(".")[0]
        allowed = MAY_IMPORT.get(package, set())
        for target in sorted(targets):
            other = package_of(target)
            names = {other, other.partition(".")[0], other.removeprefix(f"{top}.")}
            if other != package and not names & allowed:
                found.append(f"{name} imports {target}")
    return found


def cycle(files: Graph) -> list[str]:
    """A circle of imports; empty where there is none."""
    try:
        TopologicalSorter(files).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def floors(graph: Graph) -> int:
    """Packages on the longest way down."""
    sorter, depth = TopologicalSorter(graph), dict[str, int]()
    for name in sorter.static_order():
        depth[name] = 1 + max((depth[other] for other in graph.get(name, ())), default=0)
    return max(depth.values())


def test_every_package_has_a_rule_and_a_docstring() -> None:
    packages = {package_of(name) for name in MODULES} - {"benchmark", "reports"}
    assert packages == MAY_IMPORT.keys()
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), name


def test_benchmark_and_reports_hold_packages_alone() -> None:
    for top in ("benchmark", "reports"):
        assert [path.name for path in (ROOT / top).glob("*.py")] == ["__init__.py"]
    assert len([name for name in MAY_IMPORT if name.startswith("benchmark.")]) <= 9


def test_imports_run_one_way() -> None:
    """``TYPE_CHECKING`` imports and those inside functions count."""
    files = file_graph()
    assert wrong_imports(files) == []
    assert cycle(package_graph(files)) == []
    assert cycle(files) == []


def test_few_floors() -> None:
    one_report = {
        name.partition(".")[0] if name.startswith("reports.") else name: set[str]()
        for name in MAY_IMPORT
    }
    for name, targets in package_graph(file_graph()).items():
        top = name.partition(".")[0] if name.startswith("reports") else name
        found = {"reports" if its.startswith("reports") else its for its in targets}
        one_report.setdefault(top, set()).update(found - {top})
    assert floors(one_report) <= MOST_FLOORS


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("benchmark.core.files", "from longibench.benchmark.runs import runner"),
        ("benchmark.cohorts.reader", "import longibench.benchmark.preparation.prepare"),
        ("metrics.ssim", "if TYPE_CHECKING:\n    from longibench.methods.method import Method"),
        ("reports.model.results", "def f():\n    from longibench.reports.pages import report"),
    ],
)
def test_a_planted_import_is_found(name: str, line: str) -> None:
    files = file_graph()
    files[name] = {*files[name], *imported(ast.parse(line))}
    assert [its for its in wrong_imports(files) if its.startswith(f"{name} imports ")]


def test_a_planted_circle_is_found() -> None:
    files = file_graph()
    line = "from longibench.benchmark.training.trainer import Trainer"
    files["benchmark.training.ema"] |= {*imported(ast.parse(line))}
    assert wrong_imports(files) == []
    assert {"benchmark.training.ema", "benchmark.training.trainer"} <= set(cycle(files))


@pytest.mark.parametrize("name", MODULES)
def test_nothing_prints(name: str) -> None:
    """Results go through the command line, the rest through the console."""
    tree = ast.parse(MODULES[name].read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"]])
def test_the_command_line_starts_light(arguments: list[str]) -> None:
    lines = [
        "import sys",
        "from longibench import cli",
        f"sys.argv = ['cli.py', *{arguments}]",
        "try:",
        "    cli.main() if sys.argv[1:] else None",
        "except SystemExit as ending:",
        "    assert not ending.code, ending.code",
        f"print('heavy:', sorted({HEAVY} & sys.modules.keys()))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("heavy: []")


def test_methods_and_metrics_load_without_what_is_above() -> None:
    """So that others can use them as libraries."""
    code = (
        "import sys, importlib, pkgutil\n"
        "for name in ('longibench.methods', 'longibench.metrics'):\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'{name}.{found.name}')\n"
        "above = {'longibench.cli', 'longibench.reports', 'longibench.benchmark'}\n"
        "print(sorted({*above, 'monai', 'nilearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
