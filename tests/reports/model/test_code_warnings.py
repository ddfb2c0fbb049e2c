"""A report warns where values of one definition were computed by different code."""

from dataclasses import replace

from longibench.reports.model.code_warnings import code_warnings, warnings
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
