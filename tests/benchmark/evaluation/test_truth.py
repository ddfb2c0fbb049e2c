"""From the truth of a phantom to the scores and the table of the report, on tiny volumes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.phantom.nifti import write_nifti
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.evaluate import Evaluator, Label, read_pairs
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.evaluation.true_scans import displacement_on, write_displacement
from longibench.benchmark.preparation.space import Space
from longibench.benchmark.preparation.store.volumes import read_volume, write_volume
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.schema import MetricSettings
from longibench.methods.method import REGISTRY

LABEL = Label("protocol", "split", "somebody", "abc", 0)
FAMILY = {"truth-skill", "truth-auroc", "truth-rank", "truth-ventricles", "truth-brain"}
STRETCH = 1.02  # of the field that is written here
METRICS = ("--set", "metrics.names=[truth-skill,truth-auroc,truth-log-jacobian,folding]")
DEFORMS = """
import torch
from methods.method import Method


class Stretch(Method, name="stretch"):
    summary = "the source itself, and a stretch that it does not show"
    learns = False
    multiple = 8  # 20 voxels are not divisible by it
    conditions_on = ("source",)

    def training_loss(self, source, target, interval_years):
        return source.sum()

    def generate(self, source, interval_years, seeds):
        return source.clone()

    def deformation(self, source, interval_years, seeds):
        axes = [torch.arange(side) * 8.0 for side in source.shape[2:]]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        return 0.05 * places.expand(len(source), -1, -1, -1, -1)
"""


def write_warp(path: Path) -> None:
    affine = np.diag([5.0, 5, 5, 1])
    affine[:3, 3] = -150
    places = np.moveaxis(np.indices((61, 61, 61)) * 5.0 - 150, 0, -1)
    hundredths = ((STRETCH - 1) * places * 100).round().astype(np.int16)
    write_nifti(path, hundredths[:, :, :, None], affine, slope=0.01)


@pytest.fixture(scope="module")
def few(options: tuple[str, ...]) -> tuple[str, ...]:
    """Options of a run with two subjects in each part, and two follow-ups of each."""
    small = {"phantom.subjects=10": "phantom.subjects=4", "split.test=3": "split.test=2"}
    years = ("--set", "phantom.follow_up_years=[1,3]")
    return (*(small.get(option, option) for option in options), *years)


@pytest.fixture(scope="module")
def true_base(
    tmp_path_factory: pytest.TempPathFactory,
    few: tuple[str, ...],
    command: Callable[[list[str]], int],
) -> Iterator[Path]:
    """A workspace of a phantom, in which two methods were run."""
    root = tmp_path_factory.mktemp("truth")
    plugin = root / "stretch.py"
    plugin.write_text(DEFORMS)
    more = ("--plugin", str(plugin), "--workspace", str(root / "runs"), *few)
    assert command(["run", "--methods", "copy-source", *more]) == 0
    assert command(["run", "--methods", "stretch", *more, *METRICS]) == 0
    yield root / "runs"
    REGISTRY.pop("stretch", None)


@pytest.fixture(scope="module")
def true_protocol(true_base: Path) -> Path:
    return true_base / (true_base / "latest").read_text().strip()


@pytest.fixture(scope="module")
def true_pairs(true_protocol: Path) -> pd.DataFrame:
    return read_pairs(true_protocol)


def means(protocol: Path, method: str, role: str = "value") -> pd.Series:
    scores = read_scores(protocol / "scores.csv")
    chosen = scores[(scores["method"] == method) & (scores["role"] == role)]
    return chosen.groupby("metric")["value"].mean()


def write_share(pairs: pd.DataFrame, folder: Path, share: float) -> Path:
    """Volumes made elsewhere: the source and a share of the true change."""
    folder.mkdir()
    rows = []
    for row in pairs.to_dict("records"):
        change = read_volume(row["target_clean"]) - read_volume(row["source_clean"])
        name = f"{row['subject']}_{row['visit']}.nii.gz"
        made = (read_volume(row["source"]) + np.float32(share) * change).clip(-1, 1)
        nib.save(nib.Nifti1Image(made, Space.read(row["source"]).affine), folder / name)
        rows.append((row["subject"], row["visit"], name))
    table = pd.DataFrame(rows, columns=["subject", "visit", "generated"])
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def test_the_family_is_computed_by_default_and_a_copy_scores_nothing(true_protocol: Path) -> None:
    found = means(true_protocol, "copy-source")
    assert set(found.index) >= FAMILY
    assert found["truth-skill"] == 0
    assert found["truth-auroc"] == 0.5


def test_the_real_follow_ups_are_scored_beside(true_protocol: Path) -> None:
    """Their noise is no change, and the segmentation has an error of its own."""
    found = means(true_protocol, "copy-source", "real")
    assert {"truth-skill", "truth-auroc", "truth-ventricles", "truth-brain"} <= set(found.index)
    assert found["truth-skill"] < 1
    assert found["truth-ventricles"] > 0


def test_a_declared_deformation_is_stored_and_scored(true_protocol: Path) -> None:
    (folder,) = true_protocol.glob("predictions/stretch-*")
    manifest = pd.read_csv(folder / "manifest.csv")
    assert all((folder / name).is_file() for name in manifest["deformation"])
    found = means(true_protocol, "stretch")
    # Of what is declared alone; the mean change of a head, a few percent at most, is against it.
    assert found["truth-log-jacobian"] == pytest.approx(3 * np.log(1.05), abs=0.02)
    assert found["folding"] == 0
    (plain,) = true_protocol.glob("predictions/copy-source-*")
    assert "deformation" not in pd.read_csv(plain / "manifest.csv")


def test_a_deformation_of_another_shape_is_refused(
    true_base: Path, tmp_path: Path, few: tuple[str, ...], cli: Callable[..., Any]
) -> None:
    plugin = tmp_path / "flat.py"
    flat = DEFORMS.replace("Stretch", "Flat").replace("stretch", "flat")
    plugin.write_text(flat.replace("return 0.05 *", "return source #"))
    refused = cli(
        *("run", "--methods", "flat", "--plugin", plugin, "--workspace", true_base, *few),
        *METRICS,
    )
    REGISTRY.pop("flat", None)
    assert refused.code == 2
    assert "method 'flat': deformation must return finite displacements in mm" in refused.err


def test_a_deleted_deformation_is_made_again(
    true_base: Path,
    tmp_path: Path,
    few: tuple[str, ...],
    command: Callable[[list[str]], int],
) -> None:
    root = Path(shutil.copytree(true_base, tmp_path / "again"))
    (folder,) = root.glob("*/predictions/stretch-*")
    (first, *_), kept = sorted(folder.glob("*_xfm.nii.gz")), len(list(folder.glob("*_xfm.nii.gz")))
    first.unlink()
    (folder / "scores.csv").unlink()
    arguments = ("--plugin", str(true_base.parent / "stretch.py"), "--workspace", str(root))
    assert command(["run", "--methods", "stretch", *arguments, *few, *METRICS]) == 0
    assert len(list(folder.glob("*_xfm.nii.gz"))) == kept


def test_the_truth_of_the_source_is_placed_and_scaled_like_it(true_pairs: pd.DataFrame) -> None:
    """What is left is noise: of no mean, and as large as the scanner's."""
    for row in true_pairs.drop_duplicates("source").to_dict("records"):
        clean, scan = read_volume(row["source_clean"]), read_volume(row["source"])
        head = (clean > -0.5) & (clean < 0.9) & (scan < 1)  # where neither is clipped
        noise = (scan - clean)[head]
        assert abs(noise.mean()) < 0.01
        assert noise.std() < 0.05
        np.testing.assert_array_equal(scan == -1, clean == -1)


def test_pairs_name_the_truth_of_both_visits(true_pairs: pd.DataFrame) -> None:
    for column in ("source_clean", "target_clean", "target_warp"):
        assert all(Path(path).is_file() for path in true_pairs[column])
    truth = pd.read_csv(
        next(Path(true_pairs["target_warp"].iloc[0]).parents[3].glob("truth.tsv")), sep="\t"
    ).set_index(["participant_id", "session_id"])
    for row in true_pairs.to_dict("records"):
        true = truth.loc[(f"sub-{row['subject']}", f"ses-{row['visit']}")]
        assert row["target_true_ventricle_ml"] == true["ventricle_ml"]
        assert row["source_true_ventricle_ml"] < row["target_true_ventricle_ml"]


def test_only_evaluated_visits_have_a_prepared_truth(
    true_base: Path, true_pairs: pd.DataFrame
) -> None:
    evaluated = {*true_pairs["source_clean"], *true_pairs["target_clean"]}
    assert {str(path) for path in true_base.glob("prepared/*_clean.nii")} == evaluated


def test_the_report_has_a_table_of_its_own(true_base: Path, cli: Callable[..., Any]) -> None:
    assert cli("report", "--workspace", true_base).code == 0
    folder = true_base / (true_base / "latest").read_text().strip() / "report"
    text = (folder / "table_5.md").read_text()
    assert "Table V. Truth." in text
    assert "Real follow-up" in text
    assert "AUROC of the true change" not in (folder / "table_3.md").read_text()
    strata = pd.read_csv(folder / "strata.csv")
    assert "truth-skill" in set(strata["metric"])
    page = (folder / "index.html").read_text()
    assert page.index("Table IV") < page.index("Table V.")


@pytest.mark.parametrize(("share", "auroc"), [(0.5, 1), (1, 1), (-0.5, 0)])
def test_volumes_made_elsewhere_have_known_scores(
    true_base: Path,
    true_pairs: pd.DataFrame,
    tmp_path: Path,
    cli: Callable[..., Any],
    few: tuple[str, ...],
    share: float,
    auroc: float,
) -> None:
    """Scored without a run: every pair of the phantom has a truth."""
    root = Path(shutil.copytree(true_base, tmp_path / "runs"))
    mine = write_share(true_pairs, tmp_path / "mine", share)
    given = ("--preset", "demo", *few[1:9], *few[-2:], "--set", "device.accelerator=cpu", "--some")
    made = cli(
        *("evaluate", mine, "--against", "phantom", "--workspace", root, *given),
        *("--metrics", "truth-skill,truth-auroc"),
    )
    assert made.code == 0, made.err
    found = means(root / (root / "latest").read_text().strip(), "mine")
    assert found["truth-skill"] == pytest.approx(share, abs=0.02)  # clipped
    assert found["truth-auroc"] == pytest.approx(auroc, abs=0.02)


def test_another_truth_is_another_value_and_the_same_one_is_reused(
    true_protocol: Path, true_pairs: pd.DataFrame, tmp_path: Path
) -> None:
    metrics = build_metrics(MetricSettings(names=("truth-auroc", "mae")), tmp_path)
    (folder,) = true_protocol.glob("predictions/copy-source-*")

    def value(pairs: pd.DataFrame) -> float:
        evaluator = Evaluator(metrics, pairs, Console(quiet=True), tmp_path, 1)
        scores = evaluator.score(find_predictions(folder), LABEL)
        chosen = (scores["metric"] == "truth-auroc") & (scores["role"] == "value")
        return float(scores.loc[chosen, "value"].mean())

    assert value(true_pairs) == 0.5
    count = len(list(tmp_path.glob("*.json")))
    assert value(true_pairs) == 0.5
    assert len(list(tmp_path.glob("*.json"))) == count
    unchanged = true_pairs.assign(target_clean=true_pairs["source_clean"])
    assert np.isnan(value(unchanged))


def test_without_a_truth_nothing_of_it_is_computed(
    true_base: Path, tmp_path: Path, cli: Callable[..., Any], few: tuple[str, ...]
) -> None:
    """The same scans as a dataset from elsewhere: same metrics as ever, and no warning."""
    (cohort,) = true_base.glob("cohorts/phantom-*/")
    run = ("run", "--methods", "copy-source", "--cohort", f"bids:{cohort}", *few[1:])
    named = ("--set", "metrics.names=[mae,truth-auroc]")
    refused = cli(*run, "--workspace", tmp_path / "runs", *named)
    assert refused.code == 2
    assert "truth-auroc needs the simulated truth, which cohort 'bids:" in refused.err
    assert not list((tmp_path / "runs").glob("*/pairs.csv"))
    assert not list((tmp_path / "runs").glob("prepared/*.nii"))
    made = cli(*run, "--workspace", tmp_path / "runs")
    assert made.code == 0
    assert "truth" not in made.err
    (protocol,) = (path.parent for path in (tmp_path / "runs").glob("*/pairs.csv"))
    assert not [name for name in read_pairs(protocol) if "clean" in name or "true" in name]
    assert not set(read_scores(protocol / "scores.csv")["metric"]) & FAMILY


def test_preparation_that_estimates_something_on_each_scan_has_no_truth(
    true_base: Path, cli: Callable[..., Any], few: tuple[str, ...]
) -> None:
    refused = cli(
        *("run", "--methods", "copy-source", "--workspace", true_base, *few),
        *("--set", "metrics.names=[truth-auroc]", "--set", "preparation.bias=n4"),
    )
    assert refused.code == 2
    assert "leave out truth-auroc, or what else prepares them" in refused.err


def test_a_field_is_interpolated_onto_the_grid(tmp_path: Path) -> None:
    """A linear field on 5 mm is the same one on a shifted grid of 2 mm; on its own grid, exact."""
    write_warp(tmp_path / "warp.nii.gz")
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = (-11, 3, 7)
    space = Space((6, 7, 8), affine)
    found = displacement_on(tmp_path / "warp.nii.gz", space)
    places = np.moveaxis(np.indices(space.shape), 0, -1) * 2 + affine[:3, 3]
    np.testing.assert_allclose(np.moveaxis(found, 0, -1), (STRETCH - 1) * places, atol=0.01)
    write_displacement(tmp_path / "own.nii.gz", found, space)
    np.testing.assert_array_equal(displacement_on(tmp_path / "own.nii.gz", space), found)


def test_what_is_no_field_is_refused(tmp_path: Path) -> None:
    path, space = tmp_path / "flat.nii", Space((4, 4, 4), np.eye(4))
    write_volume(path, np.full((4, 4, 4), 0.5, np.float32), np.eye(4))
    with pytest.raises(UserError, match=r"flat.nii: a deformation needs finite vectors in mm"):
        displacement_on(path, space)
    path.write_bytes(b"no image")
    with pytest.raises(UserError, match="the deformation cannot be read"):
        displacement_on(path, space)
