"""Memory and arithmetic of a training step, from shapes alone.

The step runs on fake tensors (``torch._subclasses``): every operation returns a shape and a type,
no value is computed, and the live bytes are counted at every moment. That is what an allocator
would hold, with its peaks, the backward pass and activation checkpointing, found in seconds and
without the memory. Scratch space of the kernels is not counted; a margin covers it.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

from longibench.benchmark.training.pair_loader import pad_to_multiple
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import Method, OptimizerStep

GB = 1e9
CONTEXT_GB = {"cuda": 0.6, "cpu": 0.6}  # driver and libraries, before the first tensor
MARGIN = 0.1  # of the traced bytes: rounding, fragmentation, small scratch space
MOMENTS = 2  # of Adam, each as large as the weights; an optimizer with fewer is overestimated
REAL_SIDE = 32  # voxels a side where a method must run on real tensors

# Layers that CUDA's autocast computes in float32. The trace runs under the CPU's, which does not:
# https://docs.pytorch.org/docs/stable/amp.html#autocast-op-reference. Single operations of that
# list (exp, pow, sum, ...) are not treated: few networks keep their results.
FLOAT32_ON_CUDA = (
    nn.GroupNorm, nn.LayerNorm, nn.Softmax, nn.LogSoftmax, nn.Softplus,
    nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss,
)  # fmt: skip


@dataclass(frozen=True)
class Footprint:
    """What forward and backward pass of a micro-batch need on one device.

    Attributes:
        weights_gb: Parameters and buffers, in 1e9 bytes.
        state_gb: Gradients, the optimizer's moments and the average of the weights.
        activations_gb: Everything else that is alive at the peak.
        total_gb: All of it, with a margin and the device's context.
        forward_flops: Floating-point operations of the forward pass; a multiply-add counts as two.
        step_flops: Those of forward and backward pass, including activation checkpointing.
    """

    weights_gb: float
    state_gb: float
    activations_gb: float
    total_gb: float
    forward_flops: int
    step_flops: int


def footprint(
    recipe: Recipe,
    micro_batch: int,
    levels: int = 0,
    precision: str = "32-true",
    *,
    ema: bool = False,
    kind: str = "cpu",
) -> Footprint | None:
    """Estimate forward and backward pass of a micro-batch.

    Args:
        recipe: The method.
        micro_batch: Pairs.
        levels: Levels whose activations are checkpointed.
        precision: ``32-true``, ``64-true`` or ``bf16-mixed``.
        ema: Whether an average of the weights is kept.
        kind: ``cpu`` or ``cuda``; mixed precision keeps other layers in float32.

    Returns:
        The estimate; None if the method runs neither on fake tensors nor on a small grid.
    """
    work = _Work(recipe, micro_batch, levels, precision, kind)
    return _estimate(work, copies=1 + MOMENTS + ema)


def outline(recipe: Recipe) -> "Outline":
    """Size and levels of a method, without allocating its weights."""
    with torch.device("meta"):
        method = recipe.build()
    held = sum(tensor.nbytes for tensor in method.state_dict().values())
    return Outline(held, method.checkpoint_levels)


@dataclass(frozen=True)
class Outline:
    """Bytes of a method's parameters and buffers in float32, and levels it can checkpoint."""

    weight_bytes: int
    checkpoint_levels: int


@dataclass(frozen=True)
class _Work:
    """The training step to trace."""

    recipe: Recipe
    micro_batch: int
    levels: int
    precision: str
    kind: str

    @property
    def type(self) -> torch.dtype:
        return torch.float64 if self.precision == "64-true" else torch.float32


@dataclass(frozen=True)
class _Traced:
    """Bytes and operations of forward and backward pass."""

    weights: int
    peak: int  # with weights and gradients
    largest: int
    forward: int
    step: int


_KNOWN: dict[str, Footprint | None] = {}  # a trace takes seconds, and is needed repeatedly


def _estimate(work: _Work, copies: int) -> Footprint | None:
    key = repr((work, copies))
    if key not in _KNOWN:
        traced = _trace_if_possible(work)
        _KNOWN[key] = None if traced is None else _footprint(traced, work, copies)
    return _KNOWN[key]


def _footprint(traced: _Traced, work: _Work, copies: int) -> Footprint:
    activations = traced.peak - 2 * traced.weights  # and the gradients
    state = copies * traced.weights
    # a convolution copies its input if the memory format differs, and uses scratch space
    scratch = traced.largest + MARGIN * (traced.weights + state + activations)
    total = traced.weights + state + activations + scratch
    return Footprint(
        weights_gb=traced.weights / GB,
        state_gb=state / GB,
        activations_gb=activations / GB,
        total_gb=total / GB + CONTEXT_GB[work.kind],
        forward_flops=traced.forward,
        step_flops=traced.step,
    )


def _trace_if_possible(work: _Work) -> _Traced | None:
    """Trace on fake tensors; a method that reads values runs on a small grid and is scaled up."""
    for attempt in (_on_fake_tensors, _on_small_grid):
        try:
            with torch.random.fork_rng(devices=[]):
                return attempt(work)
        except Exception:  # a plugin's method may raise anything
            continue
    return None


def _on_fake_tensors(work: _Work) -> _Traced:
    with torch.device("meta"):  # the weights; constant tables name the CPU as their device
        method = _build(work)
    with FakeTensorMode(allow_non_fake_inputs=True):
        return _trace(method.to_empty(device="cpu"), work)


def _on_small_grid(work: _Work) -> _Traced:
    shape = work.recipe.shape
    x, y, z = (min(side, REAL_SIDE) for side in shape)
    small = _trace(_build(replace(work, recipe=replace(work.recipe, shape=(x, y, z)))), work)
    ratio = shape[0] * shape[1] * shape[2] / (x * y * z)
    fixed = small.weights * 2
    return _Traced(
        weights=small.weights,
        peak=fixed + round((small.peak - fixed) * ratio),
        largest=round(small.largest * ratio),
        forward=round(small.forward * ratio),
        step=round(small.step * ratio),
    )


def _build(work: _Work) -> Method:
    method = work.recipe.build().to(work.type)
    return method.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def _trace(method: Method, work: _Work) -> _Traced:
    method.checkpoint_activations(work.levels)
    batch = _batch(method, work)
    steps = [step for stage in method.stages() for step in stage.optimizer_steps]
    alive = _Alive()
    weights = [*method.parameters(), *method.buffers()]
    for tensor in weights:
        alive.add(tensor)
    held = alive.now
    for parameter in method.parameters():
        parameter.grad = torch.zeros_like(parameter)
        alive.add(parameter.grad)
    operations = [_run_step(step, batch, work, alive) for step in steps]
    return _Traced(
        weights=held,
        peak=alive.peak,
        largest=alive.largest,
        forward=sum(forward for forward, _ in operations),
        step=sum(both for _, both in operations),
    )


def _batch(method: Method, work: _Work) -> tuple[Tensor, Tensor, Tensor]:
    def volumes() -> Tensor:
        empty = torch.zeros(work.micro_batch, 1, *method.shape, dtype=work.type)
        return pad_to_multiple(empty, method.multiple)

    return volumes(), volumes(), torch.ones(work.micro_batch, dtype=work.type)


def _run_step(
    step: OptimizerStep, batch: tuple[Tensor, Tensor, Tensor], work: _Work, alive: "_Alive"
) -> tuple[int, int]:
    """Run one step; returns the operations of its forward pass, and of both passes."""
    before = alive.flops
    with _as_on(work.kind), alive, torch.enable_grad():
        half = work.precision == "bf16-mixed"
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = step.loss(*batch)
        forward = alive.flops - before
        loss.backward()
        return forward, alive.flops - before


@contextmanager
def _as_on(kind: str) -> Iterator[None]:
    """Layers compute as on a kind of device, also under activation checkpointing."""
    handle = None
    if kind == "cuda":
        handle = register_module_forward_pre_hook(_float32_on_cuda)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if handle:
            handle.remove()


def _float32_on_cuda(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Give a layer its input on CUDA, where group norm also has a single memory format."""
    if isinstance(module, FLOAT32_ON_CUDA) and torch.is_autocast_enabled("cpu"):
        inputs = tree_map(_in_float32, inputs)
    if isinstance(module, nn.GroupNorm):
        inputs = (inputs[0].contiguous(), *inputs[1:])
    return inputs


def _in_float32(value: Any) -> Any:
    half = isinstance(value, Tensor) and value.dtype == torch.bfloat16
    return value.float() if half else value


class _Alive(TorchDispatchMode):
    """Counts the bytes of all live tensors, their peak, and the operations done.

    Not torch's ``FlopCounterMode``: it decomposes operations, and its hooks keep checkpointed
    activations alive. The formulas are torch's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = self.largest = self.flops = 0
        self._sizes: dict[int, tuple[int, Any]] = {}  # by storage, with its weak reference

    def add(self, tensor: Tensor) -> None:
        """Count a tensor's memory until it is freed; views count once."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        size = storage.nbytes()

        def freed(_: Any) -> None:
            self.now -= self._sizes.pop(key)[0]

        self._sizes[key] = size, weakref.ref(storage, freed)
        self.now += size
        self.peak, self.largest = max(self.peak, self.now), max(self.largest, size)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                self.add(value)
        formula = flop_registry.get(func._overloadpacket)
        if formula:
            self.flops += formula(*args, **(kwargs or {}), out_val=result)
        return result
