from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import UNFINISHED
from longibench.benchmark.core.workspace import Workspace
from longibench.reports.pages import report
from longibench.reports.pages.report import write_report

FILES = {
    "index.html",
    "table_1.csv",
    "table_1.md",
    "table_1.tex",
    "table_4.csv",
    "table_4.md",
    "table_4.tex",
    "strata.csv",
    "figure_2.png",
    "figure_2.pdf",
    "figure_2.svg",
    "figure_2_change.png",
    "figure_2_change.pdf",
    "figure_2_change.svg",
    "training_curves.png",
    "training_curves.svg",
    "cohort.png",
}


def test_report_is_whole_and_a_function_of_the_folder(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("ours",), subjects=2, follow_ups=1).write(tmp_path)
    page = write_report(folder, Console(quiet=True))
    assert page == folder / "report" / "index.html"
    first = {path.name: path.read_bytes() for path in page.parent.iterdir()}
    assert set(first) == FILES
    write_report(folder, Console(quiet=True))
    assert first == {path.name: path.read_bytes() for path in page.parent.iterdir()}


def test_all_tables_and_nobody_in_them(tmp_path: Path, fake: Any) -> None:
    small = replace(fake, methods=("ours", "vae"), follow_ups=1, more=True, shareable=False)
    folder = write_report(small.write(tmp_path), Console(quiet=True)).parent
    written = {path.name: path.read_text() for path in folder.glob("*.[cmth]*")}
    names = {f"table_{n}.{end}" for n in range(1, 5) for end in ("csv", "md", "tex")}
    names |= {"strata.csv", "comparisons.csv", "comparisons.md", "index.html"}
    assert names == set(written)
    assert not [name for name, text in written.items() if "secret" in text]


def test_private_cohort_is_warned_of(
    tmp_path: Path, fake: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(fake, methods=("copy-source",), subjects=1, follow_ups=1, shareable=False)
    page = write_report(small.write(tmp_path), Console(quiet=True))
    said = capsys.readouterr()
    assert "must not leave this machine" in said.err
    assert said.out == ""
    assert "secret000" not in page.read_text()


def test_a_full_disk_is_explained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, text: str, encoding: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(UserError, match="No space left"):
        write_report(folder, Console(quiet=True))
    assert list((folder / "report").iterdir()) == []


def test_what_a_killed_report_left_is_removed(tmp_path: Path, fake: Any) -> None:
    folder = replace(fake, methods=("ours",), subjects=2, follow_ups=1).write(tmp_path)
    (folder / "report").mkdir()
    (folder / "report" / f"{UNFINISHED}0a1b2c3d-figure_2.pdf").touch()
    page = write_report(folder, Console(quiet=True))
    assert {path.name for path in page.parent.iterdir()} == FILES


def test_a_second_report_waits_for_the_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PATIENCE", 0.1)
    target = folder / "report"
    with Workspace(folder.parent).lock(target):
        unfinished = target / f"{UNFINISHED}0a1b2c3d-table_1.csv"
        target.mkdir()
        unfinished.touch()
        with pytest.raises(UserError, match="another process is writing"):
            write_report(folder, Console(quiet=True))
        assert list(target.iterdir()) == [unfinished]
