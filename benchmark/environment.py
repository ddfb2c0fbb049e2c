"""What Lightning Fabric is told of the processes of a run: they are there, and have met."""

import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment


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
