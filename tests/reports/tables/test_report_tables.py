from dataclasses import replace

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.report_tables import build_tables, printed


def test_metrics_go_to_their_tables(full: Results) -> None:
    names = {
        table.number: [column.metric.name for column in table.columns]
        for table in build_tables(full)
    }
    assert names == {
        "I": ["fid", "ssim", "ssim-head"],
        "II": ["kid", "psnr"],
        "III": ["ventricles-intercept", "steadiness"],
    }


def test_empty_tables_are_left_out(results: Results) -> None:
    assert [table.number for table in build_tables(results)] == ["I"]
    protocol = {**results.protocol, "metrics": results.protocol["metrics"][:0]}
    assert build_tables(replace(results, protocol=protocol)) == []


def test_older_protocols_know_no_family(results: Results) -> None:
    old = {**results.protocol["metrics"][0], "name": "older"}
    del old["family"], old["best"]
    protocol = {**results.protocol, "metrics": [old]}
    scores = results.scores.assign(metric="older")
    table = build_tables(replace(results, protocol=protocol, scores=scores))[0]
    assert (table.number, table.columns[0].metric.family) == ("II", "fidelity")


def test_table_i_has_a_line_a_method_and_the_others_a_line_a_metric(full: Results) -> None:
    first, second, third = (printed(table) for table in build_tables(full))
    assert [line[0].text for line in first.sections[0].lines] == [
        "Copy of the source",
        "VAE",
        "Med-DDPM",
        "Dao et al. (ours)",
        "Real against real",
    ]
    assert [section.heading.partition(":")[0] for section in second.sections] == [
        "Distribution",
        "Fidelity",
    ]
    assert [line[0].text for line in third.sections[0].lines] == [
        "Ventricles, jump, %/year → 0",
        "Steadiness ↑",
    ]
    for table in (first, second, third):
        lines = [line for section in table.sections for line in section.lines]
        assert {len(line) for line in lines} == {len(table.heads)}


def test_nearest_to_the_best_value_is_best(full: Results) -> None:
    third = printed(build_tables(full, build_comparisons(full, Console(quiet=True)))[2])
    bias = dict(zip(third.heads, third.sections[0].lines[0], strict=True))
    texts = {head.text: box.text for head, box in bias.items()}
    assert (texts["Med-DDPM"], texts["Dao et al. (ours)"]) == ("-0.10", "0.31")
    assert [head.text for head, box in bias.items() if box.best] == ["Med-DDPM"]
    assert {head.text: box.letters for head, box in bias.items() if box.letters} == {
        "Med-DDPM": "a",
        "Dao et al. (ours)": "b",
        "VAE": "c",
    }


def test_what_real_volumes_score_stands_beside_the_method_at_the_same_n(full: Results) -> None:
    first, second, _ = (printed(table) for table in build_tables(full))
    *_, ours, real = first.sections[0].lines
    assert (real[1].text, real[1].small) == ("3.0", ("halves, n = 36",))
    assert "in halves 32.0" in ours[1].small
    assert real[2].text == ""
    assert "cannot distinguish its volumes from real ones" in first.notes[real[0].note - 1]
    assert second.heads[-1].text == "Real against real"


def test_spread_between_seeds_stands_apart_from_the_interval(full: Results) -> None:
    ours = printed(build_tables(full)[0]).sections[0].lines[3]
    assert ours[1].text == "30.5"
    assert ours[1].small[1] == "± 0.7 between 2 seeds"
