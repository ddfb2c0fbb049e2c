"""The report of a protocol: tables, figures and the page, from what lies in its folder."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmark.console import Console
from benchmark.files import write_text
from reports.curves import draw_curves
from reports.drawing import save
from reports.figure import HELD, draw_changes, draw_sheet
from reports.montage import draw_montage
from reports.page import Picture, render_page
from reports.pictures import CONVENTION
from reports.render import to_csv, to_latex, to_markdown
from reports.results import Results, read_results
from reports.sheet import build_sheet
from reports.table import Table, build_table

_PAPER = (".png", ".pdf", ".svg")


def write_report(folder: Path, console: Console) -> Path:
    """Write ``report/`` in a protocol's folder.

    Everything in it is a function of the folder: the same scores give the same bytes.

    Args:
        folder: ``WORKSPACE/<protocol>``.
        console: Where progress and warnings go.

    Returns:
        The page, ``report/index.html``; ``table_1.md`` and the rest lie beside it.

    Raises:
        UserError: The folder lacks something, or the report cannot be written.
    """
    results = read_results(folder)
    target = folder / "report"
    if not results.shareable:
        console.warn(
            f"{target} shows participants of '{results.protocol['cohort']['name']}', which is not "
            "declared shareable: it must not leave this machine"
        )
    table = build_table(results)
    write_tables(table, target)
    with console.bar("Figures", total=3) as bar:
        pictures = _figure_2(results, target)
        bar.advance(note="curves")
        pictures += _curves(results, target)
        bar.advance(note="cohort")
        pictures += _cohort(results, target)
        bar.advance(note="done")
    page = target / "index.html"
    write_text(page, render_page(results, table, pictures))
    return page


def write_tables(table: Table, target: Path) -> None:
    """Write Table I as CSV, Markdown and LaTeX."""
    write_text(target / "table_1.csv", to_csv(table))
    write_text(target / "table_1.md", to_markdown(table))
    write_text(target / "table_1.tex", to_latex(table))


def _figure_2(results: Results, target: Path) -> list[Picture]:
    sheet = build_sheet(results)
    return [
        _picture(
            draw_sheet(sheet),
            target / "figure_2",
            _PAPER,
            "Figure 2. Real and generated follow-ups",
            "The subject with most follow-ups (up to five) and, among those, the most ordinary "
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
            f"that holds {HELD}% of the real changes shown; red is brighter than the source, blue "
            "darker.",
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


def _cohort(results: Results, target: Path) -> list[Picture]:
    caption = "Real scans of the evaluation subjects with most follow-ups, up to six."
    stem = target / "cohort"
    return [_picture(draw_montage(results), stem, (".png",), "The cohort", caption)]


def _picture(
    figure: Figure, stem: Path, suffixes: tuple[str, ...], title: str, caption: str
) -> Picture:
    """Save a figure; the page shows the first of its files."""
    return Picture(save(figure, stem, suffixes)[0], figure.get_figwidth(), title, caption)
