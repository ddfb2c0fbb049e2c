import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
YEARLY = ("--set", "pairs.rule=yearly")


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


@pytest.fixture
def early(study: Path) -> Path:
    """Second visits after two months, which the rule of yearly pairs leaves out."""
    for number in range(8):
        folder = study / f"sub-{number:02d}"
        (folder / "ses-M012").rename(folder / "ses-M002")
        for path in (folder / "ses-M002" / "anat").iterdir():
            path.rename(path.with_name(path.name.replace("M012", "M002")))
    return study


def test_everything_that_run_would_refuse_is_listed(cohort: Cli, early: Path) -> None:
    more = ["--set", "split.leave_out=site=9", "--set", f"test_cohort=bids:{early}",
            "--set", "training.workers=1000", *YEARLY]  # fmt: skip
    result = cohort(*more)
    assert result.code == 0, result.err
    text = " ".join(result.out.split())
    assert "'run' with these settings would refuse" in text
    for check in (
        "machine: setting 'training.workers'",
        "split: split.leave_out: no subject has",
        "pairs: no pair under the rule",
        "pairs of the test cohort: no pair",
    ):
        assert f"warning: {check}" in text
    document = json.loads(cohort(*more, "--json").out)
    checks = [its["check"] for its in document["refused"]]
    assert checks == ["machine", "split", "pairs", "pairs of the test cohort"]
    assert "reason" in json.loads(cohort(*more, "--json", "--ids").out)["refused"][0]


def test_every_fold_is_checked(cohort: Cli) -> None:
    result = cohort("--json", "--ids", "--set", "split.folds=8")
    reasons = [its["reason"] for its in json.loads(result.out)["refused"]]
    assert {reason.partition(":")[0] for reason in reasons} == {f"fold {n}" for n in (0, 1, 2, 4)}


def test_what_can_run_is_not_refused(cohort: Cli) -> None:
    assert json.loads(cohort("--json").out)["refused"] == []


def test_prepare_warns_first_of_what_run_would_refuse(
    cli: Cli, early: Path, tmp_path: Path
) -> None:
    place = ["--workspace", tmp_path / "runs", "--quiet", "--set", "split.test=3", *YEARLY]
    first, second, *_ = cli("prepare", f"bids:{early}", *place).err.splitlines()
    for warning in (first, second):  # of training, of evaluation
        assert "'run' with this cohort and these settings would refuse: no pair under" in warning


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--methods", "copy-source", "--cohort"],
        ["run", "--methods", "copy-source", "--dry-run", "--cohort"],
        ["run", "--methods", "copy-source", "--launcher", "slurm", "--cohort"],
        ["curve", "--methods", "ours", "--set"],
    ],
)
def test_no_command_opens_a_scan_before_a_refusal(
    cli: Cli, early: Path, tmp_path: Path, command: list[str]
) -> None:
    spec = f"bids:{early}" if command[-1] == "--cohort" else f"cohort=bids:{early}"
    place = ["--workspace", tmp_path / "runs", "--set", "split.test=3", *YEARLY]
    result = cli(*command, spec, *place)
    assert result.code == 2
    assert "no pair under the rule 'yearly' among 5 subjects" in result.err
    assert not (tmp_path / "runs" / "prepared").exists()
    assert not (tmp_path / "runs" / "slurm").exists()


def test_a_later_fold_is_refused_before_the_first_is_prepared(
    cli: Cli, study: Path, tmp_path: Path
) -> None:
    folds = ["--set", "split.folds=8", "--folds", "all"]
    place = ["--workspace", tmp_path / "runs", "--cohort", f"bids:{study}"]
    result = cli("run", "--methods", "copy-source", *folds, *place)
    assert result.code == 2
    assert "split: no subject for evaluation" in result.err
    assert not (tmp_path / "runs" / "prepared").exists()


def test_validation_without_a_part_is_refused_before_preparation(
    cli: Cli, study: Path, tmp_path: Path
) -> None:
    given = ["--set", "training.validation.every=5", "--set", "split.test=3"]
    place = ["--workspace", tmp_path / "runs", "--cohort", f"bids:{study}"]
    result = cli("run", "--methods", "ours", *given, *place)
    assert "but there is no validation part" in result.err
    assert not (tmp_path / "runs" / "prepared").exists()
