from dataclasses import replace
from pathlib import Path
from typing import Any

from longibench.reports.figures.cohort_montage import draw_montage
from longibench.reports.model.results import read_results


def test_six_subjects_with_all_their_scans(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, subjects=8).write(tmp_path))
    figure = draw_montage(results)
    assert len(figure.axes) == 6 * 4
    assert figure.axes[0].get_xlabel() == "first visit"
    assert figure.axes[3].get_xlabel() == "+3.0 years"


def test_subjects_with_fewer_visits_leave_gaps(folder: Path) -> None:
    results = read_results(folder)
    pairs = results.pairs.drop(index=results.pairs.index[:2])
    assert len(draw_montage(replace(results, pairs=pairs)).axes) == 6 * 4 - 2
