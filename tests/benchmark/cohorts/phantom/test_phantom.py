import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.phantom.dataset import write_phantom
from longibench.benchmark.cohorts.phantom.truth import CLEAN, DSEG, WARP, truth_file
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import file_digest
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

SMALL = PhantomSettings(subjects=4, spacing_mm=8.0)


def write(folder: Path, settings: PhantomSettings) -> Path:
    write_phantom(folder, settings, Console(quiet=True))
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): file_digest(path) for path in files}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory, templates: None) -> Path:
    return write(tmp_path_factory.mktemp("phantom") / "data", SMALL)


@pytest.fixture(scope="module")
def truth(phantom: Path) -> pd.DataFrame:
    return pd.read_csv(phantom / "derivatives/truth/truth.tsv", sep="\t")


def test_same_seed_same_bytes(phantom: Path, tmp_path: Path) -> None:
    assert digests(write(tmp_path / "again", SMALL)) == digests(phantom)


@pytest.mark.slow
def test_nobody_changes_when_the_cohort_grows_and_all_with_the_seed(
    phantom: Path, tmp_path: Path
) -> None:
    fewer = digests(write(tmp_path / "fewer", SMALL.model_copy(update={"subjects": 2})))
    scans = {name: value for name, value in fewer.items() if name.startswith("sub-")}
    assert scans.items() <= digests(phantom).items()
    other = digests(write(tmp_path / "other", SMALL.model_copy(update={"subjects": 2, "seed": 1})))
    first = "sub-0001/ses-M000/anat/sub-0001_ses-M000_T1w.nii.gz"
    assert other[first] != fewer[first]


def test_the_reader_finds_what_was_written(phantom: Path, truth: pd.DataFrame) -> None:
    cohort = read_cohort(Bids, phantom, "phantom")
    assert cohort.shareable
    assert cohort.left_out.empty
    assert cohort.subjects == [f"{number:04d}" for number in range(1, SMALL.subjects + 1)]
    assert cohort.visits["years"].tolist() == pytest.approx(truth["years"].tolist(), abs=1e-3)
    assert {"age", "sex", "group"} <= set(cohort.visits.columns)


def test_it_says_which_preparation_lies_behind_it(phantom: Path) -> None:
    description = json.loads((phantom / "dataset_description.json").read_text())
    assert description["LongibenchPreparation"] == ["bias", "brain", "registration"]
    assert json.loads((phantom / "T1w.json").read_text())["SkullStripped"] is True


def test_ventricles_grow_and_brain_and_hippocampi_shrink_at_every_visit(
    truth: pd.DataFrame,
) -> None:
    for _, visits in truth.groupby("participant_id"):
        assert (np.diff(visits["ventricle_ml"]) > 0).all()
        assert (np.diff(visits["brain_ml"]) < 0).all()
        assert (np.diff(visits["hippocampus_ml"]) < 0).all()
    assert (truth["smallest_jacobian"] > 0.02).all()
    assert truth["brain_ml"].between(700, 1500).all()
    assert np.allclose(truth["brain_ml"], truth["grey_ml"] + truth["white_ml"], atol=1e-3)
    assert (truth["hippocampus_ml"] < 0.05 * truth["grey_ml"]).all()


def test_gain_and_contrast_change_between_visits(truth: pd.DataFrame) -> None:
    for name in ("gain", "contrast"):
        assert truth[name].nunique() == len(truth)
    within = np.log(truth["contrast"]).groupby(truth["participant_id"]).std().mean()
    assert within == pytest.approx(SMALL.scanner.contrast, rel=0.5)


def test_every_plain_visit_has_a_clean_volume_and_every_later_one_a_warp(phantom: Path) -> None:
    for _, visits in read_cohort(Bids, phantom, "phantom").visits.groupby("subject"):
        for number, row in enumerate(visits.itertuples()):
            subject, visit = str(row.subject), str(row.visit)
            scan = nib.load(str(row.path))
            clean = nib.load(truth_file(phantom, subject, visit, CLEAN))
            assert clean.shape == scan.shape
            assert np.array_equal(clean.affine, scan.affine)
            assert clean.get_data_dtype() == np.int16
            assert truth_file(phantom, subject, visit, WARP).is_file() == (number > 0)
            assert not truth_file(phantom, subject, visit, DSEG).exists()


def test_scans_are_skull_stripped_integers_in_ras(phantom: Path) -> None:
    image = nib.load(phantom / "sub-0001/ses-M000/anat/sub-0001_ses-M000_T1w.nii.gz")
    data = np.asarray(image.dataobj)
    assert data.dtype == np.uint16
    assert data.shape == (20, 26, 20)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(nib.affines.apply_affine(image.affine, (np.array(data.shape) - 1) / 2), 0)
    assert 0.6 < (data == 0).mean() < 0.9
    assert np.percentile(data[data > 0], 95) == pytest.approx(900, rel=0.25)


def test_a_scan_is_closer_to_its_follow_up_than_to_a_stranger(phantom: Path) -> None:
    visits = read_cohort(Bids, phantom, "phantom").visits
    scans = {
        subject: [nib.load(path).get_fdata() for path in rows["path"].head(2)]
        for subject, rows in visits.groupby("subject")
    }
    for subject, (first, later) in scans.items():
        own = np.corrcoef(first.ravel(), later.ravel())[0, 1]
        for other, (stranger, _) in scans.items():
            if other != subject:
                assert np.corrcoef(first.ravel(), stranger.ravel())[0, 1] < own - 0.02


@pytest.mark.parametrize("part", [".", "derivatives/truth"])
def test_the_bids_validator_finds_no_error(
    phantom: Path, part: str, bids_errors: Callable[[Path], list[dict]]
) -> None:
    assert bids_errors(phantom / part) == []


@pytest.mark.parametrize(
    "kind", [PhantomSettings, pytest.param(CleanSettings, marks=pytest.mark.slow)]
)
def test_the_bids_validator_finds_no_error_with_labels(
    kind: type[PhantomSettings | CleanSettings],
    tmp_path: Path,
    templates: None,
    bids_errors: Callable[[Path], list[dict]],
) -> None:
    settings = kind(subjects=1, spacing_mm=8.0, labels=True, follow_up_years=(3.0,))
    folder = write(tmp_path / "data", settings)
    assert truth_file(folder, "0001", "M036", DSEG).is_file()
    for part in (".", "derivatives/truth"):
        assert bids_errors(folder / part) == []


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        write(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
