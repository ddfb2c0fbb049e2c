from dataclasses import replace
from pathlib import Path
from typing import Any

from longibench.reports.tables.terminal_summary import summary


def test_a_line_a_metric_with_letters_and_what_they_are(folder: Path) -> None:
    head, fid, ssim, _, letters = summary(folder, "ours").splitlines()
    assert head == "ours: 18 pairs of 6 subjects"
    assert fid.startswith("  FID [random:0, N=18] ↓        ")
    assert " 30.0 a (29." in fid
    assert " 0.900 a (0.8" in ssim
    assert letters.startswith("Letters: methods that share one cannot be distinguished")


def test_one_method_has_no_letters(tmp_path: Path, fake: Any) -> None:
    alone = replace(fake, methods=("ours",), seeds=2).write(tmp_path)
    lines = summary(alone, "ours").splitlines()
    assert len(lines) == 4
    assert lines[1].endswith("± 0.7 between 2 seeds)")
