"""Blocks of text for the terminal: plain when piped, as wide as the window."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from longibench.benchmark.core.text import one_line, visible

WIDTH = 100  # if the output is no terminal


def stdout() -> Console:
    """The console for which results are formatted."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=WIDTH if piped else None, highlight=False, emoji=False, markup=False)


def write(blocks: Iterable[RenderableType], console: Console) -> None:
    """Write blocks to stdout, without trailing spaces."""
    with console.capture() as captured:
        for block in blocks:
            console.print(_Visible(block))
    lines = (line.rstrip() for line in captured.get().splitlines())
    sys.stdout.write("\n".join(lines) + "\n")


@dataclass(frozen=True)
class _Visible:
    """A block without any character of its texts that a terminal would act on."""

    block: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        for segment in console.render(self.block, options):
            text = segment.text if segment.control else visible(segment.text)
            yield segment._replace(text=text)


def section(title: str, *body: RenderableType) -> RenderableType:
    """An empty line, a title, and the body under it."""
    return Group(Text(), Text(title, style="bold"), *map(indented, body))


def indented(body: RenderableType) -> RenderableType:
    """Indent a block by two columns."""
    return Padding(body, (0, 0, 0, 2), expand=False)


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Labels and values, in two columns."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(overflow="fold")
    for label, value in pairs:
        grid.add_row(label, one_line(value))
    return grid


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without lines; the columns named in ``right`` are aligned there."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="cyan")
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    return made


def remark(text: str) -> Text:
    """A line that explains."""
    return Text(text, style="dim")


def warning(text: str) -> Text:
    """A line that warns."""
    return Text(f"warning: {text}", style="yellow")
