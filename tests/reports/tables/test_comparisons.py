import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results, read_results
from longibench.reports.tables.comparisons import (
    Compared,
    build_comparisons,
    comparison_records,
    print_comparisons,
)


@pytest.fixture(scope="module")
def compared(full: Results) -> list[Compared]:
    return build_comparisons(full, Console(quiet=True))


def _of(compared: list[Compared], metric: str) -> list[Compared]:
    return [one for one in compared if one.metric.name == metric]


@pytest.mark.parametrize("metric", ["fid", "ssim", "psnr"])
def test_the_better_stands_first_and_the_copy_nowhere(
    compared: list[Compared], metric: str
) -> None:
    found = [(one.better.method, one.worse.method) for one in _of(compared, metric)]
    assert found == [("med-ddpm", "vae"), ("ours", "vae"), ("ours", "med-ddpm")]


def test_nearness_to_the_best_value_decides(compared: list[Compared]) -> None:
    assert {one.worse.method for one in _of(compared, "ventricles-intercept")[:2]} == {"vae"}
    for one in _of(compared, "ventricles-intercept"):
        assert not isinstance(one.result, str)
        assert one.result.difference.estimate <= 0


def test_trainings_on_both_sides_of_the_best_value_are_far_apart(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, more=True, seeds=3).write(tmp_path))
    scores = results.scores.copy()
    chosen = (scores["metric"] == "ventricles-intercept") & (scores["method"] == "ours")
    scores.loc[chosen, "value"] = scores.loc[chosen, "training_seed"].map({0: -1.0, 1: 1.0, 2: 1.0})
    found = build_comparisons(replace(results, scores=scores), Console(quiet=True))
    one = next(
        one
        for one in _of(found, "ventricles-intercept")
        if {one.better.method, one.worse.method} == {"ours", "vae"}
    )
    assert one.seed_spread == pytest.approx(math.hypot(2 / math.sqrt(3), 0.01), abs=1e-6)
    assert one.p_seeds > 0.05


def test_holm_is_over_the_comparisons_of_one_metric(compared: list[Compared]) -> None:
    for one in compared:
        assert not isinstance(one.result, str)
        assert one.result.p_value <= one.adjusted <= min(3 * one.result.p_value + 1e-12, 1)


def test_only_metrics_by_subject_have_a_share_of_subjects(compared: list[Compared]) -> None:
    for one in compared:
        assert math.isnan(one.share) == (one.metric.kind == "set")
    assert all(one.share > 0.5 for one in _of(compared, "ssim"))


def test_what_cannot_be_compared_keeps_its_reason(results: Results) -> None:
    scores = results.scores.copy()
    chosen = (scores["metric"] == "fid") & (scores["method"] == "ours")
    scores.loc[chosen, "n"] = 36
    found = build_comparisons(replace(results, scores=scores), Console(quiet=True))
    record = comparison_records(found)[1]
    assert "on different numbers of volumes" in record["note"]
    assert record["difference"] is None
    table = print_comparisons(found)[0]
    assert table.sections[0].lines[1][1].text == "—"
    assert "on different numbers of volumes" in table.notes[0]


def test_records_are_aggregates(compared: list[Compared]) -> None:
    table = pd.DataFrame(comparison_records(compared))
    assert len(table) == 3 * 7
    assert set(table["subjects"]) == {24}
    assert "secret" not in table.to_csv()


def test_printed_by_family_with_bold_where_holm_leaves_it(compared: list[Compared]) -> None:
    tables = print_comparisons(compared)
    assert [table.title.partition(",")[0] for table in tables] == [
        "Distribution",
        "Fidelity",
        "Change",
    ]
    ssim = tables[1].sections[0].lines[0]
    assert ssim[0].text == "Med-DDPM against VAE"
    assert (ssim[1].text, ssim[3].text, ssim[3].best) == ("+0.110", "< 0.001", True)
    assert ssim[4].text == "100%"


@pytest.mark.parametrize(("adjusted", "bold"), [(0.049, True), (0.051, False), (math.nan, False)])
def test_a_difference_is_bold_by_the_corrected_p_alone(
    compared: list[Compared], adjusted: float, bold: bool
) -> None:
    one = _of(compared, "ssim")[0]
    assert not isinstance(one.result, str)
    found = replace(one, result=replace(one.result, p_value=0.017), adjusted=adjusted)
    (line,) = print_comparisons([found])[0].sections[0].lines
    assert line[2].text == "0.017"
    assert [box.best for box in line] == [False, False, False, bold, False]


def test_one_method_has_nothing_to_compare(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, methods=("ours", "copy-source")).write(tmp_path))
    assert build_comparisons(results, Console(quiet=True)) == []
    assert print_comparisons([]) == []


def test_references_and_oracles_are_compared_nowhere(beside: Results) -> None:
    compared = build_comparisons(beside, Console(quiet=True))
    assert {one.better.role for one in compared} | {one.worse.role for one in compared} == {
        "method"
    }
    assert len(_of(compared, "ssim")) == 3
