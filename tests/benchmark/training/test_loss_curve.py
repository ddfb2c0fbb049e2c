import pytest
import torch
from torch import Tensor

from longibench.benchmark.training.loss_curve import DivergedError, LossCurve


def one_process(values: Tensor) -> Tensor:
    return values


def curve_of(*losses: float, divergence_factor: float = 0) -> LossCurve:
    """One row a loss."""
    curve = LossCurve(divergence_factor)
    for step, loss in enumerate(losses, 1):
        curve.add(step, torch.tensor(loss))
        curve.close_row("fit", curve.settle(one_process), seconds=step)
    return curve


def test_a_row_is_the_mean_of_its_window() -> None:
    curve = LossCurve(0)
    for step, loss in ((1, 1.0), (2, 3.0)):
        curve.add(step, torch.tensor(loss))
    assert curve.close_row("fit", curve.settle(one_process), 0.12345) == 2
    assert curve.rows == [["fit", 2, 2.0, 0.123]]
    assert curve.window == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_the_first_step_that_is_not_finite_is_named(value: str) -> None:
    curve = LossCurve(0)
    for step, loss in ((11, 1.0), (12, float(value)), (13, float("nan"))):
        curve.add(step, torch.tensor(loss))
    with pytest.raises(DivergedError, match=value) as caught:
        curve.check("fit", curve.settle(one_process))
    assert caught.value.step == 12


@pytest.mark.parametrize(("loss", "diverges"), [(99.0, False), (101.0, True)])
def test_divergence_is_relative_to_the_median(loss: float, diverges: bool) -> None:
    curve = curve_of(*[1.0] * 9, 50.0, divergence_factor=100)
    curve.add(11, torch.tensor(loss))
    if not diverges:
        curve.check("fit", [loss])
        return
    with pytest.raises(DivergedError, match="over 100 times its median"):
        curve.check("fit", [loss])


def test_no_divergence_without_a_median_of_the_stage_or_if_it_is_off() -> None:
    early, other, off = (
        curve_of(1.0, 1.0, divergence_factor=100),
        curve_of(*[1.0] * 20, divergence_factor=100),
        curve_of(*[1.0] * 20),
    )
    for curve, stage in ((early, "fit"), (other, "second"), (off, "fit")):
        curve.add(21, torch.tensor(1e9))
        curve.check(stage, [1e9])


def test_losses_are_reduced_over_processes() -> None:
    curve = LossCurve(0)
    curve.add(1, torch.tensor(1.0))
    assert curve.settle(lambda values: values + 1) == [2.0]
    assert [(step, float(loss)) for step, loss in curve.window] == [(1, 2.0)]
