import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Eight participants, two empty files each: nothing that could be opened as a volume."""
    root = tmp_path / "a study"
    people = ["participant_id\tage\tsex\tsite"]
    for number in range(8):
        subject = f"sub-{number:02d}"
        people.append(f"{subject}\t{70 + number}\t{'FM'[number % 2]}\t{number // 4}")
        for visit in ("M000", "M012"):
            folder = root / subject / f"ses-{visit}"
            (folder / "anat").mkdir(parents=True)
            name = f"{subject}_ses-{visit}_T1w"
            (folder / "anat" / f"{name}.nii.gz").touch()
            (folder / "anat" / f"{name}.json").write_text('{"MagneticFieldStrength": 3}')
    (root / "sub-00" / "ses-M024").mkdir()
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    return root


@pytest.fixture
def cohort(cli: Cli, study: Path, tmp_path: Path) -> Cli:
    def call(*options: object) -> Any:
        fixed = ["--workspace", tmp_path / "runs", "--set", "split.test=3"]
        return cli("cohort", f"bids:{study}", *fixed, *options)

    return call


def test_a_person_reads_what_there_is(cohort: Cli, tmp_path: Path) -> None:
    result = cohort()
    assert result.code == 0, result.err
    for told in (
        "8 with two or more scans",
        "16",
        "a visit without a T1w scan",
        "00 M024: sub-00/ses-M024/anat",
        "training 5, evaluation 3",
        "8 (5 in training, 3 in evaluation)",
        "3 T: 16",
        "to do: n4",
    ):
        assert told in result.out
    (picture,) = tmp_path.glob("runs/cohorts/bids-*/intervals.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "\x1b" not in result.out
    assert all(line == line.rstrip() for line in result.out.splitlines())


@pytest.mark.parametrize("width", [50, 160])
def test_text_fits_the_window(cohort: Cli, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = cohort()
    assert max(map(len, result.out.splitlines())) <= width


def test_json_is_all_of_stdout_and_holds_counts_alone(cohort: Cli, study: Path) -> None:
    result = cohort("--json", "--set", "split.stratify=site")
    document = json.loads(result.out)
    assert document["subjects"] == 8
    assert document["covariates"]["field_tesla"]["levels"] == {"3": 16}
    assert "evenly from each site" in document["split"]["rule"]
    assert study.name not in result.out
    assert "M024" not in result.out
    assert "sub-00/ses-M024/anat" in cohort("--json", "--ids").out


def test_auto_says_what_it_recognised(cli: Cli, study: Path, tmp_path: Path) -> None:
    result = cli("cohort", f"auto:{study}", "--json", "--workspace", tmp_path / "runs")
    assert json.loads(result.out)["reader"] == "bids"
    assert "read as bids" in result.err


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bids:/no/such/folder", "/no/such/folder: no such folder"),
        ("bidz:/data", "unknown cohort reader 'bidz'"),
        ("bids", "write it as bids:PATH"),
        ("auto:/no/such/folder", "/no/such/folder: no such folder"),
    ],
)
@pytest.mark.parametrize("command", ["cohort", "prepare"])
def test_what_is_mistyped_ends_with_2(
    cli: Cli, command: str, spec: str, message: str, tmp_path: Path
) -> None:
    result = cli(command, spec, "--workspace", tmp_path / "runs")
    assert result.code == 2
    assert result.out == ""
    assert message in result.err
    assert not (tmp_path / "runs").exists()


def test_prepare_prints_the_page_to_check_the_scans_by(
    cli: Cli, options: tuple[str, ...], tmp_path: Path
) -> None:
    few = ("--set", "phantom.subjects=2", "--set", "phantom.dropout=0")
    fixed = ("--workspace", tmp_path / "runs", "--workers", 1)
    result = cli("prepare", "phantom", *fixed, *options, *few)
    assert result.code == 0, result.err
    page = Path(result.out.strip())
    assert page.is_file()
    assert page.is_relative_to(tmp_path / "runs")
    assert list((tmp_path / "runs" / "prepared").glob("*.nii*"))


def test_strict_stops_at_the_first_bad_scan(cli: Cli, study: Path, tmp_path: Path) -> None:
    result = cli("prepare", f"bids:{study}", "--strict", "--workspace", tmp_path / "runs")
    assert result.code == 2
    assert "sub-00_ses-M000_T1w.nii.gz" in result.err
