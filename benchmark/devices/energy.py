"""Energy that the device's driver counts: NVIDIA's NVML for GPUs, RAPL for CPUs."""

from collections.abc import Callable, Sequence
from pathlib import Path

RAPL = Path("/sys/class/powercap")

Counter = Callable[[], float]


class EnergyMeter:
    """Joules used since it was made, by everything that runs on the device; None if untold."""

    def __init__(self, counters: Sequence[Counter]) -> None:
        """Args: functions that give joules since some start; none where no driver tells."""
        self._counters = counters
        self._begin = self._read()

    def joules(self) -> float | None:
        """Energy so far."""
        now = self._read()
        if now is None or self._begin is None:
            return None
        # A processor's counter starts anew at its largest value: that interval is not counted.
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
    """One counter a processor package, from RAPL's files in microjoules; often for root only."""
    files = sorted(folder.glob("intel-rapl:[0-9]/energy_uj"))  # AMD's have the same name
    return [lambda file=file: float(file.read_text()) / 1e6 for file in files]  # type: ignore[misc]


def _gpu_counters(indices: Sequence[int]) -> list[Counter]:
    """One counter a GPU, from NVML in millijoules; Volta and newer count."""
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
