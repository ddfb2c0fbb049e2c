"""The house's rule: imports run one way, and the command line starts light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "cli": {"reports", "benchmark", "methods", "metrics"},
    "reports": {"benchmark", "methods", "metrics"},
    "benchmark": {"methods", "metrics"},
    "methods": set(),
    "metrics": set(),
}
HEAVY = {"torch", "monai", "pandas", "numpy", "scipy", "matplotlib", "nilearn", "lightning_fabric"}


def sources(room: str) -> list[Path]:
    return [ROOT / "cli.py"] if room == "cli" else sorted((ROOT / room).rglob("*.py"))


FILES = [(room, path) for room in MAY_IMPORT for path in sources(room)]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """First names of all imports, wherever they stand, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield str(node.module).split(".")[0], node.lineno


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_has_files(room: str) -> None:
    assert sources(room)


@pytest.mark.parametrize(("room", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_imports_run_one_way(room: str, path: Path) -> None:
    allowed = MAY_IMPORT[room] | {room}
    found = imported(ast.parse(path.read_text(encoding="utf-8")))
    wrong = [f"line {line}: {name}" for name, line in found if name in MAY_IMPORT.keys() - allowed]
    assert not wrong


@pytest.mark.parametrize(("room", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_nothing_prints(room: str, path: Path) -> None:
    """Results go through the command line, the rest through the console."""
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"]])
def test_the_command_line_starts_light(arguments: list[str]) -> None:
    lines = [
        "import sys, cli",
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


def test_a_room_is_importable_without_the_ones_above() -> None:
    """Methods and metrics load on their own, so that others can use them as libraries."""
    code = (
        "import sys, importlib, pkgutil\n"
        "for name in ('methods', 'metrics'):\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'{name}.{found.name}')\n"
        "print(sorted({'cli', 'reports', 'benchmark', 'monai', 'nilearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
