"""How Lightning Fabric trains over an existing process group."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from longibench.methods.method import Loss, Method


class Losses(nn.Module):
    """The losses of a method as one module: DDP averages the gradients of calls of its forward."""

    def __init__(self, method: Method) -> None:
        """Args: the method; it is not copied."""
        super().__init__()
        self.method = method

    def forward(self, loss: Loss, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """One of the method's losses of a batch."""
        return loss(source, target, interval_years)


class GroupEnvironment(ClusterEnvironment):
    """To Fabric, each rank is a node of one device: the launcher has placed the ranks."""

    creates_processes_externally = True
    main_address, main_port = "", 0  # not needed: the process group exists

    @staticmethod
    def detect() -> bool:
        """Never chosen by Fabric itself."""
        return False

    def world_size(self) -> int:
        """Number of ranks."""
        return dist.get_world_size()

    def global_rank(self) -> int:
        """This rank."""
        return dist.get_rank()

    def node_rank(self) -> int:
        """This rank: a node has one device."""
        return dist.get_rank()

    def local_rank(self) -> int:
        """Always 0: a node has one device."""
        return 0

    def set_world_size(self, size: int) -> None:
        """Does nothing: the process group has a size."""

    def set_global_rank(self, rank: int) -> None:
        """Does nothing: the process group has ranks."""


class GroupStrategy(DDPStrategy):
    """Data-parallel training, with the options that a method's optimizer steps and layers need."""

    def setup_module(self, module: nn.Module) -> DistributedDataParallel:
        """Wrap a module on its device."""
        device = self.root_device
        return DistributedDataParallel(
            synchronised(module, device),
            device_ids=[device.index] if device.type == "cuda" else None,
            find_unused_parameters=has_unused_parameters(module),
        )


def synchronised(module: nn.Module, device: torch.device) -> nn.Module:
    """Let batch normalisation use the pairs of all GPUs; parameters stay the same objects.

    On CPUs torch has no such layer: each rank then normalises by its own pairs.
    """
    if device.type != "cuda":
        return module
    return nn.SyncBatchNorm.convert_sync_batchnorm(module)


def has_unused_parameters(module: nn.Module) -> bool:
    """Whether an optimizer step of a method trains only a part of its parameters.

    DDP then searches for the parameters that a backward pass did not reach, which takes time.
    """
    if not isinstance(module, Losses):
        return False
    trained = _identities(module.parameters())
    steps = [its for stage in module.method.stages() for its in stage.optimizer_steps]
    return any(_identities(its.parameters) != trained for its in steps)


def _identities(parameters: Iterable[nn.Parameter]) -> set[int]:
    return {id(parameter) for parameter in parameters if parameter.requires_grad}
