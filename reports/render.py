"""Table I as CSV, Markdown and LaTeX; the page renders the same model as HTML."""

import csv
import io
import math
from collections.abc import Iterable

from reports.table import Cell, Column, Row, Table

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "Δ": r"$\Delta$",
    "ε": r"$\epsilon$",
    "—": "---",
}


def to_csv(table: Table) -> str:
    """One row a method; full precision, so that other tools can round as they like."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    metrics = [name for column in table.columns for name in _csv_heads(column)]
    published = [f"{head[:-2]} {table.published_label}" for head in table.published_heads]
    writer.writerow(["method", "settings", "details", "training_seeds", *metrics, *published])
    for row in table.rows:
        values = [value for cell in row.cells for value in _csv_values(cell)]
        names = [row.entry.method, row.entry.settings, row.details, row.seeds]
        writer.writerow([*names, *values, *(_csv_text(value) for value in row.published)])
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """A GitHub table with its caption and notes."""
    heads = [f"{column.title} {column.metric.arrow}" for column in table.columns]
    label = f"({table.published_label}){_superscript(table.published_note)}"
    published = [f"{head} {label}" for head in table.published_heads]
    lines = [
        _line(["Method", *heads, *published]),
        _line(["---", *["---:"] * (len(heads) + len(published))]),
        *(_markdown_row(row) for row in table.rows),
    ]
    notes = [f"{_superscript(i)} {_markdown(n)}" for i, n in enumerate(table.notes, 1)]
    paragraphs = [f"**Table I.** {_markdown(table.caption)}", *notes]
    return "\n".join(lines) + "\n\n" + "\n\n".join(paragraphs) + "\n"


def to_latex(table: Table) -> str:
    r"""A ``table*`` environment; needs ``\usepackage{booktabs}``."""
    count = len(table.columns) + len(table.published_heads)
    heads = [_stacked(column.head, column.tail) for column in table.columns]
    mark = _mark(table.published_note)
    published = [_stacked(head, table.published_label, mark) for head in table.published_heads]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            "\\centering",
            f"\\caption{{{_latex(table.caption)}}}",
            f"\\begin{{tabular}}{{l{'r' * count}}}",
            "\\toprule",
            _latex_line(["Method", *heads, *published]),
            "\\midrule",
            *(_latex_row(row) for row in table.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\footnotesize {_mark(i)}{_latex(n)}" for i, n in enumerate(table.notes, 1)),
            "\\end{table*}",
            "",
        ]
    )


def _csv_heads(column: Column) -> list[str]:
    return [column.title, f"{column.title} low", f"{column.title} high"]


def _csv_values(cell: Cell) -> list[str]:
    value = cell.estimate.interval
    return ["" if math.isnan(x) else repr(x) for x in (value.estimate, value.low, value.high)]


def _csv_text(value: str) -> str:
    return value.strip("—")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_row(row: Row) -> str:
    label = f"{_markdown(row.entry.label)}{_superscript(row.note)}"
    return _line([label, *(_markdown_cell(cell) for cell in row.cells), *row.published])


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    rest = "; ".join(part for part in (cell.interval, cell.spread) if part)
    return f"{text}{_superscript(cell.note)}" + (f" ({rest})" if rest else "")


def _markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _superscript(number: int) -> str:
    return str(number).translate(_SUPERSCRIPTS) if number else ""


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_row(row: Row) -> str:
    published = [_latex(value) for value in row.published]
    label = f"{_latex(row.entry.label)}{_mark(row.note)}"
    return _latex_line([label, *(_latex_cell(cell) for cell in row.cells), *published])


def _latex_cell(cell: Cell) -> str:
    text = f"\\textbf{{{cell.text}}}" if cell.best else _latex(cell.text)
    rest = "; ".join(part for part in (cell.interval, cell.spread) if part)
    return f"{text}{_mark(cell.note)}" + (f" {{\\scriptsize ({rest})}}" if rest else "")


def _stacked(head: str, tail: str, mark: str = "") -> str:
    second = f"\\\\ {{\\scriptsize {_latex(tail)}{mark}}}" if tail else ""
    return f"\\begin{{tabular}}{{@{{}}r@{{}}}}{_latex(head)}{second}\\end{{tabular}}"


def _mark(number: int) -> str:
    return f"\\textsuperscript{{{number}}}" if number else ""


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
