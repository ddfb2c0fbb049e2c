"""The process group of one run: started by ``--devices``, by torchrun or by SLURM.

Every process of torchrun or ``srun`` runs the whole command line. Rank 0 does the command's work;
the other ranks wait for work that it broadcasts, and end when it has finished.
``torch.distributed``'s process group is the only state.
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

from longibench import claim_short_names
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.process_pool import end_with_parent
from longibench.benchmark.core.signals import Interruption, Stopped, stoppable
from longibench.benchmark.devices.launch_env import World, find_slurm_address

WAIT = timedelta(days=30)  # other ranks wait while rank 0 prepares or scores
RENDEZVOUS = timedelta(minutes=10)  # for all ranks to join
GRACE_SECONDS = 20.0  # for a rank to print why it ends, before it is killed
SECONDS_FOR_RANK_0 = 5.0  # for rank 0 to print its error, before a launcher ends all ranks
RANK_NAME = "longibench-rank"  # of a process that rank 0 started
ERROR = "error"  # key in the group's store
ANY_PORT = 0

Call = Callable[[], None]


def in_process_group() -> bool:
    """Whether this process is one of several ranks."""
    return dist.is_available() and dist.is_initialized()


def run_on_all_ranks(work: Call) -> None:
    """Broadcast a piece of work to all ranks and do it; called by rank 0.

    An error ends the process group: the other ranks may be anywhere in the work.

    Args:
        work: Picklable.

    Raises:
        UserError: Another rank ended; with its message if it had one.
    """
    try:
        with _exit_if_a_rank_dies():
            _broadcast(work)
            work()
    except RuntimeError as error:
        problem = _why_disconnected(error)
        _destroy_group()
        if problem is None:
            raise
        raise UserError(problem) from error
    except BaseException:
        _destroy_group()
        raise


def any_rank_interrupted(interruption: Interruption) -> bool:
    """Whether any rank got a signal to stop. All ranks must call this at the same place.

    Costs a message between the ranks, and no waiting for a GPU.
    """
    if in_process_group():
        number = torch.tensor(interruption.number)
        dist.all_reduce(number, dist.ReduceOp.MAX)
        interruption.number = int(number)
    return interruption.requested


@contextmanager
def spawn_ranks(size: int, backend: str) -> Iterator[None]:
    """Start the other ranks on this machine; this process is rank 0 until the block ends."""
    store = dist.TCPStore("127.0.0.1", ANY_PORT, size, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_run_rank, args=(store.port, rank, size, backend), name=RANK_NAME)
        for rank in range(1, size)
    ]
    for process in others:
        process.start()
    seconds = SECONDS_FOR_RANK_0
    try:
        _join(store, 0, size, backend)
        yield
        seconds = GRACE_SECONDS
    finally:
        _release_ranks()
        _end(others, seconds)


@contextmanager
def join_ranks(world: World, backend: str) -> Iterator[None]:
    """Join the ranks that a launcher started; the other ranks end with the block of rank 0."""
    if world.launcher == "srun":
        find_slurm_address()
    store, _, _ = next(dist.rendezvous("env://", world.rank, world.size, timeout=RENDEZVOUS))
    _join(store, world.rank, world.size, backend)
    try:
        yield
    except BaseException:
        if world.rank > 0:  # a launcher ends all ranks with one: let rank 0 print its error first
            _destroy_group()
            time.sleep(SECONDS_FOR_RANK_0)
        raise
    finally:
        _release_ranks() if world.rank == 0 else _destroy_group()


def serve() -> None:
    """Do the work that rank 0 broadcasts, until it has finished.

    Raises:
        Stopped: This rank got a signal to stop.
        SystemExit: This rank or another one cannot continue; rank 0 prints why.
    """
    try:
        while (work := _broadcast(None)) is not None:
            work()
    except UserError as error:
        _store().set(ERROR, str(error))
        sys.exit(2)
    except RuntimeError as error:
        if _why_disconnected(error) is None:
            raise
        sys.exit(1)


def _broadcast(work: Call | None) -> Call | None:
    """The work of rank 0; None ends the other ranks."""
    box = [work]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


def _run_rank(port: int, rank: int, size: int, backend: str) -> None:
    """Main function of a rank that rank 0 started."""
    claim_short_names()
    threading.Thread(target=end_with_parent, daemon=True).start()
    with stoppable():
        try:
            store = dist.TCPStore("127.0.0.1", port, size, is_master=False, timeout=RENDEZVOUS)
            _join(store, rank, size, backend)
            serve()
        except Stopped as stop:
            sys.exit(stop.status)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        finally:
            _destroy_group()


def _join(store: dist.Store, rank: int, size: int, backend: str) -> None:
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)


def _release_ranks() -> None:
    if in_process_group():
        with suppress(RuntimeError):  # a rank has ended
            _broadcast(None)
        _destroy_group()


def _destroy_group() -> None:
    if in_process_group():
        dist.destroy_process_group()


def _store() -> dist.Store:
    return dist.distributed_c10d._get_default_store()


def _why_disconnected(error: RuntimeError) -> str | None:
    """Why the connection to another process broke; None for other errors."""
    if not any(word in str(error) for word in ("closed by peer", "reset by peer", "Broken pipe")):
        return None
    with suppress(RuntimeError):
        store = _store()
        if store.check([ERROR]):
            return store.get(ERROR).decode()
    return (
        "another process of this run has ended; its message, if any, is above. "
        "Finished work is kept; the same command continues."
    )


@contextmanager
def _exit_if_a_rank_dies() -> Iterator[None]:
    """End this process some time after another rank was killed: a GPU would wait forever."""
    others = [child for child in multiprocessing.active_children() if child.name == RANK_NAME]
    done = threading.Event()

    def check() -> None:
        while not done.wait(1):
            if any(process.exitcode is not None for process in others):
                if not done.wait(GRACE_SECONDS):
                    sys.stderr.write("error: another process of this run was killed\n")
                    os._exit(1)
                return

    threading.Thread(target=check, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _end(others: Sequence[BaseProcess], seconds: float) -> None:
    """Give processes some seconds to finish and to print, then kill them."""
    until = time.monotonic() + seconds
    for process in others:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
