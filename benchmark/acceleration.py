"""How a method is made fast on the device: every choice is a setting, and is said."""

import torch

from benchmark.settings import DeviceSettings
from methods.method import Method


def accelerate(method: Method, settings: DeviceSettings) -> Method:
    """Lay out a method's weights for the device; call before its optimizers are built."""
    if settings.channels_last:
        # 3D convolutions are a quarter to a third faster so, on CPUs and on GPUs
        method.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return method
