"""What a CPU's steps free is kept for the next ones, and given back when they are over."""

import ctypes
import inspect
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from longibench.benchmark.core import malloc
from longibench.benchmark.core.malloc import give_back, memory_kept
from longibench.benchmark.devices.fabric import launch
from longibench.benchmark.settings.schema import DeviceSettings

needs_glibc = pytest.mark.skipif(malloc._glibc() is None, reason="not the C library of GNU")

LARGE = 16 << 20  # float32 values, 64 MB: more than glibc takes from its heap


def page_faults() -> int:
    """Pages that the system had to clear for large tensors, room for them having been there."""
    torch.ones(8 * LARGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(LARGE)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


ALONE = f"""
import resource
import torch
from longibench.benchmark.core.malloc import give_back, memory_kept
LARGE = {LARGE}
{inspect.getsource(page_faults)}
for kept in (False, True):
    with memory_kept(kept):
        print(page_faults())
"""


@needs_glibc
def test_the_same_pages_serve_again() -> None:
    ran = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    asked_anew, kept = map(int, ran.stdout.split())
    assert kept * 2 < asked_anew  # what small objects cut up does not always serve again


@needs_glibc
@pytest.mark.parametrize("asked", [True, False])
def test_work_on_a_cpu_keeps_memory_unless_disabled(
    asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values_set: list[dict[int, int]] = []
    monkeypatch.setattr(malloc, "_set", lambda mallopt, values: values_set.append(values))
    settings = DeviceSettings(accelerator="cpu", keep_memory=asked)
    launch(settings, lambda fabric: values_set.append({}))
    assert values_set == ([malloc.KEEP, {}, malloc.USUAL] if asked else [{}])


@needs_glibc
def test_memory_is_given_back_at_the_end() -> None:
    with memory_kept():
        torch.ones(8 * LARGE)
        held = resident()
    assert held - resident() > 4 * LARGE * 4


@pytest.mark.parametrize("library", [object(), None])
def test_another_c_library_is_left_alone(
    library: object | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: None) -> object:
        if library is None:
            raise TypeError("bad argument type")
        return library

    monkeypatch.setattr(malloc.ctypes, "CDLL", load)
    with memory_kept():
        assert torch.ones(2).sum() == 2


def no_library(name: object) -> None:
    raise OSError("no such library")


@pytest.mark.parametrize("library", [no_library, lambda name: object()])
def test_nothing_is_given_back_without_glibc(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", library)
    give_back()
