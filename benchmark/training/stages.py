"""Which stage of a method's training an iteration belongs to."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from longibench.methods.method import Method, OptimizerStep, Stage


@dataclass(frozen=True)
class StageSchedule:
    """The stages of a training and the first iteration of each.

    Attributes:
        stages: As the method defines them.
        begins: First iteration of each, counted from 0.
    """

    stages: tuple[Stage, ...]
    begins: tuple[int, ...]

    @classmethod
    def of(cls, method: Method, iterations: int) -> "StageSchedule":
        """Divide the iterations by the stages' shares."""
        stages = method.stages()
        whole = sum(stage.share for stage in stages)
        ends = accumulate(stage.share / whole for stage in stages)
        # a share of the iterations is a whole number, apart from the rounding of the sum
        begins = [0, *(math.ceil(end * iterations - 1e-6) for end in ends)]
        return cls(stages, tuple(begins[:-1]))

    @property
    def optimizer_steps(self) -> list[OptimizerStep]:
        """Those of all stages."""
        return [its for stage in self.stages for its in stage.optimizer_steps]

    def stage_at(self, step: int) -> int:
        """Index of the stage of an iteration, counted from 0."""
        return bisect_right(self.begins, step) - 1

    def optimizer_steps_before(self, step: int) -> int:
        """Number of optimizer steps before an iteration."""
        ends = [*self.begins[1:], step]
        return sum(
            len(stage.optimizer_steps) * max(0, min(step, end) - begin)
            for stage, begin, end in zip(self.stages, self.begins, ends, strict=True)
        )
