"""Rows made with the simulated truth: what a score gives to the answer.

They exist only for a cohort whose truth is known, the phantom. No method can be asked for them.
"""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from longibench.methods.method import Method


class Truth(NamedTuple):
    """The anatomy without noise of a batch of pairs, (B, 1, X, Y, Z) each.

    Both are in the pose, contrast, bias field and intensity scaling of the source.
    """

    source_clean: Tensor
    target_clean: Tensor

    @property
    def change(self) -> Tensor:
        """The change of the anatomy alone."""
        return self.target_clean - self.source_clean


class Oracle(Method):
    """Base class of the rows that are made with the truth. The harness does not train them.

    Attributes:
        columns: Of the pairs, what ``Truth`` is read from.
    """

    columns: ClassVar[tuple[str, str]] = ("source_clean", "target_clean")
    learns = False
    oracle = True
    evaluations = 0

    @abstractmethod
    def from_truth(self, source: Tensor, truth: Truth) -> Tensor:
        """Return one volume per pair, (B, 1, X, Y, Z) in [-1, 1].

        Args:
            source: Source volumes as a method gets them, (B, 1, X, Y, Z) in [-1, 1].
            truth: Of the same pairs.
        """

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Nothing to learn."""
        return torch.zeros(())

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """Not defined: without the truth there is nothing to return."""
        raise TypeError(f"{self.name} is made with the truth: call from_truth")

    def describe(self) -> str:
        """State what it is made with."""
        return "made with the simulated truth"


class DenoisedCopy(Oracle, name="denoised-copy"):
    """The source without its noise, and without any change."""

    summary = "oracle: the source without its noise, and without any change"
    conditions_on = ("source",)

    def from_truth(self, source: Tensor, truth: Truth) -> Tensor:
        """The clean source."""
        return truth.source_clean.clone()


class HalfChange(Oracle, name="half-change"):
    """The source with half of the change that was simulated."""

    summary = "oracle: the source plus half of the simulated change"

    def from_truth(self, source: Tensor, truth: Truth) -> Tensor:
        """Source and half of the change, in [-1, 1]."""
        return (source + truth.change / 2).clamp(-1, 1)


class FullChange(Oracle, name="full-change"):
    """The source with the change that was simulated: the highest truth-skill that there is."""

    summary = "oracle: the source plus the simulated change in full"

    def from_truth(self, source: Tensor, truth: Truth) -> Tensor:
        """Source and change, in [-1, 1]."""
        return (source + truth.change).clamp(-1, 1)


class ExpectedChange(FullChange, name="expected-change"):
    """The source with the median of many futures of its anatomy: what can be predicted of it.

    Its group is used, which a method does not get. What separates it from the full change is
    chance.
    """

    summary = "oracle: the source plus the median change of many futures of the same first visit"
    columns = ("source_clean", "target_expected")
