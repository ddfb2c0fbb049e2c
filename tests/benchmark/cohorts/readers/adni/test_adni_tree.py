"""Where the images and the tables of a download may lie."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort, recognise
from longibench.benchmark.cohorts.readers.adni import Adni
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

FIRST = date(2006, 11, 2)
LATER = FIRST + timedelta(days=371)
ONE = "002_S_4711"


def read_adni(place: Path) -> Cohort:
    return read_cohort(Adni, place, "adni")


def test_parts_of_a_download_and_the_folder_itself(download: Any) -> None:
    download.scan(ONE, FIRST, "bl")
    download.scan(ONE, LATER, "m12")
    download.write_rows()
    whole = download.read().visits
    inside = read_adni(download.root / "ADNI").visits  # the table is next to the folder
    assert inside.equals(whole)
    (download.root / "ADNI").rename(download.root / "part1")
    other = type(download)(download.root / "part2")
    other.count = 50000
    other.scan(ONE, FIRST + timedelta(days=700), "m24")
    other.write_rows()
    assert download.read().visits["visit"].tolist() == ["M000", "M012", "M023"]
    assert recognise(download.root / "part2")[0] is Adni


def test_series_folders_five_digits_and_capitals(download: Any) -> None:
    subject = "941_S_10013"
    path = download.scan(subject, FIRST)
    path.parent.rename(path.parent.with_name("S13408"))
    later = download.scan(subject, LATER)
    later.rename(later.with_suffix(".NII"))
    download.write_rows()
    cohort = download.read()
    assert cohort.subjects == [subject]
    assert "sex" in cohort.visits  # the row was found by the file's image id


def test_recognition(tmp_path: Path) -> None:
    assert not Adni.recognises(tmp_path / "nowhere")
    (tmp_path / "002_S_4711").mkdir()
    (tmp_path / "002_S_4711" / "visit_000.nii").touch()
    assert not Adni.recognises(tmp_path)  # files, not folders of the archive
    (tmp_path / "002_S_4711" / "MPRAGE").mkdir()
    assert Adni.recognises(tmp_path)
    assert Adni.recognises(tmp_path.parent)


def test_recognition_goes_as_deep_as_reading(tmp_path: Path) -> None:
    (tmp_path / "a" / "loni" / "part1" / "ADNI" / ONE / "MPRAGE").mkdir(parents=True)
    assert Adni.recognises(tmp_path / "a")
    assert not Adni.recognises(tmp_path)  # five levels down


@pytest.mark.parametrize(
    ("prepare", "match"),
    [
        (lambda root: None, "no such folder"),
        (lambda root: root.mkdir(), "not a download of ADNI"),
        (lambda root: (root.mkdir(), (root / "t1.zip").touch()), r"unpack t1\.zip"),
    ],
)
def test_what_is_no_download(tmp_path: Path, prepare: Callable[[Path], Any], match: str) -> None:
    prepare(tmp_path / "x")
    with pytest.raises(UserError, match=match):
        read_adni(tmp_path / "x")


def test_an_image_under_two_participants_is_refused(download: Any) -> None:
    download.scan(ONE, FIRST, "-")
    download.count -= 1
    download.scan("002_S_4712", FIRST, "-")
    with pytest.raises(UserError, match="image 40001 belongs to two participants"):
        download.read()
