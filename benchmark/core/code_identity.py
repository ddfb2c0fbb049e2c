"""Identity of code: a digest of what runs, independent of its location and the Python version.

A module counts with everything that it imports, in any form, from the project's own packages and
from files next to a plugin. Comments, docstrings, formatting and file names do not count. Only the
standard library is used, so that any Python can compute a digest.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from longibench.benchmark.core.code_imports import (
    FULL_NAME,
    INSTALLED,
    STANDARD_LIBRARY,
    Link,
    ModuleFile,
    short_name,
    what_runs,
)
from longibench.benchmark.core.files import FileState, digest, file_digest, file_state

DEEPEST = 50_000  # recursion limit
UNSEEN = ("ctx", "kind", "type_comment")  # fields of a syntax tree that change nothing

Part = ModuleType | Callable[..., Any]


@dataclass(frozen=True)
class _Module:
    """The code that runs in a file without the imports that are followed, and those imports."""

    body: str  # digest
    links: tuple[Link, ...]


def module_digest(module: ModuleType, without: Iterable[Part | str] = ()) -> str:
    """Digest of the code that a module runs.

    Args:
        module: Imported from a file.
        without: Modules, functions and single imports (``"metrics.allowed>metrics.instruments"``)
            that do not count: what they import counts only if another module imports it too.
    """
    assert module.__file__ is not None
    file = ModuleFile.of(module.__name__, Path(module.__file__))
    names = [part if isinstance(part, str) else name_of(part) for part in without]
    return code_digest(file, frozenset(names))


def class_digest(kind: type, without: Iterable[Part | str] = ()) -> str:
    """Digest of the code of a class: of its module, and of the modules that define its functions.

    The ``__module__`` of a class that was created by calling ``type`` is ``abc``.
    """
    functions = [function for function in vars(kind).values() if isinstance(function, FunctionType)]
    names = dict.fromkeys([kind.__module__, *(function.__module__ for function in functions)])
    modules = [module for name in names if (module := sys.modules.get(name))]
    own = [module for module in modules if _is_ours(module, kind)] or modules[:1]
    without = tuple(without)
    return digest(sorted(module_digest(module, without) for module in own))


def _is_ours(module: ModuleType, kind: type) -> bool:
    """Neither Python's nor, but for the project and the class's own module, what is installed."""
    path = Path(module.__file__ or "")
    if path.parent == STANDARD_LIBRARY:
        return False
    if module.__name__ == kind.__module__ or module.__name__.startswith(f"{FULL_NAME}."):
        return True
    return not set(path.parts) & set(INSTALLED)


def name_of(part: Part) -> str:
    """``methods.samplers`` of a module, ``methods.vae:VAE.generate`` of a function."""
    if isinstance(part, ModuleType):
        return short_name(part.__name__)
    return f"{short_name(part.__module__)}:{part.__qualname__}"


def code_digest(file: ModuleFile, without: frozenset[str] = frozenset()) -> str:
    """Digest of the code that a module's file runs; see ``module_digest``."""
    found = closure(file, without)
    described = [_described(file, without) for file in found]
    return digest([described[0], *sorted(described[1:])])


def closure(file: ModuleFile, without: frozenset[str] = frozenset()) -> list[ModuleFile]:
    """The module and all modules that are followed from it, itself first."""
    PathFinder.invalidate_caches()  # a file may have been added since Python last listed
    found, waiting = {file.name: file}, [file]
    while waiting:
        for link in _read(waiting.pop(), without).links:
            target = link.target
            if target is not None and target.name not in found:
                found[target.name] = target
                waiting.append(target)
    return list(found.values())


def _described(file: ModuleFile, without: frozenset[str]) -> str:
    """Digest of what a module runs and of what runs in the modules that it names."""
    module = _read(file, without)
    links = [
        [link.bound, link.attribute, _read(link.target, without).body if link.target else ""]
        for link in module.links
        if link.bound  # the packages around a module exist wherever the importer is
    ]
    return digest([module.body, links])


def _read(file: ModuleFile, without: frozenset[str]) -> _Module:
    return _parsed(file, without, file_state(file.path))


@lru_cache(maxsize=1024)
def _parsed(file: ModuleFile, without: frozenset[str], _: FileState) -> _Module:
    try:
        with _deep():
            tree, links = what_runs(file, without)
            return _Module(digest(_plain(tree)), links)
    except SyntaxError:  # cannot be imported: an unrelated file in the folder
        return _Module(file_digest(file.path), ())


@contextmanager
def _deep() -> Iterator[None]:
    """Raise the recursion limit: a long sum is a deep syntax tree."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _plain(value: Any) -> Any:
    """A syntax tree as lists that are the same in every version of Python.

    Versions differ in the fields that they add, in which empty fields they show, and in how they
    split the text of an f-string.
    """
    if isinstance(value, ast.Constant):
        return ["Constant", type(value.value).__name__, ascii(value.value)]
    if isinstance(value, ast.JoinedStr):
        return ["JoinedStr", list(_joined(value))]
    if isinstance(value, ast.AST):
        fields = [
            [name, _plain(child)]
            for name, child in sorted(ast.iter_fields(value))
            if name not in UNSEEN and child is not None and child != []
        ]
        return [type(value).__name__, fields]
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return ascii(value) if value is not None else None  # printability depends on Unicode


def _joined(value: ast.JoinedStr) -> Iterator[Any]:
    """Parts of an f-string; adjacent texts are joined."""
    text = ""
    for part in value.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            continue
        if text:
            yield text
        text = ""
        yield _plain(part)
    if text:
        yield text
