from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.preparation.prepare import Prepared, Traits
from longibench.reports.pages import quality_page
from longibench.reports.pages.quality_page import write_quality

BALL = np.where(np.linalg.norm(np.indices((16, 20, 16)) - 8, axis=0) < 6, 0.4, -1)


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Twelve participants with two scans each; the second scan of s07 does not fit its source."""
    rows = []
    for number in range(12):
        for visit in range(2):
            path = tmp_path / f"v{number}-{visit}.nii"
            nib.save(nib.Nifti1Image(BALL.astype(np.float32), np.eye(4)), path)
            rows.append((f"s{number:02d}", f"M{12 * visit:03d}", float(visit), str(path), 0.97))
    table = pd.DataFrame(rows, columns=["subject", "visit", "years", "volume", "quality_overlap"])
    table["quality_similarity"], table["quality_brain_ml"] = 0.9, 1300.0
    table["quality_scale"] = np.nan
    table.loc[(table["subject"] == "s07") & (table["visit"] == "M012"), "quality_overlap"] = 0.61
    left_out = pd.DataFrame(
        [("s99", "M000", "not 3D", "<scan> has 4 dimensions")],
        columns=["subject", "visit", "reason", "detail"],
    )
    return Prepared(table, left_out, Traits(True, True, (1, 1, 1), 1.3))


def test_the_bad_scan_comes_first_and_failures_are_listed(
    prepared: Prepared, tmp_path: Path
) -> None:
    page = write_quality(prepared, "bids", tmp_path / "out", None, Console(quiet=True))
    text = page.read_text()
    first = text.index('<section id="')
    assert text[first:].startswith('<section id="s07"')
    assert "overlap with the source 0.61 (usually 0.97)" in text
    assert "1 worth a look" in text
    assert "&lt;scan&gt; has 4 dimensions" in text
    assert "must not leave the machine" in text
    for name in {part.split('"')[0] for part in text.split('src="')[1:]}:
        assert (page.parent / name).is_file()


def test_the_template_lies_over_sources_and_the_source_over_follow_ups(
    prepared: Prepared, tmp_path: Path
) -> None:
    page = write_quality(prepared, "x", tmp_path / "out", BALL, Console(quiet=True))
    text = page.read_text()
    assert text.count("pictures/template.png") == 12
    assert text.count('src="pictures/v03-0-edges.png"') == 0
    assert text.count('src="pictures/v3-0-edges.png"') == 1


def test_pictures_are_not_drawn_twice(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_quality(prepared, "x", tmp_path / "out", None, Console(quiet=True)).read_text()
    monkeypatch.setattr(quality_page, "read_volume", None)
    again = write_quality(prepared, "x", tmp_path / "out", None, Console(quiet=True))
    assert again.read_text() == first


def test_a_reason_names_no_path(prepared: Prepared, tmp_path: Path) -> None:
    detail = "/home/jdoe/our scans/sub-s99/a.nii.gz: has 4 dimensions"
    left_out = prepared.left_out.assign(detail=detail)
    broken = Prepared(prepared.table, left_out, prepared.traits)
    page = write_quality(broken, "bids", tmp_path / "out", None, Console(quiet=True))
    text = page.read_text()
    assert "PATH: has 4 dimensions" in text
    assert "s99" in text
    assert "jdoe" not in text
