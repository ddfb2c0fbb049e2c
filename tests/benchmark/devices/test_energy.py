"""Energy counters: differences, several counters, and devices without any."""

from pathlib import Path

import pytest

from longibench.benchmark.devices.energy import EnergyMeter, cpu_counters, start_meter


def test_counters_are_added_up_from_the_start() -> None:
    one, two = iter([100.0, 130.0]), iter([5.0, 6.5])
    meter = EnergyMeter([lambda: next(one), lambda: next(two)])
    assert meter.joules() == pytest.approx(31.5)


def test_a_counter_that_wraps_around_counts_nothing() -> None:
    values = iter([100.0, 3.0])
    assert EnergyMeter([lambda: next(values)]).joules() == 0


def test_a_device_without_counters_has_no_energy() -> None:
    assert EnergyMeter([]).joules() is None


def test_a_counter_without_permission_has_no_energy() -> None:
    def refused() -> float:
        raise PermissionError("for root only")

    assert EnergyMeter([refused]).joules() is None


def test_rapl_counts_microjoules_a_package(tmp_path: Path) -> None:
    for name, value in {"intel-rapl:0": 5_000_000, "intel-rapl:1": 7_000_000}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
    (tmp_path / "intel-rapl:0:0").mkdir()  # a part of package 0, which it counts already
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("1\n")
    assert [counter() for counter in cpu_counters(tmp_path)] == [5.0, 7.0]


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_measuring_never_fails(kind: str) -> None:
    joules = start_meter(kind).joules()
    assert joules is None or joules >= 0
