"""Every layout is recognised as itself and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import open_cohort, recognise
from longibench.benchmark.cohorts.reader import load_readers
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.settings.loading import load_settings

CAPS = "sub-a_ses-M000_space-MNI152NLin2009cSym_res-1x1x1_T1w.nii.gz"
LOOK_ALIKES = {
    "adni": "002_S_4711/MPR__GradWarp__N3__Scaled/2006-11-02_08_16_44.0/I47/a_I47.nii",
    "bids": "sub-OAS30001/ses-d0757/anat/sub-OAS30001_ses-d0757_T1w.nii.gz",
    "caps": f"subjects/sub-a/ses-M000/t1_linear/{CAPS}",
    "oasis2": "OAS2_RAW_PART1/OAS2_4711_MR1/RAW/mpr-1.nifti.img",
    "oasis3": "OAS34711_MR_d0757/anat2/NIFTI/sub-OAS34711_ses-d0757_T1w.nii.gz",
    "aibl": "4711/MPRAGE_ADNI_confirmed/2006-11-02_08_16_44.0/I47/a.dcm",
}


def look_alike(root: Path, name: str, wrapped: str = "") -> Path:
    file = root / wrapped / LOOK_ALIKES[name]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    return root


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_layout_is_recognised_as_itself_alone(tmp_path: Path, name: str) -> None:
    look_alike(tmp_path, name)
    (tmp_path / "participants.csv").write_text("subject,path,days\n")
    reader, why = recognise(tmp_path)
    assert reader.name == name
    assert why


@pytest.mark.parametrize("name", ["oasis2", "oasis3", "aibl"])
def test_a_folder_around_a_download_does_not_hide_it(tmp_path: Path, name: str) -> None:
    assert recognise(look_alike(tmp_path, name, "download"))[0].name == name


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "T.CSV"])
def test_a_file_with_columns_is_a_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("subject,path,days\n")
    assert recognise(tmp_path / name)[0].name == "table"


def test_every_reader_has_a_look_alike_here() -> None:
    assert {*LOOK_ALIKES, "table"} == set(load_readers())


def test_a_derivative_is_not_taken_for_raw_bids(tmp_path: Path) -> None:
    look_alike(tmp_path, "bids")
    (tmp_path / "dataset_description.json").write_text(json.dumps({"DatasetType": "derivative"}))
    with pytest.raises(UserError, match="no known layout"):
        recognise(tmp_path)


@pytest.mark.parametrize("what", ["empty", "other", "image"])
def test_what_is_no_layout_gets_the_list_of_layouts(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "photos").mkdir(parents=True)
    (tmp_path / "image").write_bytes(b"x")
    with pytest.raises(UserError, match="no known layout; the known ones are") as error:
        recognise(tmp_path / what)
    assert all(f" {name}: " in str(error.value) for name in load_readers())


def test_two_layouts_in_one_place_are_left_to_the_user(tmp_path: Path) -> None:
    look_alike(tmp_path, "bids")
    look_alike(tmp_path, "caps")
    with pytest.raises(UserError, match=r"could be several layouts \(bids, .*caps, .*write NAME:"):
        recognise(tmp_path)


def test_a_place_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        recognise(tmp_path / "nowhere")


def test_auto_reads_what_it_recognised_and_says_so(
    tmp_path: Path, write_image: Callable[[Path, int], Path], capsys: pytest.CaptureFixture
) -> None:
    for day in (0, 757):
        name = f"OAS34711_MR_d{day:04d}/anat2/sub-OAS34711_ses-d{day:04d}_T1w.nii.gz"
        write_image(tmp_path / "OASIS-3" / name, day)
    spec, workspace = f"auto:{tmp_path / 'OASIS-3'}", Workspace(tmp_path / "runs")
    cohort = open_cohort(spec, load_settings("demo"), workspace, Console(quiet=False))
    assert cohort.name == f"oasis3:{tmp_path / 'OASIS-3'}"
    assert cohort.visits["years"].tolist() == pytest.approx([0, 757 / 365.25])
    printed = "".join(capsys.readouterr())
    assert "read as oasis3, because it contains OAS34711_MR_d0000" in printed.replace("\n", " ")
