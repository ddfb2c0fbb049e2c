"""Names from outside through the command line: shown as they are, or refused by name."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Cli = Callable[..., Any]

IDS = (*("$x^", "<b>x", "a|b", "![x](javascript:y)", "é", "a b", "'", "A", "a", "100%"),)


DONE = "readers.table.done=[bias,brain,registration]"
NAME = "$m^ <i>|![y](javascript:z)"


def table(base: Path, folder: Path, ids: tuple[str, ...], visit: str = "M{:03d}") -> Path:
    """A table of the phantom's scans under other names."""
    rows = []
    people = sorted(base.glob("cohorts/phantom-*/sub-*"))
    for name, person in zip(ids, people, strict=False):
        for number, scan in enumerate(sorted(person.glob("ses-*/anat/*_T1w.nii.gz"))[:2]):
            rows.append((name, visit.format(12 * number), 12 * number, scan))
    path = folder / "study.csv"
    pd.DataFrame(rows, columns=["subject", "visit", "months", "path"]).to_csv(path, index=False)
    return path


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_odd_names_go_through_all_commands(
    cli: Cli, base: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    study, runs = table(base, tmp_path, IDS), tmp_path / "runs"
    before = files(tmp_path)
    ran = cli(
        *("run", "--methods", "copy-source", *options, "--workspace", runs),
        *("--cohort", f"table:{study}", "--pairs", "all", "--set", DONE),
    )
    assert ran.code == 0, ran.err
    protocol = Path(ran.out.strip().splitlines()[-1]).parent
    (made,) = protocol.glob("predictions/*/")
    listed = pd.read_csv(made / "manifest.csv", keep_default_na=False)
    assert set(listed["subject"]) < set(IDS)  # as they are
    assert {path.name for path in made.glob("*.nii.gz")} == set(listed["generated"])

    only = shutil.ignore_patterns("run.json", "scores.csv", "digests.csv")
    elsewhere = shutil.copytree(made, tmp_path / "elsewhere", ignore=only)
    before |= files(elsewhere)
    scored = cli("evaluate", elsewhere, "--name", NAME, "--workspace", runs, "--quiet")
    assert scored.code == 0, scored.err
    assert NAME in scored.out
    described = cli("report", "--workspace", runs, "--quiet")
    assert described.code == 0, described.err
    assert {path for path in files(tmp_path) if runs not in path.parents} == before

    report = protocol / "report"
    table_1 = (report / "table_1.md").read_text()
    assert r"\$m^ &lt;i>\|![y\](javascript:z)" in table_1
    assert (
        r"\$m\textasciicircum{} \textless{}i\textgreater{}|![y]"
        in (report / "table_1.tex").read_text()
    )
    assert NAME in set(pd.read_csv(report / "table_1.csv")["method"])
    page = (report / "index.html").read_text()
    assert "<i>" not in page
    assert "$m^ &lt;i&gt;|![y](javascript:z)" in page


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("x/../../..", "contains '/', a separator of paths"),
        ("/etc/x", "contains '/', a separator of paths"),
        ("a\nb", "contains the control character U+000A"),
        ("a\x1b[31m", "contains the control character U+001B"),
        ("a" * 300, "is longer than 100 characters"),
        ("=cmd()", "begins with '=', as a formula does"),
    ],
)
def test_a_name_outside_of_the_rule_is_refused(
    cli: Cli, base: Path, tmp_path: Path, options: tuple[str, ...], name: str, problem: str
) -> None:
    study, place = table(base, tmp_path, ("one", name, "three")), tmp_path / "runs"
    for command in (("cohort", f"table:{study}"), ("run", "--cohort", f"table:{study}")):
        given = (*options, "--methods", "copy-source") if command[0] == "run" else ()
        result = cli(*command, *given, "--workspace", place)
        assert result.code == 2
        assert problem in result.err
        assert "subject" in result.err
        assert str(study) in result.err
        assert len(result.err.strip().splitlines()) == 1
        assert "\x1b" not in result.err
    assert not list(tmp_path.glob("runs/*"))


def test_a_workspace_of_others_writes_and_removes_nothing_outside(
    cli: Cli, workspace: Path, protocol: Path, predictions: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim.nii.gz"
    victim.write_text("keep")
    with (predictions / "digests.csv").open("a") as file:
        file.write(f"../../../../{victim.name},{'0' * 64},4,1\n")
    pairs = pd.read_csv(protocol / "pairs.csv", dtype=str)
    pairs.loc[0, "subject"] = "x/../../../../victim"
    pairs.to_csv(protocol / "pairs.csv", index=False)
    (protocol / "digests.csv").unlink()
    result = cli("report", "--workspace", workspace, "--quiet")
    assert result.code == 2
    assert "pairs.csv, row 2: subject 'x/../../../../victim' contains '/'" in result.err
    assert victim.read_text() == "keep"
    result = cli("evaluate", predictions, "--name", "z", "--workspace", workspace, "--quiet")
    assert result.code == 2
    assert victim.read_text() == "keep"
