"""Checkpoints: complete, checked by digest, never unpickled, written atomically."""

import io
import json
import shutil
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from longibench.benchmark.core.checked_files import (
    CONTENT_ERRORS,
    read_json,
    understood,
    write_json,
)
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import missing, remove_changed
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import atomic_folder, file_digest
from longibench.benchmark.core.folder_digests import DamagedFileError, Finding
from longibench.benchmark.core.workspace import AVERAGE, INDEX, STATE, TRAINED, WEIGHTS

# raised by a damaged checkpoint
DAMAGE = (OSError, SafetensorError, *CONTENT_ERRORS)

Weights = dict[str, Tensor]


@dataclass
class Checkpoint:
    """Everything that training needs to resume exactly.

    Attributes:
        step: Training steps done; it determines the position in the data.
        weights: State dict of the method.
        average: Averaged weights (EMA); empty without averaging.
        state: Optimizer states, random states: tensors, numbers and plain containers only.
        losses: Rows (stage, step, loss, seconds) so far.
    """

    step: int
    weights: Weights
    average: Weights
    state: dict[str, Any]
    losses: list[list[Any]]

    @property
    def to_generate(self) -> Weights:
        """The weights for generation: the average if there is one."""
        return self.average or self.weights


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> None:
    """Write ``folder/step-<n>/`` atomically and drop all but the last ``keep``."""
    target = folder / f"step-{checkpoint.step:08d}"
    if target.exists():  # a damaged checkpoint of the same step
        shutil.rmtree(target)
    with atomic_folder(target) as temporary:
        # serialised first: torch and safetensors raise other errors than OSError on a full disk
        digests = {
            WEIGHTS: _write(temporary / WEIGHTS, save(_plain(checkpoint.weights))),
            AVERAGE: _write(temporary / AVERAGE, save(_plain(checkpoint.average))),
            STATE: _write(temporary / STATE, _serialised(checkpoint.state)),
        }
        index = {"step": checkpoint.step, "sha256": digests, "losses": checkpoint.losses}
        (temporary / INDEX).write_text(json.dumps({**index, "own_sha256": _own_digest(index)}))
    for old in _steps(folder)[:-keep]:
        shutil.rmtree(old)


def load_latest(folder: Path, console: Console) -> Checkpoint | None:
    """Read the newest undamaged checkpoint; None if there is none.

    A damaged checkpoint is reported, and the one before it is used.
    """
    for path in reversed(_steps(folder)):
        try:
            return _load(path)
        except DAMAGE as error:
            console.warn(f"{path} is damaged ({error}); using the checkpoint before it")
    return None


def write_final(folder: Path, info: dict[str, Any]) -> None:
    """Mark a training as complete."""
    write_json(folder / TRAINED, info)


def read_final(folder: Path) -> dict[str, Any] | None:
    """The record of a complete training; None if there is none that can be read."""
    path = folder / TRAINED
    try:
        final = read_json(path, dict[str, Any])
        with understood(path):
            return {**final, "iterations": int(final["iterations"]), "seconds": final["seconds"]}
    except DamagedFileError:
        return None


def reopen_if_damaged(folder: Path, console: Console) -> None:
    """Remove what has changed of a training; it is then completed from its last checkpoint.

    The caller holds the folder's lock.
    """
    changed, lost = remove_changed(folder, console), missing(folder)
    for name in sorted(lost - changed):
        console.warn(f"{folder / name}: {Finding.MISSING.value}; it is made again")
    if changed or lost:
        (folder / TRAINED).unlink(missing_ok=True)


def is_intact(folder: Path) -> bool:
    """Whether the last checkpoint of a complete training exists and is undamaged."""
    final, steps = read_final(folder), _steps(folder)
    if final is None or not steps:
        return False
    try:
        return _checked(steps[-1])["step"] == final["iterations"]
    except DAMAGE:
        return False


def last_step(folder: Path) -> int:
    """Step of the newest checkpoint, 0 without one; no file is read."""
    steps = _steps(folder)
    return int(steps[-1].name.removeprefix("step-")) if steps else 0


def _load(path: Path) -> Checkpoint:
    index = _checked(path)
    return Checkpoint(
        step=index["step"],
        weights=load_file(path / WEIGHTS),
        average=load_file(path / AVERAGE),
        state=_state(path / STATE),
        losses=index["losses"],
    )


def _state(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # the unpickler raises whatever damaged bytes lead it to
        reason = (str(error) or type(error).__name__).partition(". ")[0]  # torch's are pages
        raise ValueError(f"{path.name} cannot be read: {reason}") from error


def _checked(path: Path) -> dict[str, Any]:
    """The index of a checkpoint whose files have its digests; each is hashed once a process."""
    index: dict[str, Any] = json.loads((path / INDEX).read_text())
    own = index.pop("own_sha256", "")
    if own and own != _own_digest(index):  # earlier versions wrote none
        raise ValueError(f"{INDEX} does not match its digest")
    for name, expected in index["sha256"].items():
        status = (path / name).stat()
        identity = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if _digest(path / name, identity) != expected:
            raise ValueError(f"{name} does not match its digest")
    return index


@lru_cache(maxsize=64)
def _digest(file: Path, _: tuple[int, ...]) -> str:
    return file_digest(file)


def _own_digest(index: dict[str, Any]) -> str:
    return sha256(json.dumps(index).encode()).hexdigest()


def _write(file: Path, content: bytes) -> str:
    """Write a file; returns its digest."""
    file.write_bytes(content)
    return sha256(content).hexdigest()


def _serialised(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _plain(weights: Weights) -> Weights:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}


def _steps(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def require_latest(folder: Path, console: Console) -> Checkpoint:
    """Like ``load_latest``, but a missing or incomplete end is an error.

    Raises:
        UserError: No checkpoint is usable, or the last one of a complete training is damaged.
    """
    checkpoint = load_latest(folder, console)
    if checkpoint is None:
        raise UserError(f"{folder}: no usable checkpoint; delete the folder and run again")
    final = read_final(folder)
    if final and checkpoint.step < final["iterations"]:
        raise UserError(
            f"{folder}: the final checkpoint is damaged; delete {folder / TRAINED} and run again: "
            f"training continues from iteration {checkpoint.step}"
        )
    return checkpoint
