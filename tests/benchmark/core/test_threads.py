"""Limits of threads end with their block."""

import sys

import pytest
import torch

from longibench.benchmark.core.threads import one_torch_thread, quick_switches


def test_threads_switch_quickly_inside_only() -> None:
    before = sys.getswitchinterval()
    with quick_switches(0.001):
        assert sys.getswitchinterval() == pytest.approx(0.001)
    assert sys.getswitchinterval() == before


def test_torch_has_one_thread_inside_only() -> None:
    before = torch.get_num_threads()
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
