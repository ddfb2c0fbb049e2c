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
from datetime import timedelta
from multiprocessing.process import BaseProcess

import torch
import torch.distributed as dist

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.process_pool import end_with_parent
from longibench.benchmark.core.signals import Interruption, Stopped, stoppable
from longibench.benchmark.devices.launch_env import World, find_slurm_address

WAIT = timedelta(days=30)  # the others wait while the first one prepares or scores
MEET = timedelta(minutes=10)  # in which all must have come
GRACE_SECONDS = 20.0  # in which a process tells why it ends, before it is ended
FAREWELL_SECONDS = 5.0  # between the ends of processes where one cannot go on
OTHER = "longibench-follower"  # name of a process that this one started
PROBLEM = "problem"  # key in the group's store
HOME = 0  # local address of processes on one machine

Call = Callable[[], None]


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
    patience = FAREWELL_SECONDS
    try:
        _join(store, 0, size, backend)
        yield
        patience = GRACE_SECONDS
    finally:
        _dismiss()
        _end(others, patience)


@contextmanager
def joined(world: World, backend: str) -> Iterator[None]:
    """Meet the processes that were started from outside; the others are free when it ends."""
    if world.launcher == "srun":
        find_slurm_address()
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
                    sys.stderr.write("error: another process of this run was killed\n")
                    os._exit(1)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _end(others: Sequence[BaseProcess], patience: float) -> None:
    """Let processes finish what they do and say, for some seconds, then end them."""
    until = time.monotonic() + patience
    for process in others:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
