"""Run cells on a Ray cluster: each is a task; if its worker dies, another one continues it."""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import longibench
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.signals import Stopped, interruptible, stoppable
from longibench.benchmark.devices import fabric
from longibench.benchmark.evaluation.diagnostics import is_diagnosed
from longibench.benchmark.runs.cell import Cell, complete
from longibench.benchmark.runs.diagnosed_cell import diagnose_cell
from longibench.benchmark.settings.schema import DeviceSettings, Settings
from longibench.benchmark.training.checkpoints import last_step

PATIENCE = 120  # seconds after which a network file system has released a dead machine's lock
GRACE = 300  # seconds for stopped cells to save
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no statistics are sent
    "RAY_DEDUP_LOGS": "0",  # cells' lines differ only in numbers
    "RAY_worker_niceness": "0",  # Ray's default gives workers a low priority
}


class CutOffError(Exception):
    """The worker got a signal to stop, for example before its machine ends; another continues."""


@dataclass
class _Outcome:
    """Failures of cells so far."""

    failures: list[str] = field(default_factory=list)
    unexpected: Exception | None = None


def launch(cells: Sequence[Cell], settings: Settings, console: Console) -> None:
    """Complete every cell that is not complete; one that fails does not affect the others.

    The cluster is the one that ``RAY_ADDRESS`` names, or one started here. All machines must have
    the same files under the same paths.

    Raises:
        UserError: Ray is not installed or not reachable, or cells failed, with their reasons.
        Stopped: The driver got a signal to stop; the cells have saved.
    """
    missing = [
        _quiet(cell) for cell in cells if not (cell.scored and is_diagnosed(cell.generation))
    ]
    if not missing:
        return
    with _cluster(console) as ray:
        needs = _resources(ray, settings, len(missing), console)
        task = ray.remote(
            max_retries=settings.ray.retries, retry_exceptions=[CutOffError], **needs
        )(work)
        place = os.getcwd()
        pending = {
            task.options(name=cell.name).remote(cell, place, console.quiet): cell
            for cell in missing
        }
        outcome = _gather(ray, pending, console)
    if outcome.unexpected:
        raise outcome.unexpected
    if outcome.failures:
        failed = "\n  ".join(outcome.failures)
        raise UserError(
            f"{len(outcome.failures)} of {len(missing)} cells failed, the others are finished; "
            f"the same command tries again:\n  {failed}"
        )


def resolved(settings: Settings, console: Console) -> DeviceSettings:
    """Resolve ``auto`` on a machine of the cluster.

    Without a running cluster, one is started on this machine later, so it is resolved here.
    """
    device = settings.device
    if device.accelerator == "cpu" or "auto" not in (device.accelerator, device.precision):
        return fabric.resolved(device)
    with _cluster(console, address="auto") as ray:
        if ray is None:
            return fabric.resolved(device)
        gpus = [node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"]]
        on_gpu = device.accelerator == "cuda" or any(gpus)
        # a small share, so that a busy cluster also answers
        needs = {"num_cpus": 0, "num_gpus": 0.01 if on_gpu else 0}
        if on_gpu:
            console.say("asking a machine of the Ray cluster for the precision of its GPU")
        answer: DeviceSettings = ray.get(ray.remote(**needs)(fabric.resolved).remote(device))
        return answer


def work(cell: Cell, place: str, quiet: bool) -> str:
    """Complete a cell in a worker, from where another one ended.

    Args:
        cell: The cell.
        place: The driver's folder, the base of relative paths.
        quiet: Show no progress.

    Returns:
        An error that the user must fix and another try would not; empty if the cell is complete.

    Raises:
        CutOffError: The worker got a signal to stop.
    """
    host = socket.gethostname()
    if not Path(place).is_dir():
        return f"{host} has no folder {place}: Ray needs the same files on all machines"
    os.chdir(place)
    console = Console(quiet)
    console.say(f"{cell.name} on {host}: {_state(cell)}")
    longibench.claim_short_names()
    try:
        _check_code(cell)
        with stoppable():
            evaluator = cell.scoring.evaluator(Console(quiet=True))
            complete(cell, cell.scoring.workspace, evaluator, PATIENCE)
            diagnose_cell(cell, cell.scoring.workspace, PATIENCE)
    except UserError as error:
        return str(error)
    except Stopped as stop:
        raise CutOffError(f"{cell.name} on {host}: {stop}") from None
    return ""


def _check_code(cell: Cell) -> None:
    """Check that this process has the driver's code of the method.

    Raises:
        UserError: It has other code.
    """
    generation = cell.generation
    if generation.recipe.describe()["code"] != generation.info["made_by"]["code"]:
        raise UserError(
            f"{socket.gethostname()} has other code of {generation.recipe.name} than the driver: "
            f"longibench is {longibench.__file__} there. Install the same on all machines, and do "
            "not start in a folder with another longibench: Ray's workers import from it first"
        )


def _state(cell: Cell) -> str:
    if cell.generated:
        return "score"
    if cell.training is None or cell.trained:
        return "generate"
    done = last_step(cell.training.folder)
    total = cell.training.training.iterations
    return f"train from iteration {done} of {total}" if done else f"train {total} iterations"


def _quiet(cell: Cell) -> Cell:
    """The same cell without bars: many workers share one terminal."""
    training = cell.training and replace(cell.training, quiet=True)
    return replace(cell, training=training, generation=replace(cell.generation, quiet=True))


@contextmanager
def _cluster(console: Console, address: str | None = None) -> Iterator[Any]:
    """Ray, connected; its output goes to stderr, because stdout is for results.

    Args:
        console: Whether to be quiet.
        address: ``auto`` for a running cluster; yields None if there is none.
    """
    for name, value in ENVIRONMENT.items():  # read when Ray is imported
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise UserError(
            "--launcher ray: Ray is not installed; pip install 'longibench[ray]'"
        ) from None
    with redirect_stdout(sys.stderr):
        if ray.is_initialized():
            yield ray
            return
        try:
            ray.init(address, log_to_driver=not console.quiet, logging_level=logging.WARNING)
        except ConnectionError as error:
            if address is None:
                raise UserError(f"--launcher ray: no cluster can be reached: {error}") from error
            yield None
            return
        except (RuntimeError, ValueError) as error:
            raise UserError(f"--launcher ray: no cluster can be reached: {error}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _resources(ray: Any, settings: Settings, count: int, console: Console) -> dict[str, float]:
    """What a cell needs of one machine: its GPUs, or its share of the cluster's CPU cores."""
    device, nodes = settings.device, [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if device.num_nodes > 1:
        raise UserError("--launcher ray: a cell runs on one machine; leave --num-nodes out")
    cpus = [node.get("CPU", 0) for node in nodes]
    share = max(1, int(min(sum(cpus) // count, max(cpus))))
    needs: dict[str, float] = {"num_cpus": settings.ray.cpus or device.threads or share}
    gpus = [node.get("GPU", 0) for node in nodes]
    if device.accelerator == "cuda" or (device.accelerator == "auto" and any(gpus)):
        needs = {"num_cpus": settings.ray.cpus or device.threads or 1, "num_gpus": device.devices}
    if needs["num_cpus"] > max(cpus) or needs.get("num_gpus", 0) > max(gpus):
        console.warn(f"no machine of the Ray cluster has what a cell needs: {needs}; waiting")
    return needs


def _gather(ray: Any, pending: dict[Any, Cell], console: Console) -> _Outcome:
    """Wait for all cells, and report each one that ends.

    Raises:
        Stopped: The driver got a signal to stop.
    """
    outcome, total = _Outcome(), len(pending)
    with interruptible() as interruption, console.bar("cells", total) as bar:
        while pending:
            ended, _ = ray.wait(list(pending), timeout=1)
            for task in ended:
                _record(ray, task, pending.pop(task), outcome, console)
                bar.advance()
            if interruption.requested:
                _stop(ray, pending, console)
                raise Stopped(interruption.number)
    return outcome


def _record(ray: Any, task: Any, cell: Cell, outcome: _Outcome, console: Console) -> None:
    """Record and print how a cell ended."""
    failure = ""
    try:
        failure = ray.get(task)
    except ray.exceptions.RayTaskError as error:
        outcome.unexpected = outcome.unexpected or error
        failure = str(error)
    except ray.exceptions.RayError as error:  # after all retries
        failure = f"its worker died: {error}"
    if failure:
        outcome.failures.append(f"{cell.name}: {failure}")
    console.say(f"{cell.name}: {'failed' if failure else 'finished'}")


def _stop(ray: Any, pending: dict[Any, Cell], console: Console) -> None:
    """Stop all cells, and wait until they have saved."""
    console.say(f"stopping {len(pending)} cells")
    for task in pending:
        ray.cancel(task)
    if pending:
        ray.wait(list(pending), num_returns=len(pending), timeout=GRACE)
