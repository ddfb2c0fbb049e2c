"""The reference row for every paired metric: nothing changes."""

import torch
from torch import Tensor

from longibench.methods.method import Method


class CopySource(Method, name="copy-source"):
    """Returns the source. The harness does not train it."""

    summary = "returns the source unchanged; the reference for every paired metric"
    conditions_on = ("source",)
    learns = False
    reference = True
    evaluations = 0

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        """Nothing to learn."""
        return torch.zeros(())

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        """The source itself."""
        return source.clone()

    def describe(self) -> str:
        """State that there is no model."""
        return "no model"
