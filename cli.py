"""The command line: each command parses, calls one function and prints a result.

Slow packages are not imported at the top, so that --help is fast.
"""

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from longibench.benchmark.settings.schema import DeviceSettings

Result = TypeVar("Result")

app = typer.Typer(
    help="Benchmark of methods that generate follow-up brain MRI from one scan and an interval.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Preset = Annotated[str, typer.Option(help="demo, half, paper, paper-shared or a YAML file.")]
Place = Annotated[Path, typer.Option("--workspace", help="Folder of all results.")]
Override = Annotated[list[str], typer.Option("--set", help="KEY=VALUE of any setting.")]
Plugins = Annotated[list[Path], typer.Option("--plugin", help="File with a method or a metric.")]
Devices = Annotated[int | None, typer.Option(help="Devices of this machine that share the work.")]
Nodes = Annotated[int | None, typer.Option(help="Machines, under torchrun or SLURM.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, results only.")]
CohortSpec = Annotated[
    str, typer.Argument(metavar="SPEC", help="phantom, READER:PATH or auto:PATH.")
]
ProtocolName = Annotated[str | None, typer.Option("--protocol", help="Default: the latest.")]

RUNS = Path("runs")
MAY_BE_EMPTY = ("--label",)  # removes a label


class Command(TyperCommand):
    """A command that refuses empty values: one would be a default, or the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Look for empty values before they are converted, then parse."""
        from longibench.benchmark.core.errors import UserError

        for before, text in pairwise([self.name or "", *args]):
            option, separator, value = text.partition("=")
            glued = bool(separator) and option.startswith("--")
            name = option if glued else before
            if not (value if glued else text).strip() and name not in MAY_BE_EMPTY:
                raise UserError(f"an empty value after '{name}': leave it out or give one")
        return super().parse_args(ctx, args)


@app.command(cls=Command)
def run(  # noqa: PLR0913 - one argument per option
    methods: Annotated[str, typer.Option(help="Comma-separated; see 'methods'.")],
    preset: Preset = "demo",
    cohort: Annotated[str | None, typer.Option(help="phantom or bids:PATH.")] = None,
    test_cohort: Annotated[str | None, typer.Option(help="Evaluate on this one.")] = None,
    pairs: Annotated[str | None, typer.Option(help="yearly or all.")] = None,
    seed: Annotated[int | None, typer.Option(help="Run seed.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Several in place of one, such as 0,1.")] = None,
    folds: Annotated[
        str | None, typer.Option(help="all, or such as 0,2; of how many: --set split.folds=5.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Name in tables of what was overridden, such as 'lr 0.01'.")
    ] = None,
    launcher: Annotated[
        str, typer.Option(help="in-process, ray, or slurm: only writes the scripts.")
    ] = "in-process",
    devices: Devices = None,
    num_nodes: Nodes = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Time a few steps, estimate time and memory.")
    ] = False,
    set_: Override = [],  # noqa: B006 - typer copies it
    plugin: Plugins = [],  # noqa: B006
    workspace: Place = RUNS,
    quiet: Quiet = False,
) -> None:
    """Train, generate and score methods; does only what is missing.

    Example: python cli.py run --methods vae,med-ddpm,ours --seeds 0,1,2
    """
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.errors import UserError
    from longibench.benchmark.core.options import names as split_names
    from longibench.benchmark.core.workspace import Workspace
    from longibench.benchmark.runs.launchers.slurm import write_array
    from longibench.benchmark.runs.matrix import Matrix
    from longibench.benchmark.runs.row_names import Naming
    from longibench.benchmark.runs.runner import known_launcher
    from longibench.benchmark.runs.runner import run as run_benchmark
    from longibench.benchmark.settings.loading import as_overrides, load_settings
    from longibench.benchmark.settings.schema import DeviceSettings

    options = {
        "cohort": cohort, "test_cohort": test_cohort, "pairs.rule": pairs, "seed": seed,
        "device.devices": devices, "device.num_nodes": num_nodes,
    }  # fmt: skip
    if seed is not None and seeds is not None:
        raise UserError("--seed and --seeds: give one of them")
    overrides = [*as_overrides(options, set_), *set_]
    settings = load_settings(preset, overrides)
    naming = Naming(label, load_settings(preset))
    names = list(split_names("--methods", methods))
    matrix = Matrix.parse(seeds, folds, settings)
    known_launcher(launcher)
    place, console = Workspace(workspace), Console(quiet)
    if dry_run:
        from longibench.benchmark.runs.runner import dry_run as estimate
        from longibench.reports.tables.dry_run_table import estimate_table

        found = _with_devices(
            settings.device,
            lambda: estimate(names, settings, place, console, tuple(plugin), matrix),
        )
        if found is not None:
            _echo(estimate_table(found))
        return
    if launcher == "slurm":
        repeated = ["--preset", preset, *(f"--set={value}" for value in overrides)]
        _echo(write_array(names, settings, matrix, place, repeated, tuple(plugin), label))
        return
    tables = _with_devices(
        settings.device if launcher == "in-process" else DeviceSettings(),  # cells have the devices
        lambda: run_benchmark(
            names, settings, place, console, tuple(plugin), matrix, launcher, naming
        ),
    )
    for table in tables or []:
        _echo(table)


@app.command(cls=Command)
def curve(  # noqa: PLR0913 - one argument per option
    methods: Annotated[str, typer.Option(help="Comma-separated diffusion methods.")],
    samplers: Annotated[str, typer.Option(help="Comma-separated.")] = "ddpm,ddim,dpm-solver++",
    steps: Annotated[str, typer.Option(help="Comma-separated.")] = "5,10,25,50,100,250,1000",
    pairs: Annotated[int, typer.Option(help="Evaluation pairs to generate; 0 for all.")] = 24,
    preset: Preset = "demo",
    set_: Override = [],  # noqa: B006
    plugin: Plugins = [],  # noqa: B006
    workspace: Place = RUNS,
    quiet: Quiet = False,
) -> None:
    """Score methods with every sampler and number of steps: quality against cost.

    Trains each method once, if it is not trained yet; does only what is missing.

    Example: python cli.py curve --methods ours --steps 5,10,25,50
    """
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.workspace import Workspace
    from longibench.benchmark.runs.sampler_sweep import Sweep, sweep_samplers
    from longibench.benchmark.settings.loading import load_settings
    from longibench.reports.figures.sampling_curve import write_curve

    sweep = Sweep.parse(methods, samplers, steps, pairs)
    settings = load_settings(preset, set_)
    place, console = Workspace(workspace), Console(quiet)
    folder = _with_devices(
        settings.device,
        lambda: sweep_samplers(sweep, settings, place, console, tuple(plugin)),
    )
    if folder is None:
        return
    table = write_curve(folder)
    _echo(table.read_text(encoding="utf-8"))
    _echo(table)


@app.command(cls=Command)
def report(protocol: ProtocolName = None, workspace: Place = RUNS, quiet: Quiet = False) -> None:
    """Write tables, figures and the summary page of a protocol."""
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.workspace import Workspace
    from longibench.reports.pages.report import write_report

    written = write_report(Workspace(workspace).find_protocol(protocol), Console(quiet))
    for table in sorted(written.parent.glob("table_*.md"))[:1]:  # there may be no Table I
        _echo(table.read_text(encoding="utf-8"))
    _echo(written)


@app.command(cls=Command)
def methods(plugin: Plugins = []) -> None:  # noqa: B006
    """List the methods: name, summary, paper, parameters, what they condition on."""
    from longibench.reports.tables.method_list import method_table

    _echo(method_table(plugin))


@app.command(cls=Command)
def metrics(plugin: Plugins = []) -> None:  # noqa: B006
    """List the metrics: name, full title, direction, unit, citation."""
    from longibench.reports.tables.metric_list import metric_table

    _echo(metric_table(plugin))


@app.command(cls=Command)
def evaluate(  # noqa: PLR0913 - one argument per option
    place: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of volumes, or a CSV file.")],
    against: Annotated[
        str | None, typer.Option(metavar="COHORT", help="Real scans: phantom or READER:PATH.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name in tables; default: the folder's.")] = None,
    pattern: Annotated[
        str, typer.Option(help="Names of the files, such as 'sub-{subject}_{visit}.nii.gz'.")
    ] = "",
    grid: Annotated[
        str, typer.Option(help="strict; resample: by the affines; voxels: trust their order.")
    ] = "strict",
    range_: Annotated[
        str, typer.Option("--range", metavar="LOW,HIGH", help="Stored values that are -1 and 1.")
    ] = "",
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Take COHORT's scans on their own grid, unprepared.")
    ] = False,
    some: Annotated[
        bool, typer.Option("--some", help="With --against: score the pairs that have a volume.")
    ] = False,
    part: Annotated[
        str, typer.Option(help="With --against: all subjects, or the split's test part.")
    ] = "all",
    pairs: Annotated[str | None, typer.Option(help="With --against: yearly or all.")] = None,
    names: Annotated[
        str, typer.Option("--metrics", help="With --against: comma-separated; see 'metrics'.")
    ] = "",
    weights: Annotated[
        str | None,
        typer.Option(help="With --against: extractor, such as medicalnet:50 or a FILE."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="With --against: the grid; default: the volumes'.")
    ] = None,
    set_: Override = [],  # noqa: B006
    plugin: Plugins = [],  # noqa: B006
    protocol: ProtocolName = None,
    workers: Annotated[int, typer.Option(help="Volumes in parallel; 0: one per core.")] = 0,
    workspace: Place = RUNS,
    quiet: Quiet = False,
) -> None:
    """Score volumes made elsewhere: against a cohort, or under a protocol that was run.

    Example: python cli.py evaluate my-volumes --against bids:/data/study
    """
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.workspace import Workspace
    from longibench.benchmark.evaluation.evaluate_command import Options, submit
    from longibench.reports.tables.terminal_summary import summary

    chosen = Options(
        place=place, against=against, name=name or "", pattern=pattern, grid=grid,
        intensities=range_, as_is=as_is, some=some, part=part, pairs=pairs, metrics=names,
        weights=weights, preset=preset, overrides=tuple(set_), plugins=tuple(plugin),
        protocol=protocol, workers=workers,
    )  # fmt: skip
    found, method = submit(chosen, Workspace(workspace), Console(quiet))
    _echo(summary(found, method))
    _echo(found / "scores.csv")


@app.command(cls=Command)
def cohort(
    spec: CohortSpec,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="With --json: also ids and paths.")] = False,
    preset: Preset = "demo",
    set_: Override = [],  # noqa: B006
    workspace: Place = RUNS,
    quiet: Quiet = False,
) -> None:
    """Describe a cohort: its content, what was left out and why, and how it would be split.

    Opens no volume. The text names the first cases of what was left out.

    JSON contains counts only, no id and no path, unless --ids is given.

    Example: python cli.py cohort auto:/data/adni
    """
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.errors import UserError
    from longibench.benchmark.core.workspace import Workspace
    from longibench.benchmark.settings.loading import as_overrides, load_settings
    from longibench.reports.cohorts.as_json import cohort_json
    from longibench.reports.cohorts.commands import report_cohort
    from longibench.reports.cohorts.text import print_description

    if ids and not as_json:
        raise UserError("--ids: only with --json")
    settings = load_settings(preset, [*as_overrides({"cohort": spec}, set_), *set_])
    console = Console(quiet)
    description, picture = report_cohort(settings, Workspace(workspace), console)
    if as_json:
        _echo(cohort_json(description, ids))
    else:
        print_description(description, picture)


@app.command(cls=Command)
def prepare(
    spec: CohortSpec,
    preset: Preset = "demo",
    set_: Override = [],  # noqa: B006
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad scan.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; 0: one per core.")] = None,
    workspace: Place = RUNS,
    quiet: Quiet = False,
) -> None:
    """Prepare a cohort's scans on the grid, as run does, and write a page to check them.

    Example: python cli.py prepare adni:/data/adni --preset paper
    """
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.core.workspace import Workspace
    from longibench.benchmark.settings.loading import as_overrides, load_settings
    from longibench.reports.cohorts.commands import report_preparation

    options = {"cohort": spec, "preparation.workers": workers}
    settings = load_settings(preset, [*as_overrides(options, set_), *set_])
    _echo(report_preparation(settings, Workspace(workspace), Console(quiet), strict))


@app.command(cls=Command)
def phantom(  # noqa: PLR0913 - one argument per option
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the BIDS dataset.")],
    subjects: Annotated[int | None, typer.Option(help="Number of participants.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Voxel size in mm.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulation.")] = None,
    scattered: Annotated[
        bool, typer.Option("--scattered", help="Raw heads: skull, scalp, positions, thick slices.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Also label maps of every visit at 1.5 mm.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="The first version: cleaner, more predictable.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate the longitudinal phantom cohort as a BIDS dataset."""
    from longibench.benchmark.cohorts.open_cohort import clean_phantom
    from longibench.benchmark.cohorts.phantom.dataset import write_phantom
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.settings.messages import validate
    from longibench.benchmark.settings.phantom import PhantomSettings

    options = {"subjects": subjects, "spacing_mm": spacing, "seed": seed}
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    given |= {"scattered": scattered, "labels": labels}
    study = clean_phantom(given) if clean else validate(PhantomSettings, given, "phantom")
    write_phantom(out, study, Console(quiet))
    _echo(out)


def _echo(text: object, err: bool = False) -> None:
    """Print text without any character that a terminal would act on."""
    from longibench.benchmark.core.text import visible

    typer.echo(visible(str(text)), err=err)


def _with_devices(settings: "DeviceSettings", work: Callable[[], Result]) -> Result | None:
    """Run a command's work with its devices; the exit code distinguishes what stopped it.

    Returns:
        What the work returns; None in the other processes of the group.
    """
    from longibench.benchmark.core.signals import Stopped
    from longibench.benchmark.devices.fabric import with_devices

    try:
        return with_devices(settings, work)
    except Stopped as stop:
        raise typer.Exit(stop.status) from stop


def main() -> None:
    """Run a command; errors that a user can fix end with their message and exit code 2.

    Exit code 130 after Ctrl-C, 75 if a signal of the system stopped the run: finished work is
    kept, and the same command continues.
    """
    from longibench import claim_short_names
    from longibench.benchmark.core.errors import UserError, of_system
    from longibench.benchmark.core.signals import INTERRUPTED, RESUMABLE

    os.environ.setdefault("MPLBACKEND", "Agg")  # figures are saved, never shown
    claim_short_names()
    try:
        app()
    except UserError as error:
        _echo(f"error: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        if (problem := of_system(error)) is None:
            raise
        _echo(f"error: {problem}", err=True)
        sys.exit(2)
    except SystemExit as ending:
        if ending.code in (INTERRUPTED, RESUMABLE):
            _echo("stopped; finished work is kept, the same command continues", err=True)
        raise


if __name__ == "__main__":
    main()
