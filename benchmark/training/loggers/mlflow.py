"""Numbers to MLflow: a local database, or the server that ``MLFLOW_TRACKING_URI`` names."""

import time
from argparse import Namespace
from typing import Any

from lightning_fabric.loggers.logger import Logger

_LONGEST = 6000  # characters of a parameter
_STATUS = {"success": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MLflowLogger(Logger):
    """One MLflow run, by the client alone: it records no user, machine or file."""

    def __init__(self, uri: str, experiment: str, run_name: str, run: str | None) -> None:
        """Continue a run, or create one.

        Args:
            uri: Where MLflow keeps runs.
            experiment: Name of the experiment.
            run_name: Name of a new run.
            run: Id of the run to continue; without one, or if it is missing, a run is created.
        """
        from mlflow import MlflowClient

        self._experiment = experiment
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._run = self._found(run) or self._created(run_name)
        self._last: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Name in warnings."""
        return "MLflow"

    @property
    def version(self) -> str:
        """Id of the run."""
        return self._run

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record numbers; steps that a killed process recorded are not recorded twice."""
        from mlflow.entities import Metric

        now, at = int(time.time() * 1000), step or 0
        new = {key: value for key, value in metrics.items() if at > self._last_step(key)}
        rows = [Metric(key, float(value), now, at) for key, value in new.items()]
        self._client.log_batch(self._run, metrics=rows)
        self._last |= dict.fromkeys(new, at)

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Record settings, which MLflow does not allow to change."""
        from mlflow.entities import Param

        rows = [Param(key, str(value)[:_LONGEST]) for key, value in _plain(params).items()]
        self._client.log_batch(self._run, params=rows)

    def finalize(self, status: str) -> None:
        """Record how the training ended."""
        self._client.set_terminated(self._run, _STATUS[status])

    def _found(self, run: str | None) -> str | None:
        from mlflow.exceptions import MlflowException

        if run is None:
            return None
        try:
            self._client.update_run(run, status="RUNNING")
        except MlflowException:  # another server, or deleted there
            return None
        return run

    def _created(self, run_name: str) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        where = found.experiment_id if found else self._client.create_experiment(self._experiment)
        return str(self._client.create_run(where, run_name=run_name).info.run_id)

    def _last_step(self, key: str) -> int:
        if key not in self._last:
            history = self._client.get_metric_history(self._run, key)
            self._last[key] = max((metric.step for metric in history), default=-1)
        return self._last[key]


def _plain(params: dict[str, Any] | Namespace) -> dict[str, Any]:
    return vars(params) if isinstance(params, Namespace) else params
