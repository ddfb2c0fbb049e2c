"""Energy counters of the device's driver: NVIDIA's NVML for GPUs, RAPL for CPUs."""

from collections.abc import Callable, Sequence
from pathlib import Path

RAPL = Path("/sys/class/powercap")

Counter = Callable[[], float]


class EnergyMeter:
    """Joules that everything on the device used since the meter's start; None if unknown."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        """Args: functions that return joules since some start; empty without a driver."""
        self._counters = counters
        self._begin = self._read()

    def joules(self) -> float | None:
        """Energy so far."""
        now = self._read()
        if now is None or self._begin is None:
            return None
        # A processor's counter wraps around at its largest value: that interval is not counted.
        return sum(max(0.0, end - start) for start, end in zip(self._begin, now, strict=True))

    def _read(self) -> list[float] | None:
        try:
            return [counter() for counter in self._counters] or None
        except (OSError, ValueError, RuntimeError):
            return None


def start_meter(kind: str, indices: Sequence[int] = (0,)) -> EnergyMeter:
    """Start measuring a device.

    Args:
        kind: ``cuda`` or ``cpu``.
        indices: Which GPUs.
    """
    return EnergyMeter(_gpu_counters(indices) if kind == "cuda" else cpu_counters())


def cpu_counters(folder: Path = RAPL) -> list[Counter]:
    """One counter a processor package, from RAPL's files in microjoules; often only for root."""
    files = sorted(folder.glob("intel-rapl:[0-9]/energy_uj"))  # AMD's have the same name
    return [lambda file=file: float(file.read_text()) / 1e6 for file in files]  # type: ignore[misc]


def _gpu_counters(indices: Sequence[int]) -> list[Counter]:
    """One counter a GPU, from NVML in millijoules; Volta and newer have one."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in indices]
        for handle in handles:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return []
    return [
        lambda handle=handle: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3  # type: ignore[misc]
        for handle in handles
    ]
