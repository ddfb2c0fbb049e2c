"""Write README's table from a finished run: python docs/examples/readme_table.py PROTOCOL_FOLDER.

The run: python cli.py run --methods vae,med-ddpm,ours
"""

import sys
from dataclasses import replace
from pathlib import Path

from marked_section import replace_section

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results, read_results
from longibench.reports.tables.columns import Cell
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.metric_table import Table, build_table
from longibench.reports.tables.report_tables import REAL

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- table -->\n", "<!-- /table -->\n"
SHOWN = (
    *("fid", "ssim", "ssim-head", "skill-head", "change-correlation"),
    *("ventricles-change-error", "ventricles-slope-ratio", "truth-skill", "truth-auroc"),
)
BESIDE = ("copy-source", "half-change")  # of the rows that are added to every run


def block(results: Results) -> str:
    """The table, a line a metric, with notes."""
    shown = [metric for metric in results.metrics if metric.name in SHOWN]
    compared = build_comparisons(results, Console(quiet=True))
    table = _some_rows(build_table(results, shown, compared))
    labels = [row.entry.label for row in table.rows]
    lines = [["", *labels, REAL], ["---", *["---:"] * (len(labels) + 1)], *_lines(table)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    details = "; ".join(f"{row.entry.label}: {row.details}" for row in table.rows if row.details)
    pairs = results.protocol["pairs"]
    return (
        f"{text}\n{pairs['count']} pairs of {pairs['subjects']} test subjects of the "
        f"phantom; 95% intervals over subjects; {len(shown)} of the {len(results.metrics)} metrics "
        f"that are computed, by `docs/examples/readme_table.py`. {details}. The paper's values, on "
        "ADNI with an extractor that it does not name, are not comparable.\n"
    )


def _some_rows(table: Table) -> Table:
    """The methods and a few of the rows beside them."""
    rows = tuple(row for row in table.rows if row.entry.competes or row.entry.method in BESIDE)
    return replace(table, rows=rows)


def _lines(table: Table) -> list[list[str]]:
    lines = []
    for place, column in enumerate(table.columns):
        if column.metric.name not in SHOWN:  # a column that the report computes from others
            continue
        cells = [row.cells[place] for row in table.rows]
        values = [_value(cell) for cell in cells]
        within = [f" ({cell.interval})" if cell.interval else "" for cell in cells]
        both = [value + bounds for value, bounds in zip(values, within, strict=True)]
        lines.append([f"{column.title}, {column.metric.unit}".rstrip(", "), *both, ""])
        lines[-1][0] = f"{lines[-1][0]} {column.metric.arrow}".replace("|", r"\|")
        if column.floor:
            halves = [cell.halves.removeprefix("in halves ") for cell in cells]
            real = f"{column.floor.real:.{column.metric.decimals}f}"
            lines.append([f"the same in halves, n = {column.floor.volumes}", *halves, real])
    return lines


def _value(cell: Cell) -> str:
    """The value, bold in the leading group, with its letters."""
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.letters}".strip()


def main() -> None:
    """Replace the table between README's marks."""
    replace_section(README, BEGIN, END, block(read_results(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
