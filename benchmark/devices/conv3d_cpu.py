"""3D convolutions on a CPU without ATen's slow path, for unchanged networks."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

SMALL = 20480  # B * C * X * Y up to which ATen does not use oneDNN
Sizes = int | str | tuple[int, ...]


def fast_convolutions(device_type: str) -> AbstractContextManager[Any]:
    """Convolve by oneDNN only within this context, in forward and backward pass; on a CPU only.

    Backward passes may run outside: they use the implementation of the forward pass.
    """
    return FastConvolution() if device_type == "cpu" else nullcontext()


class FastConvolution(TorchFunctionMode):
    """Rewrites the float32 convolutions that ATen would compute without oneDNN.

    A small volume alone in its batch takes ``aten::slow_conv3d``, several times slower than the
    same volume in a batch (``use_mkldnn`` in ATen/native/Convolution.cpp). Grouped convolutions
    do not, so the input is passed twice and each half of the output channels reads one copy: the
    same weights, multiplications and results. All derivatives exist, as for any other operation.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Rewrite 3D convolutions; leave everything else."""
        return (convolve if func is F.conv3d else func)(*args, **(kwargs or {}))


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """``torch.nn.functional.conv3d``, within rounding, by the fastest way on a CPU."""
    if groups == 1 and _is_slow(x, weight):
        if weight.shape[2:].numel() == 1 and _all(stride, 1) and _all(padding, 0):
            return F.linear(x.movedim(1, -1), weight.flatten(1), bias).movedim(-1, 1)
        if len(x) == 1:
            if len(weight) % 2:  # cannot be halved: a batch of two, of which one is kept
                return _conv3d(torch.cat([x, x]), weight, bias, stride, padding, dilation, 1)[:1]
            twice = torch.cat([x, x], dim=1)
            return _conv3d(twice, weight, bias, stride, padding, dilation, 2)
    return _conv3d(x, weight, bias, stride, padding, dilation, groups)


def _is_slow(x: Tensor, weight: Tensor) -> bool:
    """Whether ATen would not use oneDNN for this dense convolution."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or x.ndim != 5:
        return False
    wide = min(weight.shape[-2:]) > 3
    pointwise = max(weight.shape[-2:]) == 1 and len(x) < 16 and torch.get_num_threads() == 1
    return pointwise or (len(x) == 1 and not wide and x.shape[:4].numel() <= SMALL)


def _all(sizes: Sizes, value: int) -> bool:
    if isinstance(sizes, str):  # "same" and "valid" pad nothing if the kernel is one voxel
        return value == 0
    return sizes == value if isinstance(sizes, int) else all(size == value for size in sizes)


_conv3d: Callable[..., Tensor] = F.conv3d
