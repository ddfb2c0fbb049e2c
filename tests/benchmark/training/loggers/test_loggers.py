import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning_fabric.loggers.logger import Logger

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.training.loggers import loggers
from longibench.benchmark.training.loggers.loggers import Log, build_loggers, require_loggers

SETTINGS = {
    "method": "vae",
    "training": {"iterations": 100, "loggers": ["csv"]},
    "settings": {"weights": "/home/someone/weights.pt"},
}
Train = Callable[..., None]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Log like a training that starts at an iteration."""

    def run(name: Any, start: int, end: int, value: float = 0.0) -> None:
        opened = build_loggers([name], tmp_path, "vae-s0", SETTINGS, step=start)
        log = Log(opened, Console(quiet=True))
        for step in range(start + 10, end + 1, 10):
            log.scalars(step, {"loss": value + step, "learning_rate": 0.1})
        log.close()

    return run


def curve(path: Path) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(path / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


def test_tensorboard_shows_a_resumed_training_as_one_curve(tmp_path: Path, train: Train) -> None:
    pytest.importorskip("tensorboard")
    train("tensorboard", 0, 50)
    train("tensorboard", 20, 60, 1000.0)
    assert curve(tmp_path) == [
        (10, 10.0), (20, 20.0), (30, 1030.0), (40, 1040.0), (50, 1050.0), (60, 1060.0)
    ]  # fmt: skip
    written = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"vae-s0" in written
    assert b"someone" not in written


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlflow_continues_one_run_and_records_no_step_twice(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    train("mlflow", 0, 50)
    train("mlflow", 20, 60, 1000.0)
    with sqlite3.connect(tmp_path / "mlflow.db") as base:
        rows = base.execute("SELECT step, value FROM metrics WHERE key = 'loss' ORDER BY step")
        assert rows.fetchall() == [*((step, float(step)) for step in range(10, 60, 10)), (60, 1060)]
        assert base.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]
        recorded = dict(base.execute("SELECT key, value FROM params").fetchall())
        tags = base.execute("SELECT key, value FROM tags").fetchall()
    base.close()
    assert recorded == {
        "method": "vae",
        "training.iterations": "100",
        "training.loggers": "['csv']",
    }
    assert tags == [("mlflow.runName", "vae-s0")]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_wandb_works_offline_under_one_id_and_records_nothing_of_the_machine(
    tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    train("wandb", 0, 30)
    train("wandb", 30, 60)
    files = sorted(tmp_path.rglob("*.wandb"))
    assert len(files) == 2
    assert len({path.name for path in files}) == 1
    sent = b"".join(path.read_bytes() for path in files)
    assert b"learning_rate" in sent
    assert b"training.iterations" in sent
    for private in (str(tmp_path), "someone", str(Path.cwd()), __file__):
        assert private.encode() not in sent


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "PACKAGES", {"wandb": ("no_such_package",)})
    require_loggers(["csv"])
    with pytest.raises(UserError, match=r'wandb needs no_such_package.*longibench\[loggers\]"'):
        require_loggers(["csv", "wandb"])


def test_csv_needs_no_logger(tmp_path: Path) -> None:
    assert build_loggers(["csv"], tmp_path, "vae-s0", SETTINGS) == []
    assert list(tmp_path.iterdir()) == []


class Recorder(Logger):
    """Keeps its values, up to a step at which its service fails."""

    name, version = "recorder", 0

    def __init__(self, breaks: int) -> None:
        self.breaks, self.steps, self.endings = breaks, [], []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if step == self.breaks:
            raise ConnectionError("server gone")
        self.steps.append(step)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    def finalize(self, status: str) -> None:
        self.endings.append(status)


def test_a_logger_that_fails_is_named_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    broken, sound = Recorder(breaks=2), Recorder(breaks=0)
    log = Log([broken, sound], Console(quiet=True))
    for step in (1, 2, 3):
        log.scalars(step, {"loss": 1.0})
    log.close("interrupted")
    assert (broken.steps, broken.endings) == ([1], [])
    assert (sound.steps, sound.endings) == ([1, 2, 3], ["interrupted"])
    err = capsys.readouterr().err
    assert err.count("recorder no longer records this training: server gone") == 1
