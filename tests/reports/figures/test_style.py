from contextlib import suppress
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
import seaborn as sns
from matplotlib import pyplot
from matplotlib.figure import Figure

from longibench.reports.figures.style import MUTED, look, save


def test_the_look_ends_with_its_block_and_pyplot_keeps_nothing(tmp_path: Path) -> None:
    matplotlib.get_backend()  # chosen when it is first asked for
    settings, open_before = matplotlib.rcParams.copy(), pyplot.get_fignums()
    with look():
        grid = sns.FacetGrid(pd.DataFrame({"x": [1]}))
        assert grid.ax.xaxis.label.get_color() == MUTED
    assert matplotlib.rcParams == settings
    assert pyplot.get_fignums() == open_before
    (path,) = save(grid.figure, tmp_path / "empty", [".png"])  # a closed figure can be saved
    assert path.stat().st_size > 0


def test_a_failure_leaves_no_figure_open_but_those_of_others() -> None:
    others = pyplot.figure()
    with suppress(ZeroDivisionError), look():
        pyplot.figure()
        _ = 1 / 0
    assert others.number in pyplot.get_fignums()
    pyplot.close(others)
    assert not pyplot.get_fignums()


@pytest.mark.parametrize(
    "text", ["$x^", r"$\frac{$", "\x1b\x00", "中 \U0001f9e0", "a\nb", "</text>"]
)
def test_any_text_can_be_saved(text: str, tmp_path: Path) -> None:
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.set_title(text)
    axes.set_ylabel(text, weight="bold")
    figure.text(0.5, 0.5, text)
    for path in save(figure, tmp_path / "figure", (".png", ".svg", ".pdf")):
        assert path.stat().st_size > 0


def test_names_are_no_formulas_where_a_grid_measures_them(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1.0, 2.0], "name": ["$x^", "a_b"]})
    with look():
        grid = sns.FacetGrid(table, col="name")
        grid.map(pyplot.plot, "x")
        grid.figure.set_layout_engine("constrained")
    assert [axes.get_title(loc="left") for axes in grid.axes.flat] == ["name = $x^", "name = a_b"]
    assert save(grid.figure, tmp_path / "grid", [".png"])
