from typing import Any

from longibench.reports.model import paper_values


def _protocol(cohort: str, subjects: int) -> dict[str, Any]:
    return {"cohort": {"name": cohort}, "pairs": {"subjects": subjects}}


def test_what_differs_from_the_paper_is_named() -> None:
    reasons = paper_values.differences(_protocol("phantom", 24))
    assert "the cohort is phantom, the paper's ADNI" in reasons
    assert "evaluated on 24, the paper on 114 subjects" in reasons


def test_even_the_papers_cohort_is_not_comparable_without_its_extractor() -> None:
    assert paper_values.differences(_protocol("ADNI", 114)) == list(paper_values.UNSTATED.values())


def test_published_order_is_the_one_that_is_checked() -> None:
    fid, ssim = paper_values.PUBLISHED["fid"], paper_values.PUBLISHED["ssim"]
    assert sorted(fid, key=lambda method: fid[method]) == ["ours", "med-ddpm", "vae"]
    assert max(ssim, key=lambda method: ssim[method]) == "ours"
