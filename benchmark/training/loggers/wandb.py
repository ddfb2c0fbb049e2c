"""Numbers to Weights & Biases; ``WANDB_MODE=offline`` keeps them in the model's folder."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger


class WandbLogger(Logger):
    """One W&B run; nothing of the machine, the code, the command or the console is recorded."""

    def __init__(self, folder: Path, project: str, run_name: str, run: str) -> None:
        """Create a run, or continue the one of this id.

        Args:
            folder: Where W&B keeps its files.
            project: Name of the project, unless ``WANDB_PROJECT`` is set.
            run_name: Name of the run.
            run: Id of the run.
        """
        import wandb

        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            save_code=False,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
            host=project,
            program=project,
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", project),
            name=run_name,
            id=run,
            resume="allow",
            dir=folder,
            settings=settings,
        )

    @property
    def name(self) -> str:
        """Name in warnings."""
        return "Weights & Biases"

    @property
    def version(self) -> str:
        """Id of the run."""
        return str(self._run.id)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record numbers; W&B itself skips steps that it has."""
        self._run.log(metrics, step=step)

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Record settings."""
        self._run.config.update(_plain(params), allow_val_change=True)

    def finalize(self, status: str) -> None:
        """Send the rest, and record how the training ended."""
        self._run.finish(exit_code=0 if status == "success" else 1)


def _plain(params: dict[str, Any] | Namespace) -> dict[str, Any]:
    return vars(params) if isinstance(params, Namespace) else params
