import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.plugins import load_metrics
from longibench.metrics.metric import REGISTRY

ROOT = Path(__file__).parents[1]
Cli = Callable[..., Any]


def tree(root: Path) -> dict[Path, int]:
    """Files and when they were written, without locks, the cache of raw digests and its digest."""
    return {
        path.relative_to(root): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file()
        and path.suffix != ".lock"
        and path.name != "sha256.json"
        and path.relative_to(root) != Path("prepared", "digests.csv")
    }


@pytest.fixture
def run(cli: Cli, options: tuple[str, ...], tiny: Path, workspace: Path) -> Cli:
    """``run`` in the workspace with the tiny plugin."""

    def call(methods: str, *more: object) -> Any:
        fixed = ["--workspace", workspace, "--plugin", tiny, *options]
        return cli("run", "--methods", methods, *fixed, *more)

    return call


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom longibench import cli\n"
        "sys.argv = ['longibench', 'run', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'pandas', 'longibench.benchmark.runs'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--methods" in done.stdout


def test_methods_are_listed(cli: Cli, tiny: Path) -> None:
    result = cli("methods", "--plugin", tiny)
    assert result.code == 0
    assert all(name in result.out for name in ("ours", "med-ddpm", "vae", "copy-source", "tiny"))


def test_a_plugin_runs_and_a_second_run_does_nothing(run: Cli, cli: Cli, workspace: Path) -> None:
    first = run("tiny")
    assert first.code == 0, first.err
    table = Path(first.out.strip())
    assert set(read_scores(table)["method"]) == {"copy-source", "tiny"}  # joined, not replaced
    before = tree(workspace)
    assert run("tiny").code == 0
    after = tree(workspace)
    changed = {path.name for path in after if after[path] != before.get(path)}
    assert changed == {"latest", "scores.csv", "provenance.json"}
    parts = {path for path in after if path.parent.parent.name == "predictions"}
    assert all(after[path] == before[path] for path in parts)
    assert not list(workspace.rglob(".unfinished*"))
    reported = cli("report", "--workspace", workspace, "--quiet")
    assert reported.code == 0, reported.err
    assert "tiny" in reported.out


def test_more_samples_do_not_train_again(run: Cli, workspace: Path) -> None:
    for samples in (1, 2):
        assert run("tiny", "--set", f"generation.samples={samples}").code == 0
    assert len(list((workspace / "models").glob("tiny-*"))) == 1
    assert len(list(workspace.glob("*/predictions/tiny-*"))) == 2


def command(workspace: Path, tiny: Path, options: tuple[str, ...]) -> list[str]:
    fixed = ["--workspace", str(workspace), "--plugin", str(tiny), *options]
    return [sys.executable, "cli.py", "run", "--methods", "tiny", *fixed]


@pytest.mark.slow
def test_after_a_kill_in_training_and_generation_the_same_command_gives_the_same_result(
    run: Cli, workspace: Path, tiny: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    whole = Path(shutil.copytree(workspace, tmp_path / "whole"))
    plan = 4  # calls of the loss that time the plan; the first generated volume takes two
    for what in (f"SIGKILL:step:{plan + 8}", "SIGKILL:generate:4"):
        done = subprocess.run(
            command(workspace, tiny, options),
            cwd=ROOT,
            env={**os.environ, "TINY_DO": what},
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        (model,) = (workspace / "models").glob("tiny-*")
        assert (model / "trained.json").exists() == ("generate" in what)
    (predictions,) = workspace.glob("*/predictions/tiny-*")
    assert len(list(predictions.glob("*.nii.gz"))) == 2
    assert not (predictions / "run.json").exists()
    assert run("tiny").code == 0
    assert run("tiny", "--workspace", whole).code == 0
    for path in sorted(whole.glob("models/tiny-*/step-00000012/*.safetensors")):
        expected, found = load_file(path), load_file(workspace / path.relative_to(whole))
        assert found.keys() == expected.keys()
        assert all((found[key] == expected[key]).all() for key in expected)
    for path in sorted(whole.glob("*/predictions/tiny-*/*.nii.gz")):
        again = nib.load(workspace / path.relative_to(whole)).get_fdata()
        assert np.array_equal(again, nib.load(path).get_fdata())


@pytest.mark.parametrize(
    ("what", "code"),
    [("SIGINT:step:10", 130), ("SIGTERM:step:10", 75), ("SIGUSR1:generate:2", 75)],
)
def test_a_signal_stops_with_its_exit_code_and_the_same_command_continues(
    run: Cli, workspace: Path, tiny_does: Callable[[str], None], what: str, code: int
) -> None:
    tiny_does(what)
    result = run("tiny")
    assert result.code == code
    assert "the same command continues" in result.err
    assert not list(workspace.rglob(".unfinished*"))
    (model,) = (workspace / "models").glob("tiny-*")
    assert list(model.glob("step-*"))
    assert run("tiny").code == 0


def test_a_second_process_on_the_same_run_is_refused(run: Cli, workspace: Path) -> None:
    (folder,) = workspace.glob("*/predictions/copy-source-*")
    (folder / "run.json").unlink()
    code = (
        "import sys, pathlib\nfrom longibench.benchmark.core.workspace import Workspace\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with Workspace(folder).lock(folder):\n    print(flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        result = run("copy-source")
        other.communicate()
    assert result.code == 2
    assert "another process is writing" in result.err
    assert run("copy-source").code == 0


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["--methods", "our"], ["unknown method 'our'", "Did you mean 'ours'"]),
        (["--methods", ","], ["--methods: name at least one"]),
        (["--preset", "dmeo"], ["unknown preset 'dmeo'", "'demo'"]),
        (["--preset", "none.yaml"], ["none.yaml: no such preset file"]),
        (["--cohort", "bids:/no/such folder #1"], ["/no/such folder #1: no such folder"]),
        (["--cohort", "bidz:/data"], ["unknown cohort reader 'bidz'", "'bids'"]),
        (["--cohort", "bids"], ["write it as bids:PATH"]),
        (["--test-cohort", "bids:/none"], ["/none: no such folder"]),
        (["--set", "training.iteration=5"], ["'training.iteration'", "'iterations'"]),
        (["--set", "methods.our.width=5"], ["unknown method 'our'", "'ours'"]),
        (["--set", "methods.vae.latentt=5"], ["'methods.vae.latentt'", "'latent'"]),
        (["--set", "methods.vae.training.iter=5"], ["'methods.vae.training.iter'"]),
        (["--set", "seed"], ["key=value"]),
        (["--pairs", "monthly"], ["'pairs.rule'", "'yearly' or 'all'"]),
        (["--seed", "-1"], ["'seed'"]),
        (["--plugin", "none.py"], ["--plugin none.py: no such file"]),
        (["--set", "metrics.extractor=medicalnet:51"], ["extractor", "resnet_51.pth"]),
        (["--set", "metrics.names=[fib]"], ["unknown metric 'fib'", "'fid'"]),
        (["--set", "split.test=50"], ["split.test=50"]),
        (["--set", "split.test=nowhere.csv"], ["nowhere.csv"]),
        (["--set", "grid.spacing_mm=9"], ["spacing_mm"]),
        (["--set", "grid.shape=[1024,1024,1024]"], ["grid.shape", "GB of memory"]),
        (["--set", "device.threads=1000"], ["'device.threads': at most"]),
        (["--set", "metrics.extractor=random:" + "9" * 30], ["a seed is at most"]),
        (["--methods", "vae,vae"], ["--methods: vae is listed twice"]),
        (["--seeds", "1,1"], ["--seeds: 1 is listed twice"]),
        (["--seeds", "0", "--seed", "1"], ["--seed and --seeds: give one of them"]),
        (["--seeds", "9" * 23], ["is too large"]),
        (["--seed", "1", "--set", "seed=2"], ["--set seed: it is also given as an option"]),
        (["--cohort", ""], ["an empty value after '--cohort'"]),
        (["--test-cohort="], ["an empty value after '--test-cohort'"]),
        (["--workspace", ""], ["an empty value after '--workspace'"]),
        (["--cohort", f"bids:/{'a' * 5000}"], ["File name too long", "(5,001 characters)"]),
        (["--dry-run", "--launcher", "rai"], ["unknown launcher 'rai'"]),
    ],
)
def test_mistyped_options_are_named_and_nothing_is_written(
    run: Cli, workspace: Path, arguments: list[str], messages: list[str]
) -> None:
    before = tree(workspace)
    result = run("copy-source", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert all(message in result.err for message in messages), result.err
    assert len(result.err.splitlines()) == 1
    assert tree(workspace) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--methods", "copy-source", "--set", "split.test=0"], "'split.test'"),
        (["run", "--methods", "copy-source", "--set", "split.test=500"], "split.test=500"),
        (["run", "--methods", "copy-source", "--set", "split.test=none.csv"], "none.csv"),
        (["run", "--methods", "copy-source", "--test-cohort", "bidz:/x"], "'bidz'"),
        (["curve", "--methods", "ours", "--set", "split.test=500"], "split.test=500"),
        (["prepare", "phantom", "--workers", "-1"], "'preparation.workers'"),
        (["prepare", "phantom", "--workers", "1000"], "'preparation.workers': at most"),
        (["cohort", "phantom", "--ids"], "--ids: only with --json"),
        (["evaluate", ".", "--workers", "-1"], "'evaluation.workers'"),
        (["evaluate", ".", "--name", "ours"], "--name ours: a registered method has this name"),
        (["evaluate", ".", "--range", "0,inf"], "both numbers must be finite"),
        (["evaluate", ".", "--against", "phantom", "--protocol", "x"], "--protocol names a"),
        (["evaluate", ".", "--against", "phantom", "--part", "some"], "unknown --part 'some'"),
        (["report", "--protocol", ""], "an empty value after '--protocol'"),
    ],
)
def test_options_are_checked_before_a_workspace_exists(
    cli: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:
    place = tmp_path / "runs"
    result = cli(*arguments, "--workspace", place)
    assert result.code == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not place.exists()


def test_a_label_may_be_empty(run: Cli) -> None:
    assert run("copy-source", "--label", "").code == 0


@pytest.mark.parametrize("error", [MemoryError(), PermissionError(errno.EACCES, "no", "/x")])
def test_what_the_system_refuses_is_one_line(
    run: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("longibench.benchmark.runs.runner.build_protocol", refuse)
    result = run("copy-source")
    assert result.code == 2
    assert re.fullmatch("error: .*\n", result.err)


def test_a_fault_of_the_program_keeps_its_traceback(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("longibench.benchmark.runs.runner.build_protocol", fail)
    with pytest.raises(KeyError, match="a fault"):
        run("copy-source")


def test_weights_that_are_not_the_released_file_stop_before_anything_is_written(
    run: Cli, workspace: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "resnet_10.pth"
    weights.write_bytes(b"something else")
    before = tree(workspace)
    result = run("copy-source", "--set", f"metrics.extractor=medicalnet:10@{weights}")
    assert result.code == 2
    assert f"{weights}: wrong checksum" in result.err
    assert tree(workspace) == before


def test_a_plugin_with_an_error_is_named(run: Cli, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("raise RuntimeError('not today')")
    result = run("copy-source", "--plugin", plugin)
    assert result.code == 2
    assert f"--plugin {plugin}: RuntimeError: not today" in result.err


@pytest.mark.parametrize("which", ["report", "evaluate"])
def test_commands_on_an_empty_workspace_name_the_first_command(
    cli: Cli, tmp_path: Path, which: str
) -> None:
    folder = [tmp_path] if which == "evaluate" else []
    result = cli(which, *folder, "--workspace", tmp_path / "empty")
    assert result.code == 2
    assert "start with 'python cli.py run'" in result.err


def test_evaluate_adds_a_row(cli: Cli, workspace: Path, predictions: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(predictions, tmp_path / "their-method")
    result = cli("evaluate", mine, "--workspace", workspace, "--quiet")
    assert result.code == 0, result.err
    assert re.search(r"SSIM.* 0\.9", result.out)
    scores = read_scores(predictions.parents[1] / "scores.csv")
    values = [scores.loc[scores["method"] == m, "value"] for m in ("their-method", "copy-source")]
    np.testing.assert_array_equal(*values)


def test_a_name_of_other_volumes_is_refused_until_they_are_deleted(
    cli: Cli, workspace: Path, predictions: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(
        predictions, tmp_path / "theirs", ignore=shutil.ignore_patterns("digests.csv")
    )
    mine = Path(copied)
    given = ["evaluate", mine, "--workspace", workspace, "--quiet"]
    assert cli(*given).code == 0
    assert cli(*given).code == 0  # the same volumes are the same row
    changed = max(mine.glob("*.nii.gz"))
    image = nib.load(changed)
    nib.save(nib.Nifti1Image(image.get_fdata(dtype=np.float32) / 2, image.affine), changed)
    before = tree(workspace)
    result = cli(*given)
    assert result.code == 2
    assert "--name theirs: a row of" in result.err
    assert tree(workspace) == before
    shutil.rmtree(re.search(r"or delete (\S+) to replace it", result.err)[1])  # type: ignore[index]
    assert cli(*given).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none: no such folder or CSV file"),
        (["empty"], "empty/manifest.csv: no manifest"),
        (["mine", "--pattern", "{subject}.nii"], "--pattern '{subject}.nii'"),
        (["mine", "--against", "bids:/none", "--preset", "demo"], "/none: no such folder"),
        (["mine", "--metrics", "ssim"], "--metrics needs --against"),
        (["mine", "--range", "dark"], "--range 'dark': write two numbers"),
        (["damaged"], "cannot be read"),
    ],
)
def test_evaluate_reports_the_error_and_writes_nothing(
    cli: Cli, workspace: Path, predictions: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(predictions, tmp_path / "mine")
    damaged = shutil.copytree(predictions, tmp_path / "damaged")
    next(damaged.glob("*.nii.gz")).write_bytes(b"no image")
    before = tree(workspace)
    result = cli("evaluate", tmp_path / arguments[0], *arguments[1:], "--workspace", workspace)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert tree(workspace) == before


def test_metrics_are_listed_with_direction_unit_and_citation(cli: Cli) -> None:
    result = cli("metrics", "--plugin", "docs/examples/my_metric.py")
    assert result.code == 0
    blocks = {block.split(":")[0].strip("* "): block for block in result.out.split("\n\n")}
    assert set(load_metrics()) <= set(blocks)
    for name in load_metrics():
        assert "direction" in blocks[name]
        assert "unit" in blocks[name]
        assert re.search(r"citation +\S", blocks[name])
    assert "better" in blocks["worst-error"]


def test_a_metric_of_ones_own_is_scored_by_name(
    cli: Cli, workspace: Path, predictions: Path, tmp_path: Path
) -> None:
    (phantom,) = workspace.glob("cohorts/phantom-*")
    plugin = ["--plugin", "docs/examples/my_metric.py", "--metrics", "worst-error,mae"]
    grid = ["--set", "grid.shape=[16,20,16]", "--set", "grid.spacing_mm=8", "--preset", "demo"]
    place = ["--workspace", tmp_path / "runs", "--quiet", "--some"]
    result = cli("evaluate", predictions, "--against", f"bids:{phantom}", *plugin, *grid, *place)
    assert result.code == 0, result.err
    assert "Worst error [99th percentile, source's foreground]" in result.out


def test_phantom_is_written_where_there_is_nothing_yet(cli: Cli, tmp_path: Path) -> None:
    arguments = ["phantom", tmp_path / "out", "--subjects", 1, "--spacing", 8, "--quiet"]
    assert cli(*arguments).code == 0
    assert len(list((tmp_path / "out").glob("sub-*"))) == 1
    again = cli(*arguments)
    assert again.code == 2
    assert "exists already" in again.err
    refused = cli("phantom", tmp_path / "other", "--subjects", 0)
    assert refused.code == 2
    assert "'phantom.subjects'" in refused.err
    assert not (tmp_path / "other").exists()


def test_the_first_phantom_and_labels_on_request(cli: Cli, tmp_path: Path) -> None:
    arguments = ["--subjects", 1, "--spacing", 8, "--clean", "--labels", "--quiet"]
    assert cli("phantom", tmp_path / "out", *arguments).code == 0
    assert "phantom:clean" in (tmp_path / "out/dataset_description.json").read_text()
    scans = list((tmp_path / "out").glob("sub-*/ses-*/anat/*_T1w.nii.gz"))
    labels = list((tmp_path / "out/derivatives").rglob("*_dseg.nii.gz"))
    assert len(labels) == len(scans) > 1


# ---- scans ----


@pytest.fixture
def bids(workspace: Path, tmp_path: Path) -> Path:
    """A BIDS dataset of a user: the simulated one, under another name."""
    (found,) = (workspace / "cohorts").glob("phantom-*")
    return Path(shutil.copytree(found, tmp_path / "study"))


def scans(bids: Path, number: int) -> list[Path]:
    """The scans of the n-th person, in the order of time."""
    return sorted(sorted(bids.glob("sub-*"))[number].rglob("*_T1w.nii.gz"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def holed(path: Path) -> None:
    image = nib.load(path)
    values = image.get_fdata()
    values[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(values, image.affine), path)


def doubled(path: Path) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.stack([image.get_fdata()] * 2, -1), image.affine), path)


def test_damaged_scans_are_named_and_the_rest_is_used(run: Cli, bids: Path) -> None:
    people = [n for n in range(10) if len(scans(bids, n)) > 3][:3]
    damaged = [scans(bids, person)[-1] for person in people]
    for path, damage in zip(damaged, (cut, holed, doubled), strict=True):
        damage(path)
    lonely = next(n for n in range(10) if n not in people)
    for path in scans(bids, lonely)[1:]:
        path.unlink()
    result = run("copy-source", "--cohort", f"bids:{bids}")
    assert result.code == 0, result.err
    reasons = ("cannot be read", "values that are not finite", "one volume is needed")
    for path, reason in zip(damaged, reasons, strict=True):
        assert re.search(f"left out: {re.escape(str(path))}: .*{reason}", result.err), result.err


def test_a_cohort_with_nothing_to_pair_is_refused(run: Cli, bids: Path, workspace: Path) -> None:
    for number in range(10):
        for path in scans(bids, number)[1:]:
            path.unlink()
    before = tree(workspace)
    result = run("copy-source", "--cohort", f"bids:{bids}")
    assert result.code == 2
    assert "no subject has two usable scans" in result.err
    empty = bids / "empty"
    empty.mkdir()
    assert "not a BIDS dataset" in run("copy-source", "--cohort", f"bids:{empty}").err
    assert tree(workspace) == before


# ---- disks ----


def test_a_full_disk_leaves_nothing_half_written(
    run: Cli, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full after some number of files."""

    def fill(room: Iterator[int]) -> Callable[[Path], None]:
        def sync(path: Path) -> None:
            if next(room, None) is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return sync

    with monkeypatch.context() as patch:
        for room in (0, 5, 9, 40):
            patch.setattr("longibench.benchmark.core.files.sync", fill(iter(range(room))))
            result = run("tiny")
            assert result.code == 2
            assert re.search("cannot write .*: No space left on device", result.err)
            assert "Traceback" not in result.err
            assert not list(workspace.rglob(".unfinished*"))
    assert run("tiny").code == 0


def test_a_read_only_workspace_is_a_message(
    run: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    result = run("copy-source", "--workspace", tmp_path / "file" / "runs")
    assert result.code == 2
    assert "cannot write" in result.err

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = run("copy-source", "--workspace", tmp_path / "new")
    assert result.code == 2
    assert "Read-only file system" in result.err


# ---- metrics without a value ----

BROKEN = """
from metrics.metric import pair_metric

@pair_metric("broken", title="Broken", higher_is_better=True)
def broken(*, generated, reference, source):
    return float("nan")
"""


def test_a_metric_that_is_always_nan_ends_a_run_and_the_others_are_kept(
    run: Cli, cli: Cli, workspace: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN)
    try:
        more = ("--plugin", plugin, "--set", "metrics.names=[mae,fid-infinity,broken]")
        for _ in range(2):  # no score of it is kept, which a second run would take for finished
            result = run("copy-source", *more)
            assert result.code == 2
            message = "error: metric 'broken': returned nan for every volume of copy-source"
            assert message in result.err
        (part,) = workspace.glob("*/predictions/copy-source-*/scores.csv")
        assert {"mae", "fid-infinity"} <= set(read_scores(part)["metric"])
        assert "broken" not in set(read_scores(part)["metric"])
        (phantom,) = workspace.glob("cohorts/phantom-*")
        shape = ["--preset", "demo", "--set", "grid.shape=[16,20,16]"]
        grid = [*shape, "--set", "grid.spacing_mm=8"]
        place = [f"bids:{phantom}", "--workspace", tmp_path / "other", "--quiet", "--some", *grid]
        metrics = ["--plugin", plugin, "--metrics", "mae,broken"]
        refused = cli("evaluate", part.parent, "--name", "a", *metrics, "--against", *place)
        assert refused.code == 2
        assert "error: metric 'broken': returned nan for every volume of a." in refused.err
        assert not list((tmp_path / "other").glob("*/scores.csv"))
        result = run("copy-source", "--set", "metrics.names=[mae,fid-infinity]")  # its advice
        assert result.code == 0
        assert result.err.count("warning: fid-infinity: none of 1 value(s) could be computed") == 1
    finally:
        REGISTRY.pop("broken", None)


# ---- the real pair ----


@pytest.mark.slow
def test_training_on_the_phantom_and_testing_on_the_real_pair(
    run: Cli, cli: Cli, workspace: Path, real_data: Path
) -> None:
    real = ["--test-cohort", f"bids:{real_data}"]
    real += ["--set", "preparation.bias=none"]  # which takes most of the time
    yearly = run("copy-source", *real, "--set", "test_pairs.rule=yearly")
    assert "try --pairs all" in yearly.err  # seven months apart
    assert run("tiny").code == 0
    trained = {path.name for path in (workspace / "models").glob("[!.]*")}
    result = run("copy-source,tiny", *real, "--set", "test_pairs.rule=all")
    assert result.code == 0, result.err
    assert {path.name for path in (workspace / "models").glob("[!.]*")} == trained
    assert "warning" in result.err  # with its skull and unregistered
    table = Path(result.out.strip())
    scores = read_scores(table)
    fid = scores[scores["metric"] == "fid"]
    assert fid["value"].isna().all()
    assert fid["note"].str.contains("it needs at least 10").all()
    assert scores.loc[scores["metric"] == "ssim", "value"].between(0, 1).all()
    (made,) = table.parent.glob("predictions/tiny-*/*.nii.gz")
    source = load_nifti(workspace / pd.read_csv(table.parent / "pairs.csv")["source"].item())
    image = nib.load(made)
    assert np.array_equal(image.affine, source.affine)
    assert nib.aff2axcodes(image.affine) == nib.aff2axcodes(source.affine) == ("R", "A", "S")
    assert image.shape == source.shape
    reported = cli("report", "--workspace", workspace, "--quiet")
    assert reported.code == 0, reported.err
    assert "it needs at least 10" in (table.parent / "report" / "table_1.md").read_text()


@pytest.mark.slow
def test_a_real_brain_that_grows_by_9_percent_a_year_is_marked(
    cli: Cli, tmp_path: Path, real_data: Path
) -> None:
    result = cli(
        *("run", "--methods", "copy-source", "--workspace", tmp_path, "--quiet"),
        *("--test-cohort", f"bids:{real_data}", "--set", "test_pairs.rule=all"),
        *("--set", "metrics.names=[brain-change-error]", "--set", "device.accelerator=cpu"),
        *("--set", "metrics.segmentation=embedded:1"),  # which makes more of it than version 2
        *("--set", "phantom.subjects=4", "--set", "split.test=1"),
        *("--set", "preparation.bias=none"),  # which takes most of the time
        *("--set", "reference_rows=false"),
    )
    assert result.code == 0, result.err
    assert "the real brain grows or shrinks by over 5% a year" in result.err
    assert "in 1 of 1 real pair(s)" in result.err
    (value,) = read_scores(Path(result.out.strip()))["value"]
    # of a copy, which does not change: 9% a year in 203 days
    assert value == pytest.approx(5, abs=0.6)


# ---- several devices ----


@pytest.mark.slow
def test_two_processes_train_and_generate_together(run: Cli, workspace: Path) -> None:
    result = run("tiny", "--set", "device.devices=2")
    assert result.code == 0, result.err
    (model,) = (workspace / "models").glob("tiny-*")
    assert (model / "step-00000012").is_dir()
    (predictions,) = workspace.glob("*/predictions/tiny-*")
    listed = (predictions / "manifest.csv").read_text().count(".nii.gz")
    assert len(list(predictions.glob("*.nii.gz"))) == listed
