import pytest
from torch import nn

from longibench.benchmark.training.stages import Schedule
from longibench.methods.method import Stage, Turn


class Planned:
    """What a schedule asks of a method."""

    def __init__(self, *shares_and_turns: tuple[float, int]) -> None:
        turn = Turn(lambda *batch: batch[0], (nn.Parameter(),))
        self._stages = tuple(
            Stage(str(index), (turn,) * turns, share)
            for index, (share, turns) in enumerate(shares_and_turns)
        )

    def stages(self) -> tuple[Stage, ...]:
        return self._stages


def schedule(iterations: int, *shares_and_turns: tuple[float, int]) -> Schedule:
    return Schedule.of(Planned(*shares_and_turns), iterations)  # type: ignore[arg-type]


def test_one_stage_is_all() -> None:
    assert {schedule(7, (1, 1)).stage_at(step) for step in range(7)} == {0}


def test_shares_divide_the_iterations() -> None:
    found = [schedule(12, (1, 2), (3, 1)).stage_at(step) for step in range(12)]
    assert found == [0] * 3 + [1] * 9


@pytest.mark.parametrize("iterations", [1, 2, 3, 10, 99, 1000])
def test_updates_are_counted_by_turns(iterations: int) -> None:
    plan = schedule(iterations, (0.1, 1), (0.2, 3), (0.7, 2))
    done = 0
    for step in range(iterations):
        assert plan.updates_before(step) == done
        done += len(plan.stages[plan.stage_at(step)].turns)
    assert plan.updates_before(iterations) == done
