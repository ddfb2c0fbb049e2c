"""The report of a protocol: tables, figures and the page, from the content of its folder."""

from pathlib import Path

from matplotlib.figure import Figure

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import take_over
from longibench.benchmark.core.files import write_text
from longibench.benchmark.core.workspace import PATIENCE, Workspace
from longibench.reports.figures.cohort_montage import draw_montage
from longibench.reports.figures.denoising_curves import draw_denoising_curves
from longibench.reports.figures.figure_2 import HELD, draw_changes, draw_sheet
from longibench.reports.figures.figure_2_subject import build_sheet
from longibench.reports.figures.image_grid import CONVENTION
from longibench.reports.figures.style import save
from longibench.reports.figures.training_curves import draw_curves
from longibench.reports.figures.view import AbsentVolumeError
from longibench.reports.model.code_warnings import code_warnings
from longibench.reports.model.results import Results, read_results
from longibench.reports.model.text_table import Printed
from longibench.reports.pages.summary_page import Picture, Tables, render_page
from longibench.reports.tables.comparisons import (
    Compared,
    build_comparisons,
    comparison_records,
    print_comparisons,
)
from longibench.reports.tables.cost_table import cost_records, print_costs
from longibench.reports.tables.csv_records import table_records, to_csv
from longibench.reports.tables.diagnostics_table import (
    Row,
    diagnostics_records,
    failures,
    print_diagnostics,
    read_rows,
)
from longibench.reports.tables.markdown_latex import to_latex, to_markdown
from longibench.reports.tables.metric_table import Table
from longibench.reports.tables.paper_order import order_statements
from longibench.reports.tables.report_tables import build_tables, printed
from longibench.reports.tables.strata import build_strata, strata_records
from longibench.reports.tables.strata_gaps import gap_records, print_gaps, worst_gaps
from longibench.reports.tables.strata_tables import print_strata

NUMERALS = ("I", "II", "III", "IV", "V", "VI")
ABSENT = "its real volumes are not on disk; the same 'python cli.py run' prepares them again"
_PAPER = (".png", ".pdf", ".svg")


def write_report(folder: Path, console: Console) -> Path:
    """Write ``report/`` in a protocol's folder.

    Everything in it is a function of the folder: the same scores give the same bytes. A second
    report of the folder waits for the first; what a killed one left unfinished is removed.

    Args:
        folder: ``WORKSPACE/<protocol>``.
        console: For progress and warnings.

    Returns:
        The page, ``report/index.html``; ``table_1.md`` and the other files are next to it.

    Raises:
        UserError: The folder is incomplete, or the report cannot be written.
    """
    workspace = Workspace(folder.parent)
    take_over(workspace.folders(), workspace.root, console)
    results = read_results(folder)
    target = folder / "report"
    if not results.shareable:
        console.warn(
            f"{target} shows participants of '{results.protocol['cohort']['name']}', which is not "
            "declared shareable: it must not leave this machine"
        )
    for warning in code_warnings(results):
        console.warn(warning)
    if results.unfinished.sentences:
        for sentence in results.unfinished.sentences:
            console.warn(f"not finished: {sentence}")
        console.warn(results.unfinished.how_here)
    with Workspace(folder.parent).lock(target, PATIENCE):
        return _write(results, target, console)


def _write(results: Results, target: Path, console: Console) -> Path:
    compared = build_comparisons(results, console)
    with console.bar("Tables", total=1) as bar:
        diagnosed = read_rows(results)
        first, numbered = _numbered(results, diagnosed, compared, target)
        bar.advance()
    for sentence in failures(diagnosed):
        console.say(sentence)
    comparisons = _comparisons(compared, target)
    tables = Tables(numbered, comparisons, _strata(results, target, console))
    statements = order_statements(results, compared)
    pictures: list[Picture] = []
    absent: list[str] = []
    steps = {
        "Figure 2": _figure_2,
        "Training curves": _curves,
        "Noisy input": _denoising_curves,
        "The cohort": _cohort,
    }
    with console.bar("Figures", total=len(steps)) as bar:
        for name, draw in steps.items():
            try:
                pictures += draw(results, target)
            except AbsentVolumeError:
                absent.append(f"{name} is not drawn: {ABSENT}.")
            bar.advance(note=name.lower())
    for message in absent:
        console.warn(message)
    page = target / "index.html"
    write_text(page, render_page(results, first, tables, pictures, statements, absent))
    return page


def _numbered(
    results: Results, diagnosed: list[Row], compared: list[Compared], target: Path
) -> tuple[Table, list[Printed]]:
    """Write Tables I to VI as CSV, Markdown and LaTeX; return the first, and all as printed."""
    tables = build_tables(results, compared)
    ready = [(printed(table), table_records(table)) for table in tables]
    if costs := print_costs(results):
        ready.append((costs, cost_records(results)))
    if diagnostics := print_diagnostics(diagnosed):
        ready.append((diagnostics, diagnostics_records(diagnosed)))
    ready.sort(key=lambda one: _place(one[0]))
    for table, rows in ready:
        stem = target / f"table_{_place(table)}"
        write_text(stem.with_suffix(".csv"), to_csv(rows))
        write_text(stem.with_suffix(".md"), to_markdown(table))
        write_text(stem.with_suffix(".tex"), to_latex(table))
    return tables[0], [table for table, _ in ready]


def _place(table: Printed) -> int:
    """Its number in digits."""
    return NUMERALS.index(table.number) + 1


def _comparisons(compared: list[Compared], target: Path) -> list[Printed]:
    """Write the paired comparisons; nothing if there is only one method."""
    tables = print_comparisons(compared)
    if compared:
        write_text(target / "comparisons.csv", to_csv(comparison_records(compared)))
        write_text(target / "comparisons.md", "\n".join(to_markdown(table) for table in tables))
    return tables


def _strata(results: Results, target: Path, console: Console) -> list[Printed]:
    """Write the strata; nothing if no metric has values by subject."""
    values = build_strata(results, console)
    worst = worst_gaps(values)
    if values:
        write_text(target / "strata.csv", to_csv(strata_records(values)))
    if worst:
        write_text(target / "strata_gaps.csv", to_csv(gap_records(worst)))
    return [*print_gaps(worst), *print_strata(values)]


def _figure_2(results: Results, target: Path) -> list[Picture]:
    sheet = build_sheet(results)
    return [
        _picture(
            draw_sheet(sheet),
            target / "figure_2",
            _PAPER,
            "Figure 2. Real and generated follow-ups",
            "The subject with most follow-ups (up to five) and, among those, the most typical "
            f"scores. {CONVENTION} One slice, chosen where real scans change most, and one grey "
            "window. A method's visits share one noise seed: between them only the interval "
            "differs.",
        ),
        _picture(
            draw_changes(sheet),
            target / "figure_2_change",
            _PAPER,
            "Figure 2, change from the source",
            "The same pictures minus the source, intensities in [-1, 1], in one symmetric range "
            f"that contains {HELD}% of the real changes shown; red is brighter than the source, "
            "blue darker.",
        ),
    ]


def _curves(results: Results, target: Path) -> list[Picture]:
    figure = draw_curves(results)
    if figure is None:
        return []
    caption = (
        "Loss against iteration: raw (pale) and smoothed. Losses differ in kind between methods, "
        "so their heights cannot be compared."
    )
    stem = target / "training_curves"
    return [_picture(figure, stem, (".svg", ".png"), "Training", caption)]


def _denoising_curves(results: Results, target: Path) -> list[Picture]:
    figure = draw_denoising_curves(results)
    if figure is None:
        return []
    caption = (
        "Root mean square error, in the source's head, of the estimate of what is diffused, given "
        "the true noisy input, by noise over signal at each level. Dotted: the error from pure "
        "noise; a network that ignores its input stays there. Dashed: error equal to the ratio, "
        "where the input itself is returned. The ring is the level that Table VI judges."
    )
    stem = target / "denoising_curves"
    return [_picture(figure, stem, _PAPER, "Use of the noisy input", caption)]


def _cohort(results: Results, target: Path) -> list[Picture]:
    caption = "Real scans of the evaluation subjects with most follow-ups, up to six."
    stem = target / "cohort"
    return [_picture(draw_montage(results), stem, (".png",), "The cohort", caption)]


def _picture(
    figure: Figure, stem: Path, suffixes: tuple[str, ...], title: str, caption: str
) -> Picture:
    """Save a figure; the page shows the first of its files."""
    return Picture(save(figure, stem, suffixes)[0], figure.get_figwidth(), title, caption)
