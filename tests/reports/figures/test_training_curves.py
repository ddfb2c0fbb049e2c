from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from longibench.reports.figures.style import COLOURS
from longibench.reports.figures.training_curves import draw_curves
from longibench.reports.model.results import read_results


def drawn(folder: Path) -> Figure:
    figure = draw_curves(read_results(folder))
    assert figure is not None
    return figure


def test_one_panel_and_colour_a_trained_method(folder: Path) -> None:
    panels = drawn(folder).axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["VAE", "Med-DDPM", "Dao et al. (ours)"]
    assert {panel.get_ylabel() for panel in panels} == {"training loss"}
    assert {panel.get_xlabel() for panel in panels} == {"iteration"}
    colours = [{to_hex(line.get_color()).upper() for line in panel.lines} for panel in panels]
    assert colours == [{colour} for colour in COLOURS[:3]]


def test_each_loss_is_drawn_and_their_running_mean(folder: Path) -> None:
    losses = pd.read_csv(folder.parent / "models" / "ours-s0" / "losses.csv")["loss"].to_numpy()
    each, smoothed = drawn(folder).axes[-1].lines
    for line in (each, smoothed):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(200))
    np.testing.assert_array_equal(each.get_ydata(), losses)
    found = np.asarray(smoothed.get_ydata())
    np.testing.assert_allclose(found[3:-3], np.convolve(losses, np.ones(7) / 7, "valid"))
    np.testing.assert_allclose(found[[0, -1]], [losses[:4].mean(), losses[-4:].mean()])


def test_nothing_trained_gives_no_figure(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("copy-source",)).write(tmp_path)
    assert draw_curves(read_results(folder)) is None


def test_seeds_share_their_methods_panel(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("ours",), seeds=2).write(tmp_path)
    path = folder.parent / "models" / "ours-s1" / "losses.csv"
    pd.read_csv(path).assign(loss=0.5).to_csv(path, index=False)
    (panel,) = drawn(folder).axes
    assert panel.get_title(loc="left") == "Dao et al. (ours), 2 training seeds"
    means = [np.mean(line.get_ydata()) == 0.5 for line in panel.lines]
    assert means == [False, True, False, True]  # each loss, then smoothed


def test_stages_follow_one_another(folder: Path) -> None:
    path = folder.parent / "models" / "ours-s0" / "losses.csv"
    losses = pd.read_csv(path)
    pd.concat([losses, losses.assign(stage="second")]).to_csv(path, index=False)
    panel = drawn(folder).axes[-1]
    np.testing.assert_array_equal(panel.lines[0].get_xdata(), np.arange(400))
    assert [text.get_text() for text in panel.texts] == ["fit", "second"]


def test_the_validation_loss_is_drawn_where_there_is_one(folder: Path) -> None:
    looks = pd.DataFrame({"stage": "fit", "step": [50, 100, 150], "loss": [6.0, 0.4, 0.01]})
    looks.to_csv(folder.parent / "models" / "ours-s0" / "validation.csv", index=False)
    figure = drawn(folder)
    *others, panel = figure.axes
    line = panel.lines[-1]
    np.testing.assert_array_equal(line.get_xydata(), looks[["step", "loss"]])
    assert (line.get_linestyle(), line.get_marker()) == ("--", "o")  # not by its colour alone
    low, high = panel.get_ylim()
    assert low < 0.01 < 6.0 < high  # in sight
    assert panel.get_ylabel() == "loss"
    assert all(len(axes.lines) == 2 for axes in others)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["training", "training, smoothed", "validation"]


def test_a_loss_over_decades_has_a_log_axis_with_plain_numbers(folder: Path) -> None:
    path = folder.parent / "models" / "ours-s0" / "losses.csv"
    losses = pd.read_csv(path)
    losses.assign(loss=np.geomspace(1, 0.01, len(losses))).to_csv(path, index=False)
    figure = drawn(folder)
    assert [panel.get_yscale() for panel in figure.axes] == ["linear", "linear", "log"]
    figure.draw_without_rendering()
    ticks = [label.get_text() for label in figure.axes[-1].get_yticklabels()]
    assert {"0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"} <= set(ticks)


def test_a_single_loss_is_a_point_and_a_long_training_is_thinned(folder: Path) -> None:
    models = folder.parent / "models"
    losses = pd.read_csv(models / "vae-s0" / "losses.csv")
    losses.head(1).to_csv(models / "vae-s0" / "losses.csv", index=False)
    long = pd.DataFrame({"stage": "fit", "step": np.arange(10_000), "loss": 1.0})
    long.to_csv(models / "ours-s0" / "losses.csv", index=False)
    point, _, thinned = drawn(folder).axes
    assert point.lines[1].get_marker() == "o"
    np.testing.assert_array_equal(thinned.lines[0].get_xdata(), np.arange(0, 10_000, 5))
