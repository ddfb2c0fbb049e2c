"""What a user sees while work is in progress: messages and progress bars, on stderr only."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from longibench.benchmark.core.text import one_line, visible

T = TypeVar("T")


class RateColumn(ProgressColumn):
    """Items per second, or seconds per item if that is slow."""

    def render(self, task: Task) -> Text:
        """Show nothing until there is something to measure."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")


class Bar:
    """One progress bar; ``advance`` it, and show details in ``note``."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, by: int = 1, note: str = "") -> None:
        """Advance by some items."""
        self._progress.update(self._task, advance=by, note=one_line(note))


class Console:
    """Messages, warnings and progress bars; stdout is left to results."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self._rich = RichConsole(stderr=True, highlight=False, emoji=False)

    def say(self, message: str) -> None:
        """Report what is being done."""
        if not self.quiet:
            self._rich.print(visible(message), markup=False, soft_wrap=True)

    def warn(self, message: str) -> None:
        """Warn of what affects the results; shown even when quiet."""
        text = f"warning: {visible(message)}"
        self._rich.print(text, style="yellow", markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: int, done: int = 0) -> Iterator[Bar]:
        """Show a bar with count, rate and remaining time; at the end, the elapsed time."""
        columns = (
            TextColumn("{task.description:<20}", markup=False),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            RateColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        )
        with Progress(*columns, console=self._rich, disable=self.quiet) as progress:
            task = progress.add_task(one_line(label), total=total, completed=done, note="")
            yield Bar(progress, task)

    def track(self, items: Iterable[T], label: str, total: int) -> Iterator[T]:
        """Iterate with a progress bar."""
        with self.bar(label, total) as bar:
            for item in items:
                yield item
                bar.advance()
