from dataclasses import replace

import numpy as np

from reports.results import Results
from reports.strata import build_strata


def test_columns_are_whole_years_with_their_counts(results: Results) -> None:
    strata = build_strata(results)
    assert [stratum.title for stratum in strata] == [
        "SSIM [Wang, whole volume] ↑",
        "SSIM [Wang, source's head] ↑",
    ]
    assert strata[0].years == ("1 year", "2 years", "3 years")
    assert strata[0].counts == ("6 pairs, 6 subjects",) * 3
    assert strata[0].rows[-1] == ("Ours", ("0.900", "0.900", "0.900"))


def test_short_intervals_and_gaps(results: Results) -> None:
    scores = results.scores.copy()
    scores["interval_years"] = np.where(scores["interval_years"] < 2, 0.3, scores["interval_years"])
    ours_late = (scores["method"] == "ours") & (scores["interval_years"] > 2.5)
    strata = build_strata(replace(results, scores=scores[~ours_late]))
    assert strata[0].years == ("under half a year", "2 years", "3 years")
    assert strata[0].rows[-1][1][-1] == "—"
