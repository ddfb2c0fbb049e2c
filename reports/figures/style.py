"""How every figure looks and is saved: fonts, colours, deterministic files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib import pyplot
from matplotlib.figure import Figure

from longibench.benchmark.core.figure_text import FONT, PLAIN, make_inert
from longibench.benchmark.core.files import atomic_file

# Okabe and Ito's palette, distinguishable with the common colour vision deficiencies.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#1c2530"
MUTED = "#5d6875"
ALERT = "#a4161a"
BANNER = "Shows participants of a cohort not declared shareable: must not leave this machine"

_DPI = 300
_LOOK: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT],  # ships with matplotlib: the same glyphs everywhere
    "svg.hashsalt": "longibench",  # otherwise ids in the file are random
    "image.composite_image": False,
    **PLAIN,
}
_THEME: dict[Any, Any] = {  # over seaborn's "ticks" for "paper"
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e3e7eb",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
}
# Dates and versions in a file would change its bytes where the figure is the same.
_METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def look() -> Iterator[None]:
    """Draw statistical figures in the project's look; what pyplot opens here it also closes."""
    style = {**sns.axes_style("ticks"), **sns.plotting_context("paper"), **_LOOK, **_THEME}
    before = pyplot.get_fignums()
    with matplotlib.rc_context(style):
        try:
            yield
        finally:
            for number in set(pyplot.get_fignums()).difference(before):
                pyplot.close(number)  # the figure itself stays whole


def save(figure: Figure, stem: Path, suffixes: Iterable[str]) -> list[Path]:
    """Write a figure in several formats; the same figure gives the same bytes.

    Args:
        figure: What to draw.
        stem: Path without suffix.
        suffixes: Such as ``".png"``.

    Returns:
        The paths written.

    Raises:
        UserError: The folder cannot be written.
    """
    paths = [stem.with_suffix(suffix) for suffix in suffixes]
    make_inert(figure)
    with matplotlib.rc_context(_LOOK):
        for path in paths:
            with atomic_file(path) as temporary:
                figure.savefig(temporary, dpi=_DPI, metadata=_METADATA[path.suffix])
    return paths
