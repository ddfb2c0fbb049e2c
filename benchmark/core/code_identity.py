"""Identity of code: a digest of what runs, wherever it lies and whichever Python reads it.

A module counts with everything that it imports, in any form, from the project's own packages and
from files beside a plugin. Comments, docstrings, layout and names of files do not count. Only the
standard library is used, so that any Python can be asked for a digest.
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

DEEPEST = 50_000  # calls
UNSEEN = ("ctx", "kind", "type_comment")  # fields of a syntax tree that change nothing

Part = ModuleType | Callable[..., Any]


@dataclass(frozen=True)
class _Module:
    """What runs in a file, without the imports that are followed, and those imports."""

    body: str  # digest
    links: tuple[Link, ...]


def module_digest(module: ModuleType, without: Iterable[Part | str] = ()) -> str:
    """Digest of the code that a module runs.

    Args:
        module: Imported from a file.
        without: Modules, functions and single imports (``"metrics.allowed>metrics.instruments"``)
            that do not count: what they import counts only where another module imports it too.
    """
    assert module.__file__ is not None
    source = ModuleFile.of(module.__name__, Path(module.__file__))
    names = [part if isinstance(part, str) else name_of(part) for part in without]
    return code_digest(source, frozenset(names))


def class_digest(kind: type, without: Iterable[Part | str] = ()) -> str:
    """Digest of the code of a class: of its module, and of those that its functions are from.

    A class that was made by calling ``type`` says that it is from ``abc``.
    """
    functions = [its for its in vars(kind).values() if isinstance(its, FunctionType)]
    names = dict.fromkeys([kind.__module__, *(its.__module__ for its in functions)])
    modules = [module for name in names if (module := sys.modules.get(name))]
    own = [its for its in modules if _is_ours(its, kind)] or modules[:1]
    without = tuple(without)
    return digest(sorted(module_digest(its, without) for its in own))


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


def code_digest(source: ModuleFile, without: frozenset[str] = frozenset()) -> str:
    """Digest of the code that a module's file runs; see ``module_digest``."""
    found = closure(source, without)
    described = [_described(its, without) for its in found]
    return digest([described[0], *sorted(described[1:])])


def closure(source: ModuleFile, without: frozenset[str] = frozenset()) -> list[ModuleFile]:
    """The module and all that are followed from it, itself first."""
    PathFinder.invalidate_caches()  # a file may have come since Python last looked
    found, waiting = {source.name: source}, [source]
    while waiting:
        for link in _read(waiting.pop(), without).links:
            target = link.target
            if target is not None and target.name not in found:
                found[target.name] = target
                waiting.append(target)
    return list(found.values())


def _described(source: ModuleFile, without: frozenset[str]) -> str:
    """A module by what it runs and by what runs in the modules that it names."""
    module = _read(source, without)
    links = [
        [link.bound, link.attribute, _read(link.target, without).body if link.target else ""]
        for link in module.links
        if link.bound  # a package around a module is there wherever the importer lies
    ]
    return digest([module.body, links])


def _read(source: ModuleFile, without: frozenset[str]) -> _Module:
    return _parsed(source, without, file_state(source.path))


@lru_cache(maxsize=1024)
def _parsed(source: ModuleFile, without: frozenset[str], _: FileState) -> _Module:
    try:
        with _deep():
            tree, links = what_runs(source, without)
            return _Module(digest(_plain(tree)), links)
    except SyntaxError:  # nobody can import it: a file that only lies beside
        return _Module(file_digest(source.path), ())


@contextmanager
def _deep() -> Iterator[None]:
    """A long sum is a deep tree."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _plain(value: Any) -> Any:
    """A syntax tree as lists that every version of Python writes alike.

    Versions differ in fields that they add, in which empty ones they show, and in how they cut the
    text of an f-string.
    """
    if isinstance(value, ast.Constant):
        return ["Constant", type(value.value).__name__, ascii(value.value)]
    if isinstance(value, ast.JoinedStr):
        return ["JoinedStr", list(_joined(value))]
    if isinstance(value, ast.AST):
        fields = [
            [name, _plain(its)]
            for name, its in sorted(ast.iter_fields(value))
            if name not in UNSEEN and its is not None and its != []
        ]
        return [type(value).__name__, fields]
    if isinstance(value, list):
        return [_plain(its) for its in value]
    return ascii(value) if value is not None else None  # what is printable changes with Unicode


def _joined(value: ast.JoinedStr) -> Iterator[Any]:
    """Parts of an f-string, neighbouring texts as one."""
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
