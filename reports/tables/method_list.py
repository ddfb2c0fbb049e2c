"""The list of methods that ``python cli.py methods`` prints."""

from collections.abc import Sequence
from pathlib import Path

import torch

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.forecast_fit import FORECASTS
from longibench.benchmark.runs.forecast_names import summary
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.training.recipe import Recipe

PRESETS = ("demo", "paper")


def method_table(plugins: Sequence[Path] = ()) -> str:
    """Name, summary, paper, parameters by preset and conditions of every method; the forecasts."""
    blocks = [_describe(name, tuple(plugins)) for name in sorted(load_methods(plugins))]
    blocks += [f"{name}: {summary(name)} (a forecast of volumes, no image)" for name in FORECASTS]
    return "\n\n".join(blocks)


def _describe(name: str, plugins: tuple[Path, ...]) -> str:
    method = load_methods(plugins)[name]
    sizes = ", ".join(f"{_parameters(name, preset, plugins)} ({preset})" for preset in PRESETS)
    lines = [
        f"{name}: {method.summary}",
        f"  paper         {method.paper or '-'}",
        f"  parameters    {sizes}",
        f"  conditions on {', '.join(method.conditions_on)}",
    ]
    return "\n".join(lines)


def _parameters(name: str, preset: str, plugins: tuple[Path, ...]) -> str:
    """Number of parameters, counted without memory on the meta device."""
    try:
        with torch.device("meta"):
            built = Recipe.of(name, load_settings(preset), plugins).build()
    except UserError:
        return "-"
    return f"{sum(parameter.numel() for parameter in built.parameters()):,}"
