"""Limits of threads end with their block."""

import sys

import pytest
import torch

from longibench.benchmark.core.threads import one_torch_thread, short_turns


def test_turns_are_short_inside_only() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(RuntimeError), short_turns(0.001):
        assert sys.getswitchinterval() == pytest.approx(0.001)
        raise RuntimeError
    assert sys.getswitchinterval() == before


def test_torch_has_one_thread_inside_only() -> None:
    before = torch.get_num_threads()
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
