import gzip
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.checked_files import write_table
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import Evaluator, Label, read_manifest, read_pairs
from longibench.benchmark.evaluation.evaluate_command import Options, submit
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.schema import MetricSettings
from longibench.metrics.extractors import MedicalNetExtractor
from longibench.metrics.metric import (
    REGISTRY,
    Features,
    MetricError,
    PairMetric,
    Scan,
    SetMetric,
    SubjectMetric,
)

LABEL = Label("protocol", "split", "somebody", "abc", 0)


@pytest.fixture
def mine(predictions: Path, tmp_path: Path) -> Path:
    """A folder of volumes as another project would provide them."""
    folder = tmp_path / "mine"
    shutil.copytree(predictions, folder)
    for name in ("run.json", "scores.csv", "digests.csv"):
        (folder / name).unlink()
    return folder


def evaluate(folder: Path, protocol: Path, **more: object) -> None:
    options = Options(place=folder, name="somebody", protocol=protocol.name, **more)  # type: ignore[arg-type]
    submit(options, Workspace(protocol.parent), Console(quiet=True))


def rewrite(folder: Path, change: Callable[[np.ndarray], np.ndarray], shift: float = 0) -> None:
    """Change the first volume and move it."""
    path = first(folder)
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += shift
    nib.save(nib.Nifti1Image(change(image.get_fdata(dtype=np.float32)), affine), path)


def first(folder: Path) -> Path:
    return folder / read_manifest(folder)["generated"].iloc[0]


def relist(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / "manifest.csv"
    change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


def strange(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.head(1).assign(visit="M999")])


def garbled(folder: Path) -> None:
    content = bytearray(first(folder).read_bytes())
    content[200:260] = bytes(60)
    first(folder).write_bytes(content)


def header(folder: Path, at: int, form: str, *values: float) -> None:
    """Replace bytes of the first volume's header."""
    content = bytearray(gzip.decompress(first(folder).read_bytes()))
    struct.pack_into(form, content, at, *values)
    first(folder).write_bytes(gzip.compress(bytes(content)))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda f: (f / "manifest.csv").unlink(),
    "column generated is missing": lambda f: relist(f, lambda t: t.drop(columns="generated")),
    "cannot be read as a table": lambda f: (f / "manifest.csv").write_text('a,b\n"1'),
    r"1 volume\(s\) do not fit: subject .* is missing": lambda f: relist(f, lambda t: t[1:]),
    r"visit M999 is not a pair of this protocol": lambda f: relist(f, strange),
    "is listed twice": lambda f: relist(f, lambda t: pd.concat([t, t.head(1)])),
    "sample 'first' is not a whole": lambda f: relist(f, lambda t: t.assign(sample="first")),
    "has fewer samples than others": lambda f: relist(
        f, lambda t: pd.concat([t, t.head(1).assign(sample="1")])
    ),
    "no such folder or file": lambda f: first(f).unlink(),
    "cannot be read": lambda f: first(f).write_bytes(first(f).read_bytes()[:500]),
    "cannot be read:": garbled,
    "cannot be read: ": lambda f: first(f).write_bytes(b"no image"),
    r"its shape is \(15, 20, 16\)": lambda f: rewrite(f, lambda v: v[1:]),
    r"its shape is \(16, 20, 16, 2\)": lambda f: rewrite(f, lambda v: np.stack([v, v], -1)),
    "its affine differs: it is shifted by 0.5 mm": lambda f: rewrite(f, lambda v: v, shift=0.5),
    "vox_offset is 0": lambda f: header(f, 108, "<f", 0),
    "vox_offset is 348": lambda f: header(f, 108, "<f", 348),
    "scl_inter, is nan": lambda f: header(f, 112, "<2f", 1, float("nan")),
    "data type 9999": lambda f: header(f, 70, "<h", 9999),
    "announces 30000 x 30000 x 30000 voxels": lambda f: header(f, 42, "<3h", *[30000] * 3),
    "it is longer": lambda f: first(f).write_bytes(
        gzip.compress(gzip.decompress(first(f).read_bytes()) + b"0")
    ),
    "not finite": lambda f: rewrite(f, lambda v: np.where(v > 0, np.nan, v)),
    "it is constant": lambda f: rewrite(f, lambda v: 0 * v),
    r"from 0 to 1.2, not within \[-1, 1\]": lambda f: rewrite(
        f, lambda v: (v - v.min()) / np.ptp(v) * 1.2
    ),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_volumes_that_cannot_be_compared_are_refused_and_nothing_is_written(
    mine: Path, protocol: Path, message: str
) -> None:
    DAMAGES[message](mine)
    before = {path: path.stat().st_mtime_ns for path in protocol.rglob("*")}
    with pytest.raises(UserError, match=message) as refused:
        evaluate(mine, protocol)
    assert str(mine) in str(refused.value)
    assert {path: path.stat().st_mtime_ns for path in protocol.rglob("*")} == before


def rescaled(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change the values of all volumes."""
    for path in folder.glob("*.nii.gz"):
        image = nib.load(path)
        values = change(image.get_fdata(dtype=np.float32)).astype(np.float32)
        nib.save(nib.Nifti1Image(values, image.affine), path)


def values_of(protocol: Path, name: str) -> pd.DataFrame:
    scores = read_scores(protocol / "scores.csv")
    own = scores[(scores["method"] == name) & (scores["metric"] == "mae-head")]
    return own.set_index(["subject", "visit", "role"])["value"].sort_index()


def test_volumes_in_0_to_1_are_refused_until_their_range_is_given(
    mine: Path, protocol: Path
) -> None:
    rescaled(mine, lambda v: (v + 1) / 2)
    before = (protocol / "scores.csv").read_bytes()
    with pytest.raises(UserError, match=r"run from 0 to 1, but \d+% .* --range 0,1") as refused:
        evaluate(mine, protocol)
    assert str(mine) in str(refused.value)
    assert (protocol / "scores.csv").read_bytes() == before
    evaluate(mine, protocol, intensities="0,1")
    found, own = values_of(protocol, "somebody"), values_of(protocol, "copy-source")
    np.testing.assert_allclose(found, own, atol=1e-6)
    (scored,) = (protocol / "predictions").glob("somebody-*")
    shutil.rmtree(scored)
    evaluate(mine, protocol, intensities="-1,1")  # the other option that the message names


def test_one_volume_without_dark_voxels_is_scored(mine: Path, protocol: Path) -> None:
    rewrite(mine, lambda v: (v + 1) / 2)
    evaluate(mine, protocol)
    assert "somebody" in set(read_scores(protocol / "scores.csv")["method"])


@pytest.mark.parametrize("kind", ["NIfTI-2", "X,Y,Z,1"])
def test_other_forms_of_a_volume_get_the_same_scores(mine: Path, protocol: Path, kind: str) -> None:
    for path in mine.glob("*.nii.gz"):
        image = nib.load(path)
        values = np.asarray(image.dataobj, np.float32)
        made = (
            nib.Nifti2Image(values, image.affine)
            if kind == "NIfTI-2"
            else nib.Nifti1Image(values[..., None], image.affine)
        )
        nib.save(made, path)
    evaluate(mine, protocol)
    found, own = values_of(protocol, "somebody"), values_of(protocol, "copy-source")
    np.testing.assert_array_equal(found, own)


def test_a_copy_of_a_runs_volumes_gets_the_same_scores(mine: Path, protocol: Path) -> None:
    relist(mine, lambda t: t[["subject", "visit", "generated"]].sample(frac=1, random_state=0))
    evaluate(mine, protocol)
    scores = read_scores(protocol / "scores.csv")
    own, copied = (
        scores[scores["method"] == name].drop(columns=["method", "settings"])
        for name in ("copy-source", "somebody")
    )
    pd.testing.assert_frame_equal(own.reset_index(drop=True), copied.reset_index(drop=True))
    evaluate(mine, protocol)  # replaces its rows and adds none
    assert len(read_scores(protocol / "scores.csv")) == len(scores)


def test_other_spellings_of_a_subject_are_understood(mine: Path, protocol: Path) -> None:
    relist(mine, lambda t: t.assign(subject="sub-" + t["subject"]))
    evaluate(mine, protocol)
    assert "somebody" in set(read_scores(protocol / "scores.csv")["method"])


@pytest.mark.parametrize("name", ["a/b", "..", "=x"])
def test_a_name_that_is_no_folders_name_is_refused(mine: Path, protocol: Path, name: str) -> None:
    options = Options(place=mine, name=name, protocol=protocol.name)
    with pytest.raises(UserError, match="--name"):
        submit(options, Workspace(protocol.parent), Console(quiet=True))


@pytest.fixture
def fid_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """One subject has fewer pairs than FID needs for a distribution."""
    monkeypatch.setattr("longibench.metrics.fid.FID.least_volumes", 3)


def score(mine: Path, pairs: pd.DataFrame) -> pd.DataFrame:
    """Score the volumes of the given pairs."""
    kept = pairs[["subject", "visit"]]
    relist(mine, lambda t: t.merge(kept, on=["subject", "visit"]))
    metrics = build_metrics(MetricSettings(names=("ssim", "fid"), extractor="random:0"))
    evaluator = Evaluator(metrics, pairs, Console(quiet=True), mine.parent / "measured")
    return evaluator.score(find_predictions(mine), LABEL)


def test_fid_of_one_pair_is_missing_with_its_reason(mine: Path, pairs: pd.DataFrame) -> None:
    scores = score(mine, pairs.head(1)).set_index("metric")
    assert np.isnan(scores.loc["fid", "value"])
    assert "fid on 1 volumes do not describe a distribution" in scores.loc["fid", "note"]
    assert scores.loc["ssim", "value"] > 0.9
    assert scores.loc["ssim", "note"] == ""


@pytest.mark.usefixtures("fid_of_few")
def test_fid_of_one_subject_has_a_value_but_nothing_to_leave_out(
    mine: Path, pairs: pd.DataFrame
) -> None:
    subject = pairs["subject"].value_counts().index[0]
    scores = score(mine, pairs[pairs["subject"] == subject])
    fid = scores[scores["metric"] == "fid"]
    assert fid["role"].tolist() == ["value"]
    assert fid["value"].notna().all()


@pytest.mark.usefixtures("fid_of_few")
def test_fid_leaves_every_subject_out_once(mine: Path, pairs: pd.DataFrame) -> None:
    scores = score(mine, pairs)
    rows = scores[(scores["metric"] == "fid") & (scores["role"] == "leave-out")]
    assert rows["subject"].tolist() == sorted(pairs["subject"].unique())
    assert scores["title"].str.contains(f"N={len(pairs)}").sum() == len(rows) + 1


@pytest.mark.usefixtures("fid_of_few")
def test_the_target_scores_perfectly(mine: Path, pairs: pd.DataFrame) -> None:
    table = read_manifest(mine).merge(pairs, on=["subject", "visit"])
    for row in table.itertuples():
        target, source = load_nifti(str(row.target)), load_nifti(str(row.source))
        nib.save(nib.Nifti1Image(target.get_fdata(), source.affine), mine / str(row.generated))
    scores = score(mine, pairs)
    values = scores[scores["role"] == "value"].groupby("metric")["value"].mean()
    assert values["ssim"] == pytest.approx(1, abs=1e-6)
    assert values["fid"] == pytest.approx(0, abs=1e-6)


@pytest.mark.usefixtures("fid_of_few")
def test_fid_and_its_parts_measure_every_volume_once(
    mine: Path, pairs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    plain = MedicalNetExtractor.pooled

    def counting(self: MedicalNetExtractor, scan: Scan) -> Features:
        measured.append(scan.content)
        return plain(self, scan)

    monkeypatch.setattr(MedicalNetExtractor, "pooled", counting)
    names = ("fid", "fid-mean", "fid-covariance")
    metrics = build_metrics(MetricSettings(names=names, extractor="random:0"))
    evaluator = Evaluator(metrics, pairs, Console(quiet=True), mine.parent / "measured", 1)
    scores = evaluator.score(find_predictions(mine), LABEL)
    assert len(measured) == len(set(measured)) >= len(pairs)
    keys = ["role", "subject"]
    fid, mean, covariance = (
        scores[scores["metric"] == name].set_index(keys)["value"] for name in names
    )
    assert len(fid) > 1
    within = ["value", "leave-out"]
    pd.testing.assert_series_equal((mean + covariance)[within], fid[within], check_exact=True)


@pytest.mark.parametrize("samples", [1, 2])
def test_the_table_depends_on_neither_order_nor_threads(
    mine: Path, pairs: pd.DataFrame, tmp_path: Path, samples: int
) -> None:
    def again(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([table.assign(sample=str(number)) for number in range(samples)])

    relist(mine, again)
    names = (
        "ssim",
        "mae",
        "fid",
        "ventricles-change-error",
        "ventricles-slope-correlation",
        "ventricles-intercept",
    )
    tables = []
    for workers in (1, 2, 3):
        metrics = build_metrics(MetricSettings(names=names))
        place = tmp_path / f"measured-{workers}"
        evaluator = Evaluator(metrics, pairs, Console(quiet=True), place, workers)
        tables.append(evaluator.score(find_predictions(mine), LABEL).to_csv())
        relist(mine, lambda t: t.sample(frac=1, random_state=3))
    assert tables[0] == tables[1] == tables[2]


def test_measured_values_are_reused(
    mine: Path, pairs: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> str:
        metrics = build_metrics(MetricSettings(names=("ssim", "fid"), extractor="random:0"), place)
        evaluator = Evaluator(metrics, pairs, Console(quiet=True), place)
        return evaluator.score(find_predictions(mine), LABEL).to_csv()

    place = tmp_path / "alone"
    alone = run()
    place = tmp_path / "measured"
    for rank in range(2):  # like two processes that share the subjects
        metrics = build_metrics(MetricSettings(names=("ssim", "fid"), extractor="random:0"), place)
        sharing = Evaluator(metrics, pairs, Console(quiet=True), place)
        sharing.measure(find_predictions(mine), rank, 2)
    monkeypatch.setattr("longibench.metrics.ssim.ssim_map", None)
    monkeypatch.setattr("longibench.metrics.extractors.MedicalNetExtractor.pooled", None)
    assert run() == alone
    damaged = next(place.glob("*.json"))
    damaged.write_text("{")
    monkeypatch.undo()
    assert run() == alone


@pytest.fixture
def odd_metrics() -> Iterator[None]:
    """Metrics of each kind that are not defined on anything."""

    class Never:
        family, higher_is_better, citation = "change", True, "none"
        title = "Never [at all]"

        def refuse(self, *scans: object, **given: object) -> float:
            raise MetricError("it is never defined")

        __call__ = features = refuse

    kinds = {"odd-pair": PairMetric, "odd-subject": SubjectMetric, "odd-set": SetMetric}
    for name, kind in kinds.items():
        type(name, (Never, kind), {}, name=name)
    yield
    for name in kinds:
        del REGISTRY[name]


@pytest.mark.usefixtures("odd_metrics")
def test_a_metric_that_is_not_defined_has_a_note(mine: Path, pairs: pd.DataFrame) -> None:
    metrics = build_metrics(MetricSettings(names=("odd-pair", "odd-subject", "odd-set")))
    evaluator = Evaluator(metrics, pairs, Console(quiet=True), mine.parent / "measured")
    scores = evaluator.score(find_predictions(mine), LABEL)
    assert scores["value"].isna().all()
    assert set(scores["note"]) == {"it is never defined"}
    assert (scores["metric"] == "odd-subject").sum() == pairs["subject"].nunique()
    assert (scores["metric"] == "odd-set").sum() == 1


def test_a_subject_may_be_called_na(protocol: Path) -> None:
    path = protocol / "pairs.csv"
    pairs = pd.read_csv(path, dtype=str)
    write_table(path, pairs.assign(subject=["NA", *pairs["subject"][1:]]))
    assert read_pairs(protocol)["subject"].iloc[0] == "NA"
