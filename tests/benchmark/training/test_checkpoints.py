import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.training.checkpoints import (
    Checkpoint,
    last_step,
    load_latest,
    require_latest,
    save_checkpoint,
    write_final,
)

QUIET = Console(quiet=True)


def checkpoint(step: int) -> Checkpoint:
    shared = torch.full((3,), float(step))
    return Checkpoint(
        step=step,
        weights={"a": shared, "b": shared},  # tied weights share memory
        average={"a": shared / 2},
        state={"optimizers": [[{"state": {0: {"exp_avg": torch.ones(2)}}}]], "seconds": 1.5},
        losses=[["fit", step, 0.5, 1.5]],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (3, 6, 9):
        save_checkpoint(tmp_path, checkpoint(step))
    return tmp_path


def test_a_saved_checkpoint_is_read_back(folder: Path) -> None:
    found = load_latest(folder, QUIET)
    assert found is not None
    assert (found.step, found.losses) == (9, [["fit", 9, 0.5, 1.5]])
    assert found.weights["b"].tolist() == [9, 9, 9]
    assert found.to_generate["a"].tolist() == [4.5] * 3
    assert found.state["optimizers"][0][0]["state"][0]["exp_avg"].tolist() == [1, 1]


def test_only_the_last_two_are_kept(folder: Path) -> None:
    assert [path.name for path in sorted(folder.iterdir())] == ["step-00000006", "step-00000009"]
    assert last_step(folder) == 9
    assert last_step(folder / "none") == 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["weights.safetensors", "ema.safetensors", "state.pt"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, damage: Callable[[Path], None]
) -> None:
    damage(folder / "step-00000009" / name)
    found = load_latest(folder, QUIET)
    assert found is not None
    assert found.step == 6
    assert "step-00000009 is damaged" in capsys.readouterr().err
    save_checkpoint(folder, checkpoint(9))  # replaces the damaged one
    assert require_latest(folder, QUIET).step == 9


def test_a_cut_index_is_damage_too(folder: Path) -> None:
    cut(folder / "step-00000009" / "index.json")
    assert require_latest(folder, QUIET).step == 6


def test_a_finished_training_generates_only_from_its_last_checkpoint(folder: Path) -> None:
    write_final(folder, {"iterations": 9, "seconds": 1.0})
    assert require_latest(folder, QUIET).step == 9
    cut(folder / "step-00000009" / "weights.safetensors")
    with pytest.raises(UserError, match=r"final checkpoint is damaged; delete .*trained\.json"):
        require_latest(folder, QUIET)


def test_no_usable_checkpoint_is_an_error(tmp_path: Path) -> None:
    assert load_latest(tmp_path, QUIET) is None
    with pytest.raises(UserError, match="no usable checkpoint"):
        require_latest(tmp_path, QUIET)


def test_a_full_disk_is_a_message(folder: Path) -> None:
    """The limit on a file's size makes a real write fail in the middle."""
    big = Checkpoint(12, {"a": torch.zeros(100_000)}, {}, {}, [])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(UserError, match=r"cannot write .*step-00000012"):
            save_checkpoint(folder, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in sorted(folder.iterdir())] == ["step-00000006", "step-00000009"]
