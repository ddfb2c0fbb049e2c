"""The ranks that torchrun or SLURM started, and their rendezvous."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """The ranks that a launcher started, and the rank of this process.

    Attributes:
        launcher: ``torchrun`` or ``srun``.
        rank: Rank of this process.
        size: Number of ranks.
        local_rank: Rank on this machine.
        local_size: Number of ranks on this machine.
    """

    launcher: str
    rank: int
    size: int
    local_rank: int
    local_size: int


def started() -> World | None:
    """The ranks that torchrun or ``srun`` started; None for a single process."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        rank, size, place = _numbers("RANK", "WORLD_SIZE", "LOCAL_RANK")
        return World("torchrun", rank, size, place, *_numbers("LOCAL_WORLD_SIZE"))
    # a batch script has the variables of the tasks too, and is none of them
    if int(os.environ.get("SLURM_NTASKS", 1)) > 1 and "SLURM_STEP_ID" in os.environ:
        from lightning_fabric.plugins.environments import SLURMEnvironment  # takes seconds

        if SLURMEnvironment.detect():  # not in an interactive shell
            rank, size, place = _numbers("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
            return World("srun", rank, size, place, _tasks_here())
    return None


def _numbers(*names: str) -> list[int]:
    return [int(os.environ[name]) for name in names]


def _tasks_here() -> int:
    """Tasks on this node, from a list of counts such as ``4(x2),3``."""
    listed = os.environ.get("SLURM_STEP_TASKS_PER_NODE") or os.environ["SLURM_TASKS_PER_NODE"]
    counts: list[int] = []
    for part in listed.split(","):
        count, _, times = part.rstrip(")").partition("(x")
        counts += [int(count)] * int(times or 1)
    return counts[int(os.environ["SLURM_NODEID"])]


def find_slurm_address() -> None:
    """Set the rendezvous of a SLURM step: its first machine, at a port of the job and step."""
    from lightning_fabric.plugins.environments import SLURMEnvironment

    given = os.environ
    nodes = given.get("SLURM_STEP_NODELIST") or given["SLURM_JOB_NODELIST"]
    port = 15_000 + (int(given["SLURM_JOB_ID"]) + int(given["SLURM_STEP_ID"])) % 10_000
    given.setdefault("MASTER_ADDR", SLURMEnvironment.resolve_root_node_address(nodes))
    given.setdefault("MASTER_PORT", str(port))
