"""The evaluate command: from its options to a scored submission."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import take_over
from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.names import check_name
from longibench.benchmark.core.options import names
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.devices.fabric import resolved_here
from longibench.benchmark.devices.machine import check_machine, require_cores
from longibench.benchmark.evaluation.external_protocol import (
    Choice,
    Part,
    build_scoring_protocol,
    preset_for,
)
from longibench.benchmark.evaluation.predictions import Predictions, find_predictions
from longibench.benchmark.evaluation.submission import (
    Submission,
    Terms,
    add_submission,
    score_submission,
)
from longibench.benchmark.preparation.space import Fit, Rule
from longibench.benchmark.protocol.checks import check_data, check_split
from longibench.benchmark.protocol.pairs import has_truth
from longibench.benchmark.protocol.protocol import Protocol, write_protocol
from longibench.benchmark.protocol.protocol_metrics import build_metrics, computed_on
from longibench.benchmark.protocol.recorded_metrics import record_metrics
from longibench.benchmark.settings.loading import as_overrides, load_settings
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.settings.schema import EvaluationSettings, Settings
from longibench.benchmark.training.least_memory import require_memory

OF_DEVICE = "device."  # prefix of overrides that change no value


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of ``evaluate``, as typed; see its help."""

    place: Path
    against: str | None = None
    name: str = ""
    pattern: str = ""
    grid: str = "strict"
    intensities: str = ""
    as_is: bool = False
    some: bool = False
    part: str = "all"
    pairs: str | None = None
    metrics: str = ""
    weights: str | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    protocol: str | None = None
    workers: int = 0


def submit(options: Options, workspace: Workspace, console: Console) -> tuple[Path, str]:
    """Score volumes made elsewhere.

    Returns:
        The protocol's folder, and the name of the method in its tables.

    Raises:
        UserError: Anything that the user can fix; no score is written then.
    """
    fit, name = _fit(options), _name(options)
    _check(options)
    terms, device = None, _device(options)
    if options.against is None:
        folder = workspace.find_protocol(options.protocol)
        take_over(workspace.folders(), workspace.root, console)
        terms = Terms.of(folder)
    predictions = find_predictions(options.place, options.pattern)
    submission = Submission(predictions, name, fit)
    _ = submission.made_by  # a missing file is reported first
    protocol, metrics = None, []
    if terms is None:
        settings = _settings(options, predictions)
        metrics = build_metrics(settings.metrics, None, options.plugins)  # errors come first
        _check_settings(options, settings)
        take_over(workspace.folders(), workspace.root, console)
        protocol = _scoring_protocol(options, settings, predictions, workspace, console)
        computed = computed_on(settings.metrics, truth=has_truth(protocol.test_pairs))
        metrics = [metric for metric in metrics if metric.name in computed.names]
        terms = Terms(protocol.name, protocol.info, protocol.test_pairs, (computed,))
    scores = score_submission(
        submission, terms, workspace, console, options.plugins, options.workers, device
    )
    if protocol is not None:
        folder = write_protocol(protocol, workspace, console)
        record_metrics(folder, metrics, terms.metrics[0])
        workspace.set_latest(protocol.name)
    add_submission(submission, terms, scores, workspace)
    return workspace.protocol(terms.protocol), name


def _scoring_protocol(
    options: Options,
    settings: Settings,
    predictions: Predictions,
    workspace: Workspace,
    console: Console,
) -> Protocol:
    choice = Choice(
        options.part,  # type: ignore[arg-type]
        options.some,
        Fit(intensities=_fit(options).intensities) if options.as_is else None,
    )
    return build_scoring_protocol(settings, workspace, console, predictions, choice)


def _settings(options: Options, predictions: Predictions) -> Settings:
    """The preset with the grid of the volumes, changed by the options."""
    preset = options.preset or ("demo" if options.as_is else preset_for(predictions))
    given = {
        "cohort": options.against,
        "pairs.rule": options.pairs,
        "metrics.extractor": _extractor(options.weights),
        "metrics.names": names("--metrics", options.metrics) if options.metrics else None,
    }
    return load_settings(preset, [*as_overrides(given, options.overrides), *options.overrides])


def _name(options: Options) -> str:
    """Name in tables: by default that of the folder.

    Raises:
        UserError: The rule for names refuses it, or a registered method has it.
    """
    given = options.name or options.place.resolve().name.partition(".")[0]
    name = check_name(given, "name", "--name")
    if name in load_methods(options.plugins):
        raise UserError(
            f"--name {name}: a registered method has this name in tables; choose another one, such "
            f"as --name {name}-elsewhere"
        )
    return name


def _check(options: Options) -> None:
    """Check the options against each other, before any file is opened."""
    if options.against is None:
        _refuse_for_protocol(options)
    elif options.protocol:
        raise UserError("--protocol names a protocol that was run; leave it out, or --against")
    if options.part not in get_args(Part):
        raise unknown("--part", options.part, get_args(Part))
    own = validate(EvaluationSettings, {"workers": options.workers}, "evaluation")
    require_cores({"evaluation.workers": own.workers})


def _check_settings(options: Options, settings: Settings) -> None:
    """Check the settings before the cohort is opened."""
    check_data(settings)
    check_machine(settings)
    require_memory(settings.grid, [])
    if options.part == "test":
        check_split(settings)


def _device(options: Options) -> str:
    """Device of the metrics' networks: it changes no definition, so every protocol allows it."""
    overrides = [value for value in options.overrides if value.startswith(OF_DEVICE)]
    return resolved_here(load_settings(options.preset or "demo", overrides).device).accelerator


def _extractor(weights: str | None) -> str | None:
    """The setting for weights; a path means the weights in that file."""
    if not weights or not (Path(weights).is_file() or Path(weights).is_symlink()):
        return weights
    return f"file:{weights}"


def _refuse_for_protocol(options: Options) -> None:
    """Refuse options that a protocol has fixed."""
    given = {
        "--as-is": options.as_is,
        "--some": options.some,
        "--part": options.part != "all",
        "--pairs": options.pairs,
        "--metrics": options.metrics,
        "--weights": options.weights,
        "--preset": options.preset,
        "--set": [value for value in options.overrides if not value.startswith(OF_DEVICE)],
    }
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise UserError(f"{wrong[0]} needs --against COHORT; a protocol that was run has its own")


def _fit(options: Options) -> Fit:
    if options.grid not in get_args(Rule):
        raise unknown("--grid", options.grid, get_args(Rule))
    return Fit(options.grid, _range(options.intensities))  # type: ignore[arg-type]


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--range '{text}': write two numbers, such as --range 0,1") from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f"--range '{text}': both numbers must be finite")
    if not low < high:
        raise UserError(f"--range '{text}': the first value must be the lower one")
    return low, high
