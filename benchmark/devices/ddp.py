"""How Lightning Fabric trains over the processes of a run, which are there and have met."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from longibench.methods.method import Method


class CrewEnvironment(ClusterEnvironment):
    """Each process is a node of one device: how they lie on machines is not Fabric's business."""

    creates_processes_externally = True
    main_address, main_port = "", 0  # not needed: the process group is there

    @staticmethod
    def detect() -> bool:
        """Never chosen by Fabric itself."""
        return False

    def world_size(self) -> int:
        """Processes in all."""
        return dist.get_world_size()

    def global_rank(self) -> int:
        """Which of all."""
        return dist.get_rank()

    def node_rank(self) -> int:
        """Which of the nodes of one device."""
        return dist.get_rank()

    def local_rank(self) -> int:
        """Each sees one device."""
        return 0

    def set_world_size(self, size: int) -> None:
        """Decided already."""

    def set_global_rank(self, rank: int) -> None:
        """Decided already."""


class CrewStrategy(DDPStrategy):
    """Data parallel training of any module, as its turns and layers want it."""

    def setup_module(self, module: nn.Module) -> DistributedDataParallel:
        """Wrap a module that lies on its device."""
        device = self.root_device
        return DistributedDataParallel(
            synchronised(module, device),
            device_ids=[device.index] if device.type == "cuda" else None,
            find_unused_parameters=leaves_out(module),
        )


def synchronised(module: nn.Module, device: torch.device) -> nn.Module:
    """Let batch normalisation see the pairs of all GPUs; parameters stay the same objects.

    On CPUs torch has no such layer: each process then normalises by its own pairs.
    """
    if device.type != "cuda":
        return module
    return nn.SyncBatchNorm.convert_sync_batchnorm(module)


def leaves_out(module: nn.Module) -> bool:
    """Whether a turn of a method trains a part of its parameters only.

    Gradients are then averaged after a search for those that a backward pass did not reach, which
    takes time.
    """
    if not isinstance(module, Method):
        return False
    trained = _identities(module.parameters())
    turns = [turn for stage in module.stages() for turn in stage.turns]
    return any(_identities(turn.parameters) != trained for turn in turns)


def _identities(parameters: Iterable[nn.Parameter]) -> set[int]:
    return {id(parameter) for parameter in parameters if parameter.requires_grad}
