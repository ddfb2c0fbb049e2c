"""Giving memory back: never an error, whatever the system."""

import ctypes

import pytest

from longibench.benchmark.core.memory import give_back


def no_library(name: object) -> None:
    raise OSError("no such library")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_it_works_or_does_nothing(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    give_back()


@pytest.mark.parametrize("library", [no_library, lambda name: object()])
def test_another_c_library_is_left_alone(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", library)
    give_back()
