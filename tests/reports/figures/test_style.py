from contextlib import suppress
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib import pyplot

from longibench.reports.figures.style import MUTED, look, save


def test_the_look_ends_with_its_block_and_pyplot_keeps_nothing(tmp_path: Path) -> None:
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
