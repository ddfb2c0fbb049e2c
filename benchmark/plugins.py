"""Find methods and metrics: every file of their packages, and the user's own files."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import methods
import metrics
from benchmark.errors import UserError, unknown
from methods.method import REGISTRY as METHODS
from methods.method import Method
from metrics.metric import REGISTRY as METRICS
from metrics.metric import Metric


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
    """Look a registered method up.

    Raises:
        UserError: No such method; names the nearest and all that exist.
    """
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name]


def find_metric(name: str) -> type[Metric]:
    """Look a registered metric up; raises a UserError like ``find_method``."""
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def _import_file(path: Path) -> None:
    """Import a plugin once under a name of its own."""
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    name = f"longibench_plugin_{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path.resolve()):
        return
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None  # a path always has one
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"--plugin {path}: {type(error).__name__}: {error}") from error
