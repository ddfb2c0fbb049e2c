"""The curve's files from a protocol folder with known scores."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import POINTS
from longibench.reports.figures.sampling_curve import print_curve, write_curve
from longibench.reports.figures.sampling_figure import draw_panels
from longibench.reports.figures.sampling_points import curve_records, read_points
from longibench.reports.model.results import read_results

GAIN = 0.02  # of SSIM, for the variant with more steps


@pytest.fixture
def drawn(folder: Path) -> Path:
    """Ours as the default in 10 steps of DDIM, and in 50 of DDPM; Med-DDPM in 10 alone."""
    _add_variant(folder)
    points = [
        _point("ours", "bbbb", "ddpm", 50, default=False),
        _point("ours", "aaaa", "ddim", 10, default=True),
        _point("med-ddpm", "aaaa", "ddim", 10, default=True),
    ]
    (folder / POINTS).write_text(json.dumps(points))
    return folder


def _point(
    method: str, settings: str, sampler: str, steps: int, *, default: bool
) -> dict[str, Any]:
    return {
        "method": method,
        "settings": settings,
        "sampler": sampler,
        "steps": steps,
        "eta": 0.0,
        "default": default,
    }


def _add_variant(folder: Path) -> None:
    """Scores and a run of ours under other settings."""
    scores = pd.read_csv(folder / "scores.csv", dtype={"subject": str}, keep_default_na=False)
    more = scores[scores["method"] == "ours"].copy()
    more["settings"] = "bbbb"
    more["value"] = more["value"].astype(float) + GAIN
    pd.concat([scores, more]).to_csv(folder / "scores.csv", index=False)
    facts = json.loads((folder / "predictions/ours-s0/run.json").read_text())
    other = folder / "predictions/ours-s0-bbbb"
    other.mkdir()
    changes = {"settings": "bbbb", "seconds_per_volume": 5.5, "network_evaluations": 50}
    (other / "run.json").write_text(json.dumps({**facts, **changes}))


def test_the_csv_is_tidy(drawn: Path) -> None:
    write_curve(drawn)
    table = pd.read_csv(drawn / "sampling" / "curve.csv")
    first = ["method", "sampler", "steps", "metric", "value", "low", "high", "seconds_per_volume"]
    assert list(table.columns[:8]) == first
    assert len(table) == 3 * len(read_results(drawn).metrics)
    ssim = table[table["metric"] == "ssim"]
    more, default, _ = ssim["value"].tolist()
    assert more - default == pytest.approx(GAIN)
    assert ssim["seconds_per_volume"].tolist()[0] == 5.5
    assert (ssim["low"] < ssim["value"]).all()
    assert (ssim["value"] < ssim["high"]).all()
    assert ssim["default"].tolist() == [False, True, True]


def test_the_table_marks_the_default_under_each_sampler(drawn: Path) -> None:
    results = read_results(drawn)
    printed = print_curve(results, read_points(results))
    assert [section.heading for section in printed.sections] == [
        "Dao et al. (ours), ancestral DDPM",
        "Dao et al. (ours), DDIM",
        "Med-DDPM, DDIM",
    ]
    (line,) = printed.sections[0].lines
    assert (line[0].text, line[0].small, line[1].text) == ("50", (), "5.5")
    assert printed.sections[1].lines[0][0].small == ("default",)
    assert "Bold" not in printed.caption  # nothing is
    assert len({len(line) for section in printed.sections for line in section.lines}) == 1


def _draw(folder: Path) -> Figure:
    results = read_results(folder)
    return draw_panels(results, read_points(results))


def test_a_panel_a_metric_and_method_a_line_a_sampler(drawn: Path) -> None:
    figure = _draw(drawn)
    fid, ssim, head = figure.axes[:3]
    assert len(figure.axes) == 2 * 3
    assert fid.get_title(loc="left") == "FID ↓"
    assert ssim.get_title(loc="left") == "SSIM [Wang, whole volume] ↑"  # not the same as the next
    assert head.get_title(loc="left") == "SSIM [Wang, source's head] ↑"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ancestral DDPM", "DDIM", "default"]
    assert [text.get_text() for text in head.texts] == ["Dao et al. (ours)"]
    assert [line.get_label() for line in ssim.lines if len(line.get_xdata())] == labels
    theirs = [line.get_label() for line in figure.axes[4].lines if len(line.get_xdata())]
    assert theirs == ["DDIM", "default"]
    assert figure.axes[4].get_xlabel() == "steps (network evaluations)"


def test_values_and_their_given_intervals_are_drawn(drawn: Path) -> None:
    results = read_results(drawn)
    records = pd.DataFrame(curve_records(results, read_points(results)))
    more, default, _ = records[records["metric"] == "ssim"].to_dict("records")
    panel = draw_panels(results, read_points(results)).axes[1]
    lines = {str(line.get_label()): line for line in panel.lines}
    for name, row in (("ancestral DDPM", more), ("DDIM", default), ("default", default)):
        ((steps, value),) = lines[name].get_xydata()
        assert value == row["value"]
        assert steps == pytest.approx(row["steps"], rel=0.06)  # a little apart
    bars = [bar.get_segments()[0] for bar in panel.collections]
    found = [(bar[0][1], bar[1][1]) for bar in bars]
    assert found == [(row["low"], row["high"]) for row in (more, default)]
    assert [bar[0][0] for bar in bars] == [line.get_xdata()[0] for line in panel.lines[:2]]


def test_samplers_differ_by_mark_too_on_a_log_axis_with_each_number_of_steps(drawn: Path) -> None:
    first, *_, last = _draw(drawn).axes
    assert len({line.get_marker() for line in first.lines[:2]}) == 2
    assert first.get_xscale() == last.get_xscale() == "log"
    assert [label.get_text() for label in last.get_xticklabels()] == ["10", "50"]


def test_files_are_the_same_twice(drawn: Path) -> None:
    table = write_curve(drawn)
    files = sorted(table.parent.iterdir())
    assert [file.suffix for file in files] == [".csv", ".md", ".pdf", ".png", ".svg"]
    before = [file.read_bytes() for file in files]
    write_curve(drawn)
    assert [file.read_bytes() for file in files] == before


def test_a_metric_without_values_says_so(drawn: Path) -> None:
    scores = pd.read_csv(drawn / "scores.csv", dtype={"subject": str}, keep_default_na=False)
    scores.loc[scores["metric"] == "fid", "value"] = float("nan")
    scores.to_csv(drawn / "scores.csv", index=False)
    results = read_results(drawn)
    assert [text.get_text() for text in _draw(drawn).axes[0].texts] == ["no value"]
    record = next(its for its in curve_records(results, read_points(results)))
    assert record["metric"] == "fid"
    assert pd.isna(record["value"])


def test_without_points_it_says_what_to_do(folder: Path) -> None:
    with pytest.raises(UserError, match=r"no points; 'python cli.py curve' generates them"):
        write_curve(folder)


def test_a_point_that_was_removed_is_named(drawn: Path) -> None:
    (drawn / "predictions/ours-s0-bbbb/run.json").unlink()
    with pytest.raises(UserError, match="ours in 50 steps of ddpm is missing"):
        write_curve(drawn)
