"""Loggers of a training besides its folder: TensorBoard, MLflow, Weights & Biases.

They get numbers and settings only: no picture, path or participant.
"""

import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from longibench.benchmark.core.checked_files import read_json, write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.folder_digests import DamagedFileError
from longibench.benchmark.core.workspace import LOGGER_RUNS
from longibench.benchmark.settings.schema import Logger as Name

if TYPE_CHECKING:
    from lightning_fabric.loggers.logger import Logger

Ending = Literal["success", "interrupted", "failed"]
PROJECT = "longibench"  # project in Weights & Biases, experiment in MLflow
PACKAGES: dict[str, tuple[str, ...]] = {
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "wandb": ("wandb",),
}


class Log:
    """Passes numbers to loggers in a thread, so that neither a disk nor a server delays a step.

    A logger that fails is reported and removed; the training continues.
    """

    def __init__(self, loggers: Sequence["Logger"], console: Console) -> None:
        """Args: loggers with Fabric's interface, empty for no logging; where to warn."""
        self._loggers, self._console = list(loggers), console
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Record numbers of iteration ``step``, counted from 1; returns at once."""
        if self._loggers:
            kept = dict(values)
            self._thread.submit(self._each, lambda logger: logger.log_metrics(kept, step))

    def close(self, ending: Ending = "success") -> None:
        """Wait until everything is logged, and log how the training ended."""
        self._thread.submit(self._each, lambda logger: logger.finalize(ending))
        self._thread.shutdown()

    def _each(self, act: Callable[["Logger"], None]) -> None:
        for logger in list(self._loggers):
            try:
                act(logger)
            except Exception as error:  # a service's failure must not end the training
                self._loggers.remove(logger)
                self._console.warn(f"{logger.name} no longer records this training: {error}")


def require_loggers(names: Sequence[Name]) -> None:
    """Check that the packages are installed, before anything is started.

    Raises:
        UserError: A package is missing.
    """
    for name in names:
        missing = [package for package in PACKAGES.get(name, ()) if find_spec(package) is None]
        if missing:
            raise UserError(
                f"training.loggers: {name} needs {' and '.join(missing)}; "
                'install with pip install "longibench[loggers]"'
            )


def build_loggers(
    names: Sequence[Name], folder: Path, run_name: str, settings: Mapping[str, Any], step: int = 0
) -> list["Logger"]:
    """Open the loggers of a training, or continue those of the same folder.

    A training that restarts from a checkpoint opens its loggers again.

    Args:
        names: ``training.loggers``; ``csv`` is written with the checkpoints and needs none.
        folder: The model's folder, with local logs and the services' run ids.
        run_name: Name of the training in the services.
        settings: Recorded with the numbers; values that look like paths are left out.
        step: Iterations done.

    Raises:
        UserError: A package is missing, or a logger cannot be opened.
    """
    require_loggers(names)
    builders = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
    public = _public(settings)
    loggers = []
    for name in dict.fromkeys(names):
        if name in builders:
            try:
                loggers.append(builders[name](folder, run_name, public, step))
            except Exception as error:  # each service has its own error classes
                raise UserError(f"training.loggers: {name} cannot be opened: {error}") from error
    return loggers


def _public(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings as ``key.path: value``, without paths."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _public(value, f"{prefix}{key}.")
        elif not any(mark in str(value) for mark in "/\\"):
            flat[prefix + key] = value
    return flat


def _runs(folder: Path) -> dict[str, str]:
    """Runs by logger; none if they cannot be read: each logger then begins a new one."""
    try:
        return read_json(folder / LOGGER_RUNS, dict[str, str])
    except DamagedFileError:
        return {}


def _remember(folder: Path, name: str, run: str) -> None:
    write_json(folder / LOGGER_RUNS, {**_runs(folder), name: run})


def _tensorboard(folder: Path, run_name: str, settings: dict[str, Any], step: int) -> "Logger":
    """``tensorboard --logdir runs/models`` shows all trainings of a workspace."""
    from lightning_fabric.loggers import TensorBoardLogger

    # rows that a killed process logged after its last checkpoint are logged again, and shown once
    logger = TensorBoardLogger(folder, name="", version="tensorboard", purge_step=step + 1)
    if step == 0:
        text = json.dumps({"run": run_name, **settings}, indent=4).replace("\n", "\n    ")
        logger.experiment.add_text("settings", f"    {text}", 0)
    return logger


def _mlflow(folder: Path, run_name: str, settings: dict[str, Any], step: int) -> "Logger":
    from longibench.benchmark.training.loggers.mlflow import MLflowLogger

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    known = _runs(folder).get("mlflow")
    logger = MLflowLogger(uri, PROJECT, run_name, known)
    if logger.version != known:
        _remember(folder, "mlflow", logger.version)
        logger.log_hyperparams(settings)
    return logger


def _wandb(folder: Path, run_name: str, settings: dict[str, Any], step: int) -> "Logger":
    from longibench.benchmark.training.loggers.wandb import WandbLogger

    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    run = _runs(folder).get("wandb") or uuid.uuid4().hex[:12]
    _remember(folder, "wandb", run)
    logger = WandbLogger(folder, PROJECT, run_name, run)
    logger.log_hyperparams(settings)
    return logger
