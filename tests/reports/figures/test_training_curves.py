from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from longibench.reports.figures.training_curves import draw_curves, smooth
from longibench.reports.model.results import read_results


def test_one_panel_a_trained_method(folder: Path) -> None:
    figure = draw_curves(read_results(folder))
    assert figure is not None
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["VAE", "Med-DDPM", "Dao et al. (ours)"]
    assert all(len(axes.lines) == 2 for axes in figure.axes)  # raw and smoothed


def test_nothing_trained_gives_no_figure(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("copy-source",)).write(tmp_path)
    assert draw_curves(read_results(folder)) is None


def test_seeds_share_their_methods_panel(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("ours",), seeds=2).write(tmp_path)
    figure = draw_curves(read_results(folder))
    assert figure is not None
    assert len(figure.axes[0].lines) == 4


def test_stages_follow_one_another(folder: Path) -> None:
    path = folder.parent / "models" / "ours-s0" / "losses.csv"
    losses = pd.read_csv(path)
    pd.concat([losses, losses.assign(stage="second")]).to_csv(path, index=False)
    figure = draw_curves(read_results(folder))
    assert figure is not None
    iterations = np.asarray(figure.axes[-1].lines[0].get_xdata())
    np.testing.assert_array_equal(iterations, np.arange(400))
    assert [text.get_text() for text in figure.axes[-1].texts] == ["fit", "second"]


def test_the_validation_loss_is_drawn_where_there_is_one(folder: Path) -> None:
    looks = pd.DataFrame({"stage": "fit", "step": [50, 100, 150], "loss": [0.6, 0.4, 0.01]})
    looks.to_csv(folder.parent / "models" / "ours-s0" / "validation.csv", index=False)
    figure = draw_curves(read_results(folder))
    assert figure is not None
    *others, panel = figure.axes
    line = panel.lines[-1]
    assert line.get_label() == "validation"
    np.testing.assert_array_equal(line.get_xdata(), [50, 100, 150])
    assert panel.get_ylim()[0] < 0.01  # in sight
    assert panel.get_legend() is not None
    assert all(axes.get_legend() is None and len(axes.lines) == 2 for axes in others)


def test_smoothing_keeps_constants_lines_and_length() -> None:
    np.testing.assert_allclose(smooth(np.full(50, 3.0), 9), 3.0)
    line = np.arange(50.0)
    np.testing.assert_allclose(smooth(line, 9)[4:-4], line[4:-4])
    assert len(smooth(line, 9)) == 50


def test_smoothing_lowers_noise() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    assert smooth(noise, 25).std() < 0.3 * noise.std()
