"""Tables as Markdown and LaTeX; the page renders the same boxes as HTML."""

import re
from collections.abc import Iterable

from longibench.benchmark.core.text import one_line
from longibench.reports.model.text_table import Box, Line, Printed, Section

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
# What Markdown would act on, and only there: names with - or _ between letters stay as they are.
_ACTIVE = re.compile(
    r"[\\`*|~$@]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis
    r"|\](?=[\[(:])"  # a link or an image
    r"|:(?=//)|(?<=www)\."  # an address without brackets
)
_ENTITY = re.compile(r"<|&(?=#?\w+;)")
_MARKUP = {"&": "&amp;", "<": "&lt;"}
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "Δ": r"$\Delta$",
    "ε": r"$\epsilon$",
    "—": "---",
}


def to_markdown(table: Printed) -> str:
    """A GitHub table with its title, caption and notes."""
    lines = [
        _markdown_line(table.heads),
        f"| {' | '.join(['---', *['---:'] * (len(table.heads) - 1)])} |",
        *(line for section in table.sections for line in _markdown_section(section)),
    ]
    title = _markdown(table.title)
    name = f"Table {table.number}. {title}." if table.number else f"{title}."
    first = " ".join(part for part in (f"**{name}**", _markdown(table.caption)) if part)
    notes = [f"{_superscript(i)} {_markdown(n)}" for i, n in enumerate(table.notes, 1)]
    return "\n".join(lines) + "\n\n" + "\n\n".join([first, *notes]) + "\n"


def to_latex(table: Printed) -> str:
    r"""A ``table*`` environment; needs ``\usepackage{booktabs}``."""
    heads = [_stacked(head) for head in table.heads]
    title = f"{table.title}. {table.caption}"
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            "\\begin{table*}",
            "\\centering",
            f"\\caption{{{_latex(title.strip())}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            "\\toprule",
            _latex_line(heads),
            "\\midrule",
            *(line for section in table.sections for line in _latex_section(section, len(heads))),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\footnotesize {_mark(i)}{_latex(n)}" for i, n in enumerate(table.notes, 1)),
            "\\end{table*}",
            "",
        ]
    )


def _markdown_section(section: Section) -> Iterable[str]:
    if section.heading:
        yield f"| **{_markdown(section.heading)}** |{' |' * (len(section.lines[0]) - 1)}"
    for line in section.lines:
        yield _markdown_line(line)


def _markdown_line(line: Line) -> str:
    return f"| {' | '.join(_markdown_box(box) for box in line)} |"


def _markdown_box(box: Box) -> str:
    text = f"**{_markdown(box.text)}**" if box.best else _markdown(box.text)
    rest = _markdown("; ".join(box.small))
    letters = f" {box.letters}" if box.letters else ""
    return f"{text}{letters}{_superscript(box.note)}" + (f" ({rest})" if rest else "")


def _markdown(text: str) -> str:
    inert = _ACTIVE.sub(r"\\\g<0>", one_line(text))
    return _ENTITY.sub(lambda found: _MARKUP[found[0]], inert)


def _superscript(number: int) -> str:
    return str(number).translate(_SUPERSCRIPTS) if number else ""


def _latex_section(section: Section, columns: int) -> Iterable[str]:
    if section.heading:
        yield f"\\multicolumn{{{columns}}}{{l}}{{\\textit{{{_latex(section.heading)}}}}} \\\\"
    for first, *rest in section.lines:
        yield _latex_line([_stacked(first, "l"), *(_latex_box(box) for box in rest)])


def _latex_line(cells: Iterable[str]) -> str:
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line[0] in "[*" else line  # the line break before it would take it


def _latex_box(box: Box) -> str:
    text = f"\\textbf{{{_latex(box.text)}}}" if box.best else _latex(box.text)
    rest = _latex("; ".join(box.small))
    letters = f"\\,{{\\scriptsize {_latex(box.letters)}}}" if box.letters else ""
    return f"{text}{letters}{_mark(box.note)}" + (f" {{\\scriptsize ({rest})}}" if rest else "")


def _stacked(box: Box, side: str = "r") -> str:
    """Small print below the text, so that heads and labels stay narrow."""
    text = f"{_latex(box.text)}{_mark(box.note)}"
    if not box.small:
        return text
    lines = "".join(f"\\\\ {{\\scriptsize {_latex(line)}}}" for line in box.small)
    return f"\\begin{{tabular}}{{@{{}}{side}@{{}}}}{text}{lines}\\end{{tabular}}"


def _mark(number: int) -> str:
    return f"\\textsuperscript{{{number}}}" if number else ""


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in one_line(text))
