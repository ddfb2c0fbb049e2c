import pytest
import torch

from longibench.methods.copy_source import CopySource
from longibench.methods.method import MethodSettings
from longibench.methods.oracles import DenoisedCopy, FullChange, HalfChange, Oracle, Truth

SHAPE = (1, 1, 1)
SOURCE = torch.tensor([0.5, 0.9]).reshape(2, 1, *SHAPE)
TRUTH = Truth(
    torch.tensor([0.4, 0.8]).reshape(2, 1, *SHAPE), torch.tensor([0.6, 1.0]).reshape(2, 1, *SHAPE)
)


@pytest.mark.parametrize(
    ("kind", "values"),
    [(DenoisedCopy, [0.4, 0.8]), (HalfChange, [0.6, 1.0]), (FullChange, [0.7, 1.0])],
)
def test_an_oracle_is_the_source_with_the_true_change_in_range(
    kind: type[Oracle], values: list[float]
) -> None:
    made = kind(MethodSettings(), SHAPE).from_truth(SOURCE, TRUTH)
    assert made.flatten().tolist() == pytest.approx(values)


def test_an_oracle_cannot_be_asked_without_the_truth() -> None:
    with pytest.raises(TypeError, match="full-change is made with the truth"):
        FullChange(MethodSettings(), SHAPE).generate(SOURCE, torch.ones(2), torch.arange(2))


def test_only_methods_are_ranked_and_a_methods_base_class_changes_nothing() -> None:
    class Mine(CopySource):
        pass

    class Known(FullChange):
        pass

    assert [its.role() for its in (CopySource, Mine, HalfChange, Known)] == [
        *("reference", "method", "oracle", "oracle")
    ]
