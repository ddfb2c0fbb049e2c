"""Write what README and pages quote of ``docs/scores``: python docs/examples/quote_scores.py.

Each quotation stands between marks of its name, ``<!-- name -->`` and ``<!-- /name -->``.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kept_scores import KEPT, opened
from marked_section import replace_section
from readme_table import block, made_by

from longibench.reports.figures.sampling_curve import SECONDS, print_curve
from longibench.reports.figures.sampling_points import read_points
from longibench.reports.model.results import Results
from longibench.reports.model.text_table import Line
from longibench.reports.tables.diagnostics_table import print_diagnostics, read_rows
from longibench.reports.tables.markdown_latex import to_markdown

TOP = Path(__file__).parents[2]
TIMES = "demo_time.json"  # written by time_demo.py


@dataclass(frozen=True)
class Quotation:
    """A part of a page, and what makes its text."""

    page: str
    name: str
    make: Callable[[], str]

    @property
    def marks(self) -> tuple[str, str]:
        """The marks around it."""
        return f"<!-- {self.name} -->", f"<!-- /{self.name} -->"


def of_scores(kept: str, make: Callable[[Results], str]) -> Callable[[], str]:
    """What a function makes of kept scores, on lines of its own."""

    def text() -> str:
        with opened(KEPT / kept) as results:
            return f"\n{make(results)}"

    return text


def diagnostics(results: Results) -> str:
    """Table VI."""
    table = print_diagnostics(read_rows(results))
    assert table, "nothing is diagnosed"
    return f"{to_markdown(replace(table, caption=''))}\n{made_by(results.provenance)}\n"


def curve(results: Results) -> str:
    """The table of every sampler and number of steps, without seconds: they are proportional."""
    table = print_curve(results, read_points(results))
    place = [head.text for head in table.heads].index(SECONDS)
    table = replace(
        table,
        heads=_without(table.heads, place),
        sections=tuple(
            replace(its, lines=tuple(_without(line, place) for line in its.lines))
            for its in table.sections
        ),
        caption="",
    )
    return f"{to_markdown(table)}\n{made_by(results.provenance)}\n"


def _without(line: Line, place: int) -> Line:
    return line[:place] + line[place + 1 :]


def sigmas() -> str:
    """What the samples of the VAE are like for each sigma, on training subjects held out."""
    return f"\n{(KEPT / 'vae_sigma.md').read_text(encoding='utf-8')}"


def times() -> dict[str, Any]:
    """How long README's two commands took, and where."""
    found: dict[str, Any] = json.loads((KEPT / TIMES).read_text(encoding="utf-8"))
    return found


def minutes() -> str:
    """Of the first command."""
    return f"about {math.ceil(times()['run_seconds'] / 60)} minutes"


def demo_row() -> str:
    """Machine, versions, command and times, as cells of a table."""
    its = times()
    return (
        f" {its['machine']} | {its['versions']} | `{its['command']}` at commit {its['commit']} | "
        f"{its['run_seconds']:.0f} s, and {its['report_seconds']:.0f} s for `python cli.py "
        "report`; measured by `python docs/examples/time_demo.py` "
    )


QUOTATIONS = (
    Quotation("README.md", "table", of_scores("demo", block)),
    Quotation("README.md", "minutes", minutes),
    Quotation("README.md", "minutes-again", minutes),
    Quotation("docs/diagnostics.md", "diagnostics", of_scores("demo", diagnostics)),
    Quotation("docs/sampling.md", "curve", of_scores("curve", curve)),
    Quotation("docs/paper-settings.md", "sigmas", sigmas),
    Quotation("docs/reference-results.md", "demo-time", demo_row),
)


def main() -> None:
    """Replace every quotation."""
    for its in QUOTATIONS:
        replace_section(TOP / its.page, *its.marks, its.make())


if __name__ == "__main__":
    main()
