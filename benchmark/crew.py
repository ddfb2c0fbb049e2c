"""The processes of one run: started by ``--devices``, by torchrun or by SLURM, led by the first.

Every process of torchrun or ``srun`` runs the whole command line. The first one, rank 0, does what
it always does; the others wait for it to call them to a piece of work that is done together, and
go home when it is done with all. ``torch.distributed``'s process group is the only state.
"""

import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess

import torch
import torch.distributed as dist

from benchmark.errors import UserError
from benchmark.interruption import Interruption, Stopped, stoppable
from benchmark.preparation.pool import end_with_parent

WAIT = timedelta(days=30)  # the others wait while the first one prepares or scores
MEET = timedelta(minutes=10)  # in which all must have come
GRACE_SECONDS = 20.0  # in which a process tells why it ends, before it is ended
FAREWELL_SECONDS = 3.0
OTHER = "longibench-follower"  # name of a process that this one started
PROBLEM = "problem"  # key in the group's store
HOME = 0  # local address of processes on one machine

Call = Callable[[], None]


@dataclass(frozen=True)
class World:
    """Processes that were started from outside, and which of them this one is.

    Attributes:
        launcher: ``torchrun`` or ``srun``.
        rank: Which of all.
        size: How many in all.
        local_rank: Which of this machine's.
        local_size: How many on this machine.
    """

    launcher: str
    rank: int
    size: int
    local_rank: int
    local_size: int


def started() -> World | None:
    """The processes that torchrun or ``srun`` started; None where this one is alone."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        rank, size, place = _numbers("RANK", "WORLD_SIZE", "LOCAL_RANK")
        return World("torchrun", rank, size, place, *_numbers("LOCAL_WORLD_SIZE"))
    # a batch script is told of the tasks too, and is none of them
    if int(os.environ.get("SLURM_NTASKS", 1)) > 1 and "SLURM_STEP_ID" in os.environ:
        from lightning_fabric.plugins.environments import SLURMEnvironment  # takes seconds

        if SLURMEnvironment.detect():  # not in an interactive shell
            rank, size, place = _numbers("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
            return World("srun", rank, size, place, _tasks_here())
    return None


def _numbers(*names: str) -> list[int]:
    return [int(os.environ[name]) for name in names]


def _tasks_here() -> int:
    """Tasks on this node, out of a list of counts such as ``4(x2),3``."""
    listed = os.environ.get("SLURM_STEP_TASKS_PER_NODE") or os.environ["SLURM_TASKS_PER_NODE"]
    counts: list[int] = []
    for part in listed.split(","):
        count, _, times = part.rstrip(")").partition("(x")
        counts += [int(count)] * int(times or 1)
    return counts[int(os.environ["SLURM_NODEID"])]


def in_crew() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized()


def together(work: Call) -> None:
    """Call all processes to a piece of work and do it; for the first process.

    What is raised ends the crew: nobody knows where in the work the others are.

    Args:
        work: Something that can be pickled.

    Raises:
        UserError: Another process ended; its own message where it had one.
    """
    try:
        with _watched():
            _told(work)
            work()
    except RuntimeError as error:
        problem = _problem(error)
        _leave()
        if problem is None:
            raise
        raise UserError(problem) from error
    except BaseException:
        _leave()
        raise


def agreed(interruption: Interruption) -> bool:
    """Whether any process was asked to stop. All must ask at the same place.

    Costs a message between the processes, and no waiting for a GPU.
    """
    if in_crew():
        number = torch.tensor(interruption.number)
        dist.all_reduce(number, dist.ReduceOp.MAX)
        interruption.number = int(number)
    return interruption.requested


@contextmanager
def spawned(size: int, backend: str) -> Iterator[None]:
    """Start the other processes of this machine; this one leads them until the block ends."""
    store = dist.TCPStore("127.0.0.1", HOME, size, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_spawned, args=(store.port, rank, size, backend), name=OTHER)
        for rank in range(1, size)
    ]
    for process in others:
        process.start()
    try:
        _join(store, 0, size, backend)
        yield
    finally:
        _dismiss()
        _end(others)


@contextmanager
def joined(world: World, backend: str) -> Iterator[None]:
    """Meet the processes that were started from outside; the others are free when it ends."""
    if world.launcher == "srun":
        _find_slurm_address()
    store, _, _ = next(dist.rendezvous("env://", world.rank, world.size, timeout=MEET))
    _join(store, world.rank, world.size, backend)
    try:
        yield
    except BaseException:
        if world.rank > 0:  # launchers end all when one ends: the first one shall speak before
            _leave()
            time.sleep(FAREWELL_SECONDS)
        raise
    finally:
        _dismiss() if world.rank == 0 else _leave()


def _find_slurm_address() -> None:
    """Where processes of a SLURM step meet: its first machine, at a port of its own."""
    from lightning_fabric.plugins.environments import SLURMEnvironment

    given = os.environ
    nodes = given.get("SLURM_STEP_NODELIST") or given["SLURM_JOB_NODELIST"]
    port = 15_000 + (int(given["SLURM_JOB_ID"]) + int(given["SLURM_STEP_ID"])) % 10_000
    given.setdefault("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(nodes))
    given.setdefault("MASTER_PORT", str(port))


def follow() -> None:
    """Do what the first process calls for, until it is done with all.

    Raises:
        Stopped: Asked to stop.
        SystemExit: This process or another one cannot go on; the first one says why.
    """
    try:
        while (work := _told(None)) is not None:
            work()
    except UserError as error:
        _store().set(PROBLEM, str(error))
        sys.exit(2)
    except RuntimeError as error:
        if _problem(error) is None:
            raise
        sys.exit(1)


def _told(work: Call | None) -> Call | None:
    """What the first process calls for; None from it sends the others home."""
    box = [work]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


def _spawned(port: int, rank: int, size: int, backend: str) -> None:
    """Life of a process that was started by the first one."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    with stoppable():
        try:
            store = dist.TCPStore("127.0.0.1", port, size, is_master=False, timeout=MEET)
            _join(store, rank, size, backend)
            follow()
        except Stopped as stop:
            sys.exit(stop.status)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        finally:
            _leave()


def _join(store: dist.Store, rank: int, size: int, backend: str) -> None:
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)


def _dismiss() -> None:
    if in_crew():
        with suppress(RuntimeError):  # somebody has ended already
            _told(None)
        _leave()


def _leave() -> None:
    if in_crew():
        dist.destroy_process_group()


def _store() -> dist.Store:
    return dist.distributed_c10d._get_default_store()


def _problem(error: RuntimeError) -> str | None:
    """Why the connection to another process broke; None where the error is another one."""
    if not any(word in str(error) for word in ("closed by peer", "reset by peer", "Broken pipe")):
        return None
    with suppress(RuntimeError):
        store = _store()
        if store.check([PROBLEM]):
            return store.get(PROBLEM).decode()
    return (
        "another process of this run has ended; what it said, if anything, stands above. "
        "What is finished is kept, the same command continues."
    )


@contextmanager
def _watched() -> Iterator[None]:
    """End this process some time after another one was killed: a GPU would wait for it for ever."""
    others = [child for child in multiprocessing.active_children() if child.name == OTHER]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            if any(process.exitcode is not None for process in others):
                if not done.wait(GRACE_SECONDS):
                    print("error: another process of this run was killed", file=sys.stderr)
                    os._exit(1)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _end(others: Sequence[BaseProcess]) -> None:
    """Let processes finish what they say, then end them."""
    until = time.monotonic() + GRACE_SECONDS
    for process in others:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
