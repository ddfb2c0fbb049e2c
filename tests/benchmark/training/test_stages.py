import pytest
from torch import nn

from longibench.benchmark.training.stages import StageSchedule
from longibench.methods.method import OptimizerStep, Stage


class Planned:
    """The part of a method that a schedule uses."""

    def __init__(self, *shares_and_steps: tuple[float, int]) -> None:
        def some(count: int) -> tuple[OptimizerStep, ...]:
            names = [str(number) for number in range(count)]
            return tuple(OptimizerStep(its, lambda *b: b[0], (nn.Parameter(),)) for its in names)

        self._stages = tuple(
            Stage(str(index), some(steps), share)
            for index, (share, steps) in enumerate(shares_and_steps)
        )

    def stages(self) -> tuple[Stage, ...]:
        return self._stages


def schedule(iterations: int, *shares_and_steps: tuple[float, int]) -> StageSchedule:
    return StageSchedule.of(Planned(*shares_and_steps), iterations)  # type: ignore[arg-type]


def test_one_stage_has_all_iterations() -> None:
    assert {schedule(7, (1, 1)).stage_at(step) for step in range(7)} == {0}


def test_shares_divide_the_iterations() -> None:
    found = [schedule(12, (1, 2), (3, 1)).stage_at(step) for step in range(12)]
    assert found == [0] * 3 + [1] * 9


@pytest.mark.parametrize("iterations", [1, 2, 3, 10, 99, 1000])
def test_optimizer_steps_are_counted(iterations: int) -> None:
    plan = schedule(iterations, (0.1, 1), (0.2, 3), (0.7, 2))
    done = 0
    for step in range(iterations):
        assert plan.optimizer_steps_before(step) == done
        done += len(plan.stages[plan.stage_at(step)].optimizer_steps)
    assert plan.optimizer_steps_before(iterations) == done
