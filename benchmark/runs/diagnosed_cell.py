"""The last step of a cell: the diagnostics of its trained method, which no score depends on."""

from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.diagnostics import diagnose, is_diagnosed
from longibench.benchmark.runs.cell import Cell


def diagnose_cell(cell: Cell, workspace: Workspace, wait_seconds: float = 0) -> None:
    """Diagnose a complete cell, unless that is done.

    Args:
        cell: The cell.
        workspace: Its workspace.
        wait_seconds: How long to wait for another process that writes the same files.

    Raises:
        UserError: A method breaks its contract, or another process writes the same files.
        Stopped: The process got a signal to stop.
    """
    if is_diagnosed(cell.generation):
        return
    with workspace.lock(cell.folder, wait_seconds):
        if not is_diagnosed(cell.generation):  # another process may have done it during the wait
            diagnose(cell.generation)
