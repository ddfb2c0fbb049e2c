"""What the real follow-ups themselves score, where that is undefined."""

from collections.abc import Sequence

import numpy as np

from longibench.benchmark.evaluation.evaluate import set_rows
from longibench.benchmark.evaluation.subject_scorer import SubjectScores
from longibench.metrics.metric import Features, MetricError
from longibench.metrics.truth_skill import TruthSkill


class OfGenerated(TruthSkill):
    """Defined for generated volumes alone."""

    def __init__(self) -> None:
        """No instruments."""

    def value_by_subject(
        self, *, generated: Features, reference: Features, groups: Sequence[str]
    ) -> float:
        if generated is reference:
            raise MetricError("too little of it")
        return 0.5


def test_there_is_no_row_of_them() -> None:
    pair = (np.ones(2), np.ones(2))
    scores = [SubjectScores(features={"truth-skill": [pair]}) for _ in range(2)]
    roles = [row["role"] for row in set_rows(OfGenerated(), ["a", "b"], scores)]
    assert "value" in roles
    assert "real" not in roles
