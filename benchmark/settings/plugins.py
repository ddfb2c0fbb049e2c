"""Find methods and metrics: every file of their packages, and the user's own files."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from longibench import SHORT_NAMES, methods, metrics, short_names_claimed
from longibench.benchmark.core.code_identity import ModuleFile, closure
from longibench.benchmark.core.code_imports import short_name
from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.names import check_name
from longibench.methods.method import REGISTRY as METHODS
from longibench.methods.method import Method
from longibench.metrics.metric import REGISTRY as METRICS
from longibench.metrics.metric import Metric
from longibench.metrics.retired import successors


def load_methods(plugins: Iterable[Path] = ()) -> dict[str, type[Method]]:
    """Import every file of ``methods/`` and the given plugins; return all registered methods."""
    _import_all(methods)
    for path in plugins:
        _import_file(path)
    return METHODS


def load_metrics(plugins: Iterable[Path] = ()) -> dict[str, type[Metric]]:
    """Import every file of ``metrics/`` and the given plugins; return all registered metrics."""
    _import_all(metrics)
    for path in plugins:
        _import_file(path)
    return METRICS


def find_method(name: str) -> type[Method]:
    """Look up a registered method.

    Raises:
        UserError: No such method; names the nearest and all existing ones.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def find_metric(name: str) -> type[Metric]:
    """Look up a registered metric; raises a UserError like ``find_method``."""
    if name not in METRICS and (new := successors(name)):
        raise UserError(
            f"metric '{name}' is one of an earlier version; name {' and '.join(new)} in its place "
            "(docs/metrics.md)"
        )
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def _import_file(path: Path) -> None:
    """Import a plugin once under a unique name; it may import files from its folder."""
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    if path.suffix != ".py":
        raise UserError(f"--plugin {path}: not a Python file; its name must end in .py")
    path = path.resolve()
    name = plugin_name(path)
    if name in sys.modules:
        return
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last: no file there hides a package
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # a path that ends in .py always has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    known = {*METHODS, *METRICS}
    try:
        with short_names_claimed():
            spec.loader.exec_module(module)
        _refuse_hidden(name, path)
        _check_names({*METHODS, *METRICS} - known, path)
    except BaseException as error:  # a plugin may also end the process, by sys.exit(0)
        del sys.modules[name]
        for registry in (METHODS, METRICS):  # what was registered before the error is removed too
            for added in registry.keys() - known:
                del registry[added]
        if isinstance(error, UserError | KeyboardInterrupt):
            raise
        problem = f"{type(error).__name__}: {error}{_whose(error)}"
        if isinstance(error, SystemExit):
            problem = f"it ends the process when it is imported ({problem})"
        raise UserError(f"--plugin {path}: {problem}") from error


def _check_names(added: Iterable[str], path: Path) -> None:
    """Check the names of methods and metrics that a plugin registered."""
    for name in sorted(added, key=str):
        if name != check_name(name, "the name", f"--plugin {path}"):
            raise UserError(
                f"--plugin {path}: the name '{name}' has spaces around it, or accents that are not "
                "in Unicode's form NFC; write it as one that is read back unchanged"
            )


def _whose(error: BaseException) -> str:
    """What to add where a plugin asked one of our packages for what only another one has."""
    top = short_name(getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ImportError) or top not in SHORT_NAMES:
        return ""
    return f" ('{top}' is longibench's own here; rename a file or folder of that name beside it)"


def plugin_name(path: Path) -> str:
    """Name of a plugin's module: plugins with the same name in two folders are two modules."""
    return f"longibench_plugin_{path.stem}_{digest(str(path.resolve()))}"


def _refuse_hidden(name: str, path: Path) -> None:
    """Check that a plugin imported the files in its folder, not others of the same name."""
    for file in closure(ModuleFile.of(name, path)):
        loaded = getattr(sys.modules.get(file.name), "__file__", None)
        if file.plugin_folder and loaded and Path(loaded).resolve() != file.path.resolve():
            raise UserError(
                f"--plugin {path}: it imports '{file.name}' from its folder, but Python "
                f"has {loaded} under that name; rename {file.path.name}"
            )
