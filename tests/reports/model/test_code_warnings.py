"""A report warns where values of one definition were computed by different code."""

from dataclasses import replace

from longibench.reports.model.code_warnings import clamp_warnings, code_warnings, warnings
from longibench.reports.model.results import Results


def by_code(results: Results, method: str, metric: str, code: str, seed: int = 0) -> Results:
    scores = results.scores.copy()
    chosen = (scores["method"] == method) & (scores["metric"] == metric)
    scores.loc[chosen & (scores["training_seed"] == seed), "code"] = code
    return replace(results, scores=scores)


def test_one_code_needs_no_word(results: Results) -> None:
    assert code_warnings(results) == []
    assert warnings(results) == results.protocol["warnings"]


def test_rows_of_other_code_are_named_with_the_metrics(results: Results) -> None:
    changed = by_code(by_code(results, "vae", "ssim", "b"), "vae", "fid", "b")
    (text,) = code_warnings(changed)
    sides = "Copy of the source, Med-DDPM, Dao et al. (ours) and VAE"
    assert text.startswith(f"Rows were scored by different code: {sides} (ssim, fid).")


def test_seeds_of_one_row_are_told_so(full: Results) -> None:
    alone = replace(full, scores=full.scores[full.scores["method"] == "vae"])
    (text,) = code_warnings(by_code(alone, "vae", "ssim", "b", seed=1))
    assert text.startswith("Training seeds were scored by different code, of VAE (ssim).")


def test_a_definition_that_no_column_shows_does_not_count(results: Results) -> None:
    changed = by_code(results, "vae", "ssim", "b")
    chosen = changed.scores["metric"] == "ssim"
    hidden = changed.scores.assign(definition=changed.scores["definition"].where(~chosen, "old"))
    assert code_warnings(replace(changed, scores=hidden)) == []


def clamped(results: Results, method: str, share: float) -> Results:
    recorded = {"share": share, "largest_excess": 0.3, "volumes": 18}
    runs = [
        replace(run, facts={**run.facts, "clamped": recorded})
        if run.facts["method"] == method
        else run
        for run in results.runs
    ]
    return replace(results, runs=tuple(runs))


def test_clamped_volumes_of_a_row_are_warned_of(results: Results) -> None:
    (text,) = clamp_warnings(clamped(results, "vae", 0.02))
    assert text.startswith("VAE: 2% of the generated voxels were outside of [-1, 1], by up to 0.3")
    assert text in warnings(clamped(results, "vae", 0.02))
    assert clamp_warnings(clamped(results, "vae", 0.0005)) == []


def test_warnings_of_scores_are_on_the_page(results: Results) -> None:
    scores = results.scores.copy()
    scores.loc[scores["metric"] == "fid", ["value", "note"]] = [float("nan"), "too few"]
    found = warnings(replace(results, scores=scores))
    assert any(text.startswith("fid: none of 4 value(s)") for text in found)
