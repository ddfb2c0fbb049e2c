"""The choices of the memory planner on cards of 16, 24, 40 and 80 GB, as a table.

    python docs/examples/plan_cards.py

An estimate from shapes alone (``benchmark/training/footprint.py``), not confirmed on a GPU.
"""

import re

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.benchmark.training.memory_plan import plan_memory
from longibench.benchmark.training.recipe import Recipe

CARDS = (16, 24, 40, 80)  # GiB, nominal size
USABLE = 0.95 * 1.0737  # GB of a GiB, without the driver and a display
METHODS = ("ours", "med-ddpm", "vae")
DEVICE = DeviceSettings(accelerator="cuda", precision="bf16-mixed")


def row(preset: str, method: str, card: int) -> str:
    """One line of the table."""
    settings = load_settings(preset)
    recipe = Recipe.of(method, settings)
    training = recipe.training(settings)
    name = f"| `{preset}` | `{method}` | {card} |"
    try:
        plan = plan_memory(recipe, training, DEVICE, card * USABLE)
    except UserError as error:
        needs = re.findall(r"needs about ([\d.]+) GB", str(error))
        return f"{name} does not fit | | | {needs[0]} at least |"
    needed = "-" if plan.needed_gb is None else f"{plan.needed_gb:.1f}"
    about = "under " if plan.bound else ""
    divided = f"{plan.micro_batch} | {plan.micro_batches} | {plan.checkpoint_levels}"
    return f"{name} {divided} | {about}{needed} |"


def main() -> None:
    """Print the table."""
    heads = ("preset", "method", "card, GiB", "micro-batch", "micro-batches", "checkpointed", "GB")
    print(f"| {' | '.join(heads)} |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for preset in ("half", "paper"):
        for method in METHODS:
            for card in CARDS:
                print(row(preset, method, card), flush=True)


if __name__ == "__main__":
    main()
