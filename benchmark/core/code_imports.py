"""Which files of the project a module imports, in any form, and what else runs in it."""

import ast
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import longibench
from longibench import SHORT_NAMES

HOME = Path(__file__).parents[2]  # the folder of the project's packages
FULL_NAME = longibench.__name__  # plugins may omit it; names here are without it
IMPORTERS = ("import_module", "__import__")  # functions that take the name of a module
LOADERS = (  # functions that take a file or code to run
    *("spec_from_file_location", "SourceFileLoader", "resolve_name"),
    *("run_path", "run_module", "exec"),
)
INSTALLED = ("site-packages", "dist-packages")
STANDARD_LIBRARY = Path(ast.__file__).parent
OF_TYPES_ALONE = "TYPE_CHECKING"  # code under it does not run


@dataclass(frozen=True)
class ModuleFile:
    """A module as a file.

    Attributes:
        name: Its name, such as ``methods.blocks``.
        path: Its file.
        package: The package that its relative imports start from; empty outside of a package.
        plugin_folder: The folder of a plugin, whose other files are followed; None in the
            project's packages.
    """

    name: str
    path: Path
    package: str = ""
    plugin_folder: Path | None = None

    @classmethod
    def of(cls, name: str, path: Path) -> "ModuleFile":
        """The module with a name and file: one of the project, or a plugin."""
        is_package = path.stem == "__init__"
        name = short_name(name)
        package = name if is_package else name.rpartition(".")[0]
        if name.partition(".")[0] in SHORT_NAMES:
            return cls(name, path, package)
        return cls(name, path, package, path.parents[name.count(".") + is_package])


@dataclass(frozen=True)
class Link:
    """An import that is followed: the name that it binds, the attribute, and the module."""

    bound: str
    attribute: str
    target: ModuleFile | None  # None for what is left out


def what_runs(file: ModuleFile, without: frozenset[str]) -> tuple[ast.AST, tuple[Link, ...]]:
    """What runs in a module without the imports that are followed, and those imports.

    Args:
        file: The module.
        without: Names of modules, functions and imports that do not count.
    """
    runs = _Runs(file, without)
    tree = runs.visit(ast.parse(file.path.read_bytes()))
    return tree, tuple(runs.links)


class _Runs(ast.NodeTransformer):
    """Keeps in a tree what runs, and records the imports that are followed."""

    def __init__(self, file: ModuleFile, without: frozenset[str]) -> None:
        self.links: list[Link] = []
        self._file, self._without = file, without
        self._inside: list[str] = []  # classes and functions around
        self._bound: dict[str, str] = {}  # names of modules that are followed
        self._importers: dict[str, str] = {}  # other names of import_module and similar functions

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node.value) else self.generic_visit(node)  # a docstring

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_If(self, node: ast.If) -> Any:
        test = node.test
        name = test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")
        if name != OF_TYPES_ALONE:
            return self.generic_visit(node)
        return [kept for kept in map(self.visit, node.orelse) if kept is not None]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST | None:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST | None:
        qualified = ".".join([*self._inside, node.name])
        if f"{self._file.name}:{qualified}" in self._without:
            return None
        return self._within(node, "<locals>")

    def _within(self, node: Any, *more: str) -> ast.AST:
        self._inside += [node.name, *more]
        visited = self.generic_visit(node)
        del self._inside[-1 - len(more) :]
        return visited

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        node.names = [alias for alias in node.names if not self._follow_module(alias)]
        return node if node.names else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        base = short_name(_absolute(node, self._file.package))
        known = bool(self._found(base))
        kept = []
        for alias in node.names:
            bound, inner = alias.asname or alias.name, f"{base}.{alias.name}".lstrip(".")
            if self._found(inner):
                self._bound[bound] = inner
                self._add(bound, "", inner)
            elif known:
                self._add(bound, alias.name, base)
            else:
                self._importers[bound] = alias.name
                kept.append(alias)
        node.names = kept
        return node if kept else None

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if self._original(node.func) in IMPORTERS:
            self._follow_call(node)
            node.args = [self.visit(child) for child in node.args]
            node.keywords = [self.visit(child) for child in node.keywords]
            return node
        if self._original(node.func) in LOADERS:
            self._follow_all(node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and self._original(node) in IMPORTERS:
            self._follow_all(node)  # passed on: its arguments cannot be determined
        return node

    def _original(self, node: ast.expr) -> str:
        """The name of a function in the module that it was imported from."""
        name = str(getattr(node, "attr", getattr(node, "id", "")))
        return self._importers.get(name, name)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``methods.blocks.fold`` after any import that binds ``methods``."""
        if node.attr in IMPORTERS:
            self._follow_all(node)
        parts = _dotted(node)
        name = self._bound.get(parts[0]) if parts else None
        for part in parts[1:] if name is not None else ():
            name = f"{name}.{part}" if name else part
            if not self._found(name):
                break
            self._add("", "", name)
        return self.generic_visit(node)

    def _follow_call(self, node: ast.Call) -> None:
        """Follow ``import_module`` and ``__import__``; all files if the name is computed."""
        given = {str(child.arg): child.value for child in node.keywords}
        given |= dict(zip(("name", "package"), node.args, strict=False))
        name, package = (getattr(given.get(key), "value", None) for key in ("name", "package"))
        if not isinstance(name, str):
            self._follow_all(node)
            return
        base = package if isinstance(package, str) else self._file.package
        name = short_name(_resolved(name, base))
        if self._found(name):
            self._add("", "", name)
        texts = [child.value for child in ast.walk(node) if isinstance(child, ast.Constant)]
        for inner in (f"{name}.{text!s}" for text in texts):  # fromlist names modules too
            if self._found(inner):
                self._add("", "", inner)

    def _follow_all(self, node: ast.AST) -> None:
        """What is imported cannot be determined: all candidate files count.

        For a plugin these are the files in its folder, for a module of the project those of its
        package; in addition those of the packages that are named.
        """
        texts = [str(child.value) for child in ast.walk(node) if isinstance(child, ast.Constant)]
        named = {short_name(text).partition(".")[0] for text in texts} & set(SHORT_NAMES)
        own = self._file.name.partition(".")[0]
        packages = named | ({"methods"} if self._file.plugin_folder else {own})
        names = [name for package in packages for name in _modules(HOME / package, package)]
        if self._file.plugin_folder and not is_installed(self._file.plugin_folder):
            names += _neighbours(self._file.plugin_folder)
        for name in sorted(names):
            if name != self._file.name and self._found(name):
                self._add("", "", name)

    def _follow_module(self, alias: ast.alias) -> bool:
        name, first = short_name(alias.name), alias.name.partition(".")[0]
        if name and not self._found(name):
            return False
        self._bound[alias.asname or first] = name if alias.asname else short_name(first)
        if name:
            self._add(alias.asname or alias.name, "", name)
        return True

    def _add(self, bound: str, attribute: str, name: str) -> None:
        """Follow a module, and the packages around it, whose ``__init__`` runs first."""
        parts = name.split(".")
        for end in range(1, len(parts)):
            around = self._found(".".join(parts[:end]))
            if around:
                self.links.append(Link("", "", around))
        left_out = {name, f"{self._file.name}>{name}"} & self._without
        self.links.append(Link(bound, attribute, None if left_out else self._found(name)))

    def _found(self, name: str) -> ModuleFile | None:
        folder, first = self._file.plugin_folder, name.partition(".")[0]
        own = self._file.name.partition(".")[0]
        if folder is not None and is_installed(folder) and first not in (*SHORT_NAMES, own):
            return None  # of installed packages, only the one that the method is in
        return find_module(name, folder)


def short_name(name: str) -> str:
    """``methods.blocks`` of ``longibench.methods.blocks``: both are the same module."""
    return "" if name == FULL_NAME else name.removeprefix(f"{FULL_NAME}.")


def is_installed(folder: Path) -> bool:
    """Whether a folder holds installed packages, or Python's own modules."""
    return folder.name in INSTALLED or folder == STANDARD_LIBRARY


def find_module(name: str, plugin_folder: Path | None) -> ModuleFile | None:
    """The file of a module in the project's packages or in a plugin's folder; None for others."""
    if name.partition(".")[0] in SHORT_NAMES:
        folder, plugin_folder = HOME, None
    elif plugin_folder is not None:
        folder = plugin_folder
    else:
        return None
    spec = _spec_in(folder, name)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    is_package = spec.submodule_search_locations is not None
    package = name if is_package else name.rpartition(".")[0]
    return ModuleFile(name, Path(spec.origin), package, plugin_folder)


def _spec_in(folder: Path, name: str) -> ModuleSpec | None:
    """A module as Python would find it in this folder only; nothing is imported."""
    places: list[str] | None = [str(folder)]
    spec = None
    for part in name.split("."):
        if not part or not places:
            return None
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        if spec.loader is None:  # a namespace package, whose own path depends on what is imported
            places = [str(Path(place) / part) for place in places]
        else:
            places = spec.submodule_search_locations
    return spec


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _dotted(node: ast.expr) -> list[str]:
    """``["a", "b", "c"]`` of ``a.b.c``; empty if it does not begin with a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value)
        return [*above, node.attr] if above else []
    return []


def _modules(folder: Path, package: str) -> list[str]:
    """Names of a package's modules, including those of its subpackages."""
    files = [path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py")]
    return [".".join([package, *parts]).removesuffix(".__init__") for parts in files]


def _neighbours(folder: Path) -> list[str]:
    """Names of the modules and packages in a plugin's folder."""
    inside = sorted(path.parent for path in folder.glob("*/__init__.py"))
    names = [name for place in inside for name in _modules(place, place.name)]
    return [*names, *(path.stem for path in folder.glob("*.py"))]


def _resolved(name: str, package: str) -> str:
    """A module's full name; unchanged if it is relative to a parent beyond its package."""
    try:
        return resolve_name(name, package or "methods")
    except ImportError:
        return name


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Name of the module of a ``from`` import, relative ones resolved."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return ".".join(part for part in (base, node.module) if part)
