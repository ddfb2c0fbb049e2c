"""A method with its settings: enough to build it again in any process, and its identity."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.files import digest
from benchmark.plugins import find_method, load_methods
from benchmark.settings import Settings, validate
from methods.method import Method, MethodSettings

METHODS_FOLDER = Path(inspect.getfile(Method)).parent


@dataclass(frozen=True)
class Recipe:
    """How to build a method.

    Attributes:
        name: Registered name.
        values: The method's own settings, complete and checked, as plain values: a plugin's
            classes cannot travel to another process.
        shape: (X, Y, Z) of the benchmark's grid.
        plugins: Files that must be imported first.
    """

    name: str
    values: dict[str, Any]
    shape: tuple[int, int, int]
    plugins: tuple[Path, ...] = ()

    @classmethod
    def of(cls, name: str, settings: Settings, plugins: tuple[Path, ...] = ()) -> "Recipe":
        """Read a method's settings out of a run's.

        Raises:
            UserError: An unknown method, setting or value.
        """
        load_methods(plugins)
        method = find_method(name)
        own: MethodSettings = validate(method.Settings, settings.own_of(name), f"methods.{name}")
        return cls(name, own.model_dump(mode="json"), settings.grid.shape, plugins)

    def method(self) -> type[Method]:
        """The registered class; imports the plugins first, for this may be another process."""
        load_methods(self.plugins)
        return find_method(self.name)

    def build(self) -> Method:
        """Construct the method; its weights come from torch's global generator."""
        method = self.method()
        return method(method.Settings.model_validate(self.values), self.shape)

    def describe(self) -> dict[str, Any]:
        """What determines the method's result beside its training: name, settings, code."""
        return {
            "method": self.name,
            "settings": self.values,
            "shape": list(self.shape),
            "code": code_digest(self.method()),
        }

    def describe_training(self) -> dict[str, Any]:
        """What the trained weights depend on: as ``describe``, less what matters to drawing."""
        settings = self.method().Settings.model_validate(self.values)
        return {**self.describe(), "settings": settings.of_training()}


def code_digest(method: type[Method]) -> str:
    """Digest of the method's source and of the project files it imports from ``methods``.

    Comments, docstrings and layout do not count, so that rewording does not retrain anything.
    """
    file = inspect.getsourcefile(method)
    if file is None:
        raise UserError(f"method '{method.name}': its source cannot be read")
    seen: dict[str, str] = {}
    _collect(Path(file), seen)
    return digest(seen)


def _collect(path: Path, seen: dict[str, str]) -> None:
    if path.stem in seen:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen[path.stem] = ast.unparse(_without_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("methods."):
            _collect(METHODS_FOLDER / f"{str(node.module).split('.')[1]}.py", seen)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree
