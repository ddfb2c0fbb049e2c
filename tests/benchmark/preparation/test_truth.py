"""The noise-free volumes of a phantom on the grid: placed and scaled as their source."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.phantom import truth
from longibench.benchmark.cohorts.phantom.visit_truth import with_truth
from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.preparation import truth as module
from longibench.benchmark.preparation.prepare import prepare_cohort
from longibench.benchmark.preparation.prepared import Prepared
from longibench.benchmark.preparation.reading.raw_scan import Scan, read_scan
from longibench.benchmark.preparation.store import file_digests
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.preparation.truth import VOLUME_CLEAN, prepare_truth
from longibench.benchmark.protocol.pairs import annotate, has_truth, make_pairs, truth_contents
from longibench.benchmark.protocol.splits.subjects import subject_table
from longibench.benchmark.settings.schema import PairSettings

GRID = Grid(shape=(24, 24, 24), spacing_mm=5.0)
SHAPE, AFFINE = (22, 23, 24), np.diag([5.0, 5, 5, 1])
DONE = frozenset({"brain", "bias", "registration"})


def head(gain: float, lost: int) -> np.ndarray:
    """A ball of 300 to 700 units times a gain, which loses some of its outermost planes."""
    places = np.indices(SHAPE) - np.array(SHAPE).reshape(3, 1, 1, 1) / 2
    ramp = gain * (500 + 20 * places[0])
    inside = ((places**2).sum(axis=0) < 100) & (places[2] < 10 - lost)
    return np.where(inside, ramp, 0).astype(np.float32)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two people of two visits: a follow-up's scan is brighter, its noise-free volume is not."""
    rows = []
    for subject, gain in (("a", 1.0), ("b", 2.0)):
        for visit, brighter in (("y0", 1.0), ("y1", 1.3)):
            lost = int(visit[1])
            noise = np.random.default_rng(lost).normal(0, 5, SHAPE)
            clean = head(gain, lost)
            save(
                tmp_path / f"{subject}-{visit}.nii.gz", np.where(clean, brighter * clean + noise, 0)
            )
            folder = tmp_path / f"derivatives/truth/sub-{subject}/ses-{visit}/anat"
            folder.mkdir(parents=True)
            save(folder / f"sub-{subject}_ses-{visit}_{truth.CLEAN}", clean)
            rows.append((f"sub-{subject}", f"ses-{visit}", 40.0 + lost, 10.0 * gain))
    columns = ["participant_id", "session_id", "ventricle_ml", "brain_ml"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(tmp_path / "derivatives/truth/truth.tsv", sep="\t", index=False)
    return tmp_path


def save(path: Path, values: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE), path)


def cohort_of(dataset: Path) -> Cohort:
    rows = [
        (subject, visit, float(visit[1]), str(dataset / f"{subject}-{visit}.nii.gz"))
        for subject in ("a", "b")
        for visit in ("y0", "y1")
    ]
    visits = pd.DataFrame(rows, columns=["subject", "visit", "years", "path"])
    return Cohort("phantom", visits, True, pd.DataFrame(columns=list(LEFT_OUT)), done=DONE)


def prepared_of(cohort: Cohort, folder: Path) -> Prepared:
    return prepare_cohort(cohort, GRID, folder, Console(quiet=True))


def with_clean(dataset: Path, subjects: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    """The prepared visits, with the truth of some subjects."""
    folder = dataset / "prepared"
    prepared = prepared_of(with_truth(cohort_of(dataset), dataset), folder)
    table = prepared.table
    volumes = set(table.loc[table["subject"].isin(subjects), "volume"])
    return prepare_truth(prepared, GRID, folder, volumes, Console(quiet=True)).table


def test_truth_has_the_scaling_of_its_source(dataset: Path) -> None:
    """Where the head is lost it is background; elsewhere both visits are equal.

    By the intensities of the brighter follow-up they would differ.
    """
    for _, visits in with_clean(dataset).groupby("subject"):
        before, after = (read_volume(path) for path in visits[VOLUME_CLEAN])
        scan = read_volume(visits["volume"].iloc[0])
        kept = after > -1
        np.testing.assert_array_equal(before[kept], after[kept])
        assert 0 < np.count_nonzero((before > -1) & ~kept) < np.count_nonzero(kept)
        assert np.abs(before[kept] - scan[kept]).max() < 0.1  # placed like it; noise is left


def test_values_beyond_the_percentiles_of_the_source_are_clipped(dataset: Path) -> None:
    table = with_clean(dataset)
    assert read_volume(table[VOLUME_CLEAN][0]).max() <= 1


def test_truth_of_others_is_not_prepared(dataset: Path) -> None:
    table = with_clean(dataset, subjects=("a",)).set_index("subject")
    assert table.loc["b", VOLUME_CLEAN].isna().all()
    assert len(list((dataset / "prepared").glob("*_clean.nii"))) == 2


def test_pairs_have_the_truth_of_both_visits(dataset: Path) -> None:
    table = with_clean(dataset)
    pairs = make_pairs(table, PairSettings())
    assert not has_truth(pairs)  # those of training are never annotated
    found = annotate(pairs, table)
    assert has_truth(found)
    assert found["source_true_ventricle_ml"].tolist() == [40, 40]
    assert found["target_true_ventricle_ml"].tolist() == [41, 41]
    assert found["target_true_brain_ml"].tolist() == [10, 20]
    assert "source_true_grey_ml" not in found
    assert found["target_clean"].tolist() == table.loc[[1, 3], VOLUME_CLEAN].tolist()
    assert found["target_warp"].isna().all()


def test_nobody_is_split_by_the_truth(dataset: Path) -> None:
    table = with_clean(dataset)
    assert list(subject_table(table)) == ["visits", "follow_up_years"]
    futures = table.assign(expected=[None, "e1", None, "e2"], warp=["w", None, None, None])
    assert list(subject_table(futures)) == ["visits", "follow_up_years"]


def test_identity_of_the_truth_is_its_content(dataset: Path) -> None:
    table = with_clean(dataset)
    pairs = make_pairs(table, PairSettings())
    found = annotate(pairs, table)
    assert truth_contents(annotate(pairs, table.drop(columns=VOLUME_CLEAN))) == []
    assert truth_contents(found) != truth_contents(found.assign(target_true_brain_ml=1.0))
    clean = next(dataset.glob("derivatives/truth/sub-a/ses-y1/anat/*"))
    save(clean, 0.9 * head(1, 1))
    table = with_clean(dataset)
    assert truth_contents(annotate(pairs, table)) != truth_contents(found)


def test_a_dataset_without_noise_free_volumes_has_no_truth(dataset: Path) -> None:
    for path in dataset.glob("derivatives/truth/*/*/anat/*"):
        path.unlink()
    cohort = cohort_of(dataset)
    assert with_truth(cohort, dataset) is cohort
    prepared = prepared_of(cohort, dataset / "prepared")
    volumes = set(prepared.table["volume"])
    assert prepare_truth(prepared, GRID, dataset, volumes, Console(quiet=True)) is prepared


@pytest.mark.parametrize("lost", ["sub-b/ses-y1/anat/*", "truth.tsv"])
def test_a_part_of_the_truth_that_is_gone_is_refused(dataset: Path, lost: str) -> None:
    (path,) = dataset.glob(f"derivatives/truth/{lost}")
    path.unlink()
    with pytest.raises(UserError, match=f"{path}: no such file; delete the folder {dataset};"):
        with_truth(cohort_of(dataset), dataset)


def test_a_visit_that_the_true_volumes_lack_is_refused(dataset: Path) -> None:
    path = dataset / "derivatives/truth/truth.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match=f"{path}: cannot be read.*delete the folder"):
        with_truth(cohort_of(dataset), dataset)


def test_a_source_is_read_once_and_nothing_is_read_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the digests of what was simulated."""
    read: list[str] = []

    def counted(path: Path, axes: str) -> Scan:
        read.append(path.name)
        return read_scan(path, axes)

    monkeypatch.setattr(module, "read_scan", counted)
    before = with_clean(dataset)[VOLUME_CLEAN].tolist()
    cleans = [f"sub-{s}_ses-{v}_{truth.CLEAN}" for s in ("a", "b") for v in ("y0", "y1")]
    assert sorted(read) == sorted(["a-y0.nii.gz", "b-y0.nii.gz", *cleans])
    monkeypatch.setattr(module, "read_scan", None)
    monkeypatch.setattr(file_digests, "file_digest", None)
    assert with_clean(dataset)[VOLUME_CLEAN].tolist() == before


def test_a_damaged_truth_is_named_with_what_to_do(dataset: Path) -> None:
    clean = next(dataset.glob("derivatives/truth/sub-a/ses-y1/anat/*"))
    clean.write_bytes(b"no image")
    with pytest.raises(UserError, match=f"^{clean}: .*delete"):
        with_clean(dataset)


def test_progress_is_shown_where_there_is_something_to_do(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared = prepared_of(with_truth(cohort_of(dataset), dataset), dataset / "prepared")
    for shown in (True, False):
        given = (prepared, GRID, dataset / "prepared", set(prepared.table["volume"]))
        prepare_truth(*given, Console())
        assert ("preparing the truth" in capsys.readouterr().err) == shown


def test_a_damaged_file_is_prepared_again(dataset: Path) -> None:
    path = Path(with_clean(dataset)[VOLUME_CLEAN][0])
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b"xx")
    with_clean(dataset)
    assert path.read_bytes() == content
