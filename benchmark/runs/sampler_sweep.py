"""Generate with every sampler and number of steps: quality against cost, to choose a default.

All samplers use the same trained model, so a method is trained once for its whole curve. Each point
is a folder of predictions like any other, and is computed only if it is missing.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from pydantic import ValidationError

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import take_over
from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.options import names, whole_numbers
from longibench.benchmark.core.workspace import PATIENCE, POINTS, PROVENANCE, Workspace
from longibench.benchmark.devices.fabric import resolved_here
from longibench.benchmark.evaluation.evaluate import collect_scores
from longibench.benchmark.protocol.protocol import Protocol, build_protocol, write_protocol
from longibench.benchmark.protocol.protocol_metrics import build_metrics, load_extractors
from longibench.benchmark.protocol.recorded_metrics import record_metrics
from longibench.benchmark.protocol.table_checks import open_cohorts
from longibench.benchmark.runs.cell import (
    Cell,
    complete,
    make_cell,
    remove_damage,
    scoring_of,
)
from longibench.benchmark.runs.checks import check_cohorts, check_run
from longibench.benchmark.runs.matrix import Matrix
from longibench.benchmark.runs.requested import record_request
from longibench.benchmark.runs.runner import provenance
from longibench.benchmark.settings.schema import Settings
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.limits import MOST_STEPS
from longibench.methods.samplers import SamplerSettings

METRICS = ("fid", "ssim-head", "skill-head", "change-correlation", "sharpness")
SAMPLERS: tuple[str, ...] = get_args(SamplerSettings.model_fields["kind"].annotation)
STEPS = (5, 10, 25, 50, 100, 250, 1000)


@dataclass(frozen=True)
class Sweep:
    """The points of the curve.

    Attributes:
        methods: Registered diffusion methods.
        samplers: Kinds of ``SamplerSettings``.
        steps: Numbers of network evaluations; those above a method's T are left out.
        pairs: How many test pairs are generated, spread over the subjects; 0 for all.
    """

    methods: tuple[str, ...]
    samplers: tuple[str, ...] = SAMPLERS
    steps: tuple[int, ...] = STEPS
    pairs: int = 24

    @classmethod
    def parse(cls, methods: str, samplers: str, steps: str, pairs: int) -> "Sweep":
        """Read comma-separated lists.

        Raises:
            UserError: A list is empty, or has an unknown name or one twice.
        """
        counts = whole_numbers("--steps", steps, MOST_STEPS)
        return cls(names("--methods", methods), names("--samplers", samplers), counts, pairs)

    def __post_init__(self) -> None:
        if not self.methods:
            raise UserError("--methods: name at least one; see 'python cli.py methods'")
        if not self.samplers:
            raise UserError(f"--samplers: name at least one of {', '.join(SAMPLERS)}")
        for name in self.samplers:
            if name not in SAMPLERS:
                raise unknown("sampler", name, list(SAMPLERS))
        if min(self.steps, default=0) < 1:
            raise UserError("--steps: write whole numbers from 1 up, such as 5,10,25")
        if self.pairs < 0:
            raise UserError(f"--pairs {self.pairs}: a number of pairs, or 0 for all of them")


@dataclass(frozen=True)
class Point:
    """One sampler and number of steps of one method, and the key of its scores.

    Attributes:
        method: Registered name.
        settings: Digest of what determines its volumes, as in the score table.
        sampler: Kind of sampler.
        steps: Network evaluations a volume.
        eta: Noise of ``ddim``.
        default: Whether it is the sampler of the preset and ``--set``.
    """

    method: str
    settings: str
    sampler: str
    steps: int
    eta: float
    default: bool


def sweep_samplers(
    sweep: Sweep,
    settings: Settings,
    workspace: Workspace,
    console: Console,
    plugins: tuple[Path, ...] = (),
) -> Path:
    """Train, generate and score every point that is missing.

    Args:
        sweep: Methods, samplers and steps.
        settings: The run's settings; of its metrics, only the extractor and its input are used.
        workspace: Folder of all results.
        console: For progress.
        plugins: Files with further methods.

    Returns:
        The protocol's folder, with scores of all points and ``sampling_points.json``.

    Raises:
        UserError: Anything that the user can fix.
        KeyboardInterrupt: Stopped; the same command continues.
    """
    few = settings.metrics.model_copy(update={"names": METRICS})
    settings = settings.model_copy(update={"metrics": few})
    own = [_recipe(name, settings, plugins) for name in dict.fromkeys(sweep.methods)]
    check_run(own, settings, Matrix())
    take_over(workspace.folders(), workspace.root, console)
    recipes = [variant for recipe in own for variant in _variants(recipe, sweep, console)]
    device = resolved_here(settings.device)
    settings = settings.model_copy(update={"device": device})
    metrics = build_metrics(few, workspace.measured, plugins, device.accelerator)
    cohorts = open_cohorts(settings, workspace, console)
    check_cohorts(own, cohorts, settings, Matrix())
    whole = build_protocol(settings, workspace, console, cohorts)
    protocol = _curve_protocol(whole, sweep.pairs)
    scoring = scoring_of(settings, protocol, workspace, plugins)
    cells = [
        make_cell(recipe, settings, protocol, workspace, console, scoring) for recipe in recipes
    ]
    for cell in cells:
        remove_damage(cell, workspace, console)
    folder = write_protocol(protocol, workspace, console)
    record_metrics(folder, metrics, few)
    record_request(folder, cells, (), {})
    _show_plan(cells, protocol, console)
    left = {name for cell in cells for name in cell.metrics_left}
    load_extractors([metric for metric in metrics if metric.name in left])
    evaluator = cells[0].scoring.evaluator(console, metrics)
    for place, cell in enumerate(cells, 1):
        if not cell.scored:
            console.say(f"point {place} of {len(cells)}: {_describe(cell.generation.recipe)}")
        complete(cell, workspace, evaluator)
    collect_scores(folder)
    with workspace.lock(folder / POINTS, PATIENCE):
        write_json(folder / PROVENANCE, provenance(settings))
        write_json(folder / POINTS, [asdict(_point(cell, own)) for cell in cells])
    return folder


def _recipe(name: str, settings: Settings, plugins: tuple[Path, ...]) -> Recipe:
    recipe = Recipe.of(name, settings, plugins)
    if recipe.settings().sampler_settings() is None:
        raise UserError(f"method '{name}' has no sampler, so there is no curve")
    return recipe


def _sampler(recipe: Recipe) -> SamplerSettings:
    found = recipe.settings().sampler_settings()
    assert found is not None  # checked by ``_recipe``
    return found


def _variants(recipe: Recipe, sweep: Sweep, console: Console) -> list[Recipe]:
    """The method as set, and with every sampler and number of steps, sorted by both."""
    variants: list[Recipe] = []
    for count in sorted(set(sweep.steps)):
        try:
            variants += [_with(recipe, kind, count) for kind in sweep.samplers]
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            console.say(f"left out: {recipe.name} in {count} steps: {reason}")
    if recipe not in variants:
        variants.append(recipe)
    order = list(dict.fromkeys([*sweep.samplers, _sampler(recipe).kind]))
    return sorted(variants, key=lambda its: (order.index(_sampler(its).kind), _steps(its)))


def _with(recipe: Recipe, kind: str, steps: int) -> Recipe:
    """The method with another sampler; eta and clipping are kept if they apply."""
    sampler = _sampler(recipe)
    eta = sampler.eta if kind == "ddim" else 0.0
    changed = {**sampler.model_dump(), "kind": kind, "steps": steps, "eta": eta}
    return recipe.with_sampler(SamplerSettings.model_validate(changed))


def _steps(recipe: Recipe) -> int:
    return _sampler(recipe).steps


def _describe(recipe: Recipe) -> str:
    sampler = _sampler(recipe)
    return f"{recipe.name}, {sampler.describe()}, {sampler.steps} steps"


def _curve_protocol(protocol: Protocol, count: int) -> Protocol:
    """The protocol on some of its pairs, evenly spaced in the list, which is sorted by subject.

    With all pairs it is another protocol too: points of a curve are no rows of a run's tables.
    """
    every = len(protocol.test_pairs)
    count = min(count or every, every)
    places = np.linspace(0, every - 1, count).round().astype(int)
    pairs = protocol.test_pairs.iloc[places].reset_index(drop=True)
    identity = digest(["curve", protocol.name, pairs[["subject", "visit"]].to_numpy().tolist()])
    name = f"{protocol.name.rpartition('-')[0]}-{identity}"
    facts = protocol.info["pairs"]
    rule = facts["rule"] if count == every else f"{facts['rule']}, {count} of {every}"
    chosen = {"rule": rule, "count": count, "subjects": int(pairs["subject"].nunique())}
    info = {**protocol.info, "protocol": name, "pairs": {**facts, **chosen}}
    return replace(protocol, name=name, test_pairs=pairs, info=info)


def _show_plan(cells: list[Cell], protocol: Protocol, console: Console) -> None:
    left = [cell for cell in cells if not cell.scored]
    evaluations = sum(_steps(c.generation.recipe) for c in left if not c.generated)
    console.say(
        f"protocol {protocol.name}: {len(protocol.test_pairs)} pairs, {len(cells)} points, "
        f"{len(left)} to do: {evaluations * len(protocol.test_pairs):,} network evaluations at most"
    )


def _point(cell: Cell, own: list[Recipe]) -> Point:
    recipe = cell.generation.recipe
    sampler = _sampler(recipe)
    return Point(
        method=recipe.name,
        settings=cell.label.settings,
        sampler=sampler.kind,
        steps=sampler.steps,
        eta=sampler.eta,
        default=recipe in own,
    )
