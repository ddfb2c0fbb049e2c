"""The layouts of a download, each against the plain BIDS version."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.protocol.splits.split import split_cohort
from longibench.benchmark.settings.schema import SplitSettings

ONE = "002_S_4711"


def ptid(person: Any) -> str:
    return f"002_S_{person.number}"


def test_nifti_with_a_collection_table(
    download: Any, study: Any, same_as_bids: Callable[..., None]
) -> None:
    for person in study:
        codes = ("Sc", "m06", "m12", "m24")
        for day, code in zip(person.dates(), codes, strict=False):
            download.scan(ptid(person), day, code)
    download.write_rows(bom="\ufeff")
    cohort = download.read()
    same_as_bids(cohort, ptid)
    assert cohort.left_out.empty
    assert not cohort.shareable
    labels = cohort.visits.groupby("subject")["visit"].agg(list)
    assert labels[ONE] == ["M000", "M006", "M012", "M024"]
    first = cohort.visits.iloc[0]
    assert (first["sex"], first["group"], first["age"], first["site"]) == ("F", "MCI", 71, "002")


def write_series(folder: Path, seed: int) -> None:
    """A DICOM series of four slices."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    rng = np.random.default_rng(seed)
    series, study = generate_uid(), generate_uid()
    for number in range(1, 5):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = MRImageStorage
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = generate_uid()
        image.SeriesInstanceUID, image.StudyInstanceUID = series, study
        image.Modality, image.InstanceNumber = "MR", number
        image.Rows = image.Columns = 8
        image.PixelSpacing, image.SliceThickness = [20, 20], 20
        image.ImagePositionPatient = [0, 0, 20 * number]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 0
        image.PixelData = rng.integers(0, 900, (8, 8)).astype(np.uint16).tobytes()
        name = f"ADNI_x_MR_MP-RAGE__br_raw_20210219_{number}_S{seed}_{folder.name}.dcm"
        image.save_as(folder / name, enforce_file_format=True)


def test_dicom_with_a_search_export(
    download: Any, study: Any, same_as_bids: Callable[..., None]
) -> None:
    rows = []
    for person in study:
        long_names = ("ADNI Screening", "ADNI2 Year 1 Visit", "ADNI3 Year 1 Visit", "tau")
        for day, visit in zip(person.dates(), long_names, strict=False):
            write_series(download.leaf(ptid(person), day, "MP-RAGE"), download.count)
            rows.append(
                f"{ptid(person)},ADNI,{person.sex},{visit},{day.month:02d}/{day.day:02d}/{day.year},"
                f"{person.age},MRI,MP-RAGE,Original,"
                f"Acquisition Type=3D;Field Strength=2.9;Weighting=T1,{download.count},29.0"
            )
    header = (
        "Subject ID,Project,Sex,Visit,Study Date,Age,Modality,Description,Type,Imaging Protocol,"
        "Image ID,MMSE Total Score"
    )
    download.rows = rows
    download.write_rows(header, "idaSearch_7_04_2026.csv")
    cohort = download.read()
    same_as_bids(cohort, ptid)
    assert all(Path(path).is_dir() for path in cohort.visits["path"])
    assert set(cohort.visits["field_tesla"]) == {3.0}
    assert set(cohort.visits["mmse"]) == {29}
    assert cohort.visits["sex"].tolist() == ["F"] * 4 + ["M"] * 2 + ["F"] * 3
    assert cohort.visits["age"].iloc[0] == 71.2


def merge_rows(study: Any) -> list[str]:
    """ADNIMERGE of the study: also an examination without a scan, and codes for missing values."""
    rows = []
    for number, person in enumerate(study):
        codes = zip(("bl", "m06", "m12", "m24"), (20, 200, 380, 745), strict=True)
        for code, day in codes:
            when = person.first + timedelta(days=day)
            diagnosis = "Dementia" if code == "m24" else person.group.replace("AD", "Dementia")
            rows.append(
                f"{person.number},ADNI1,{ptid(person)},999,{code},{when},{person.group},{person.age},"
                f"{'Male' if person.sex == 'M' else 'Female'},16,{-4 if number else 1},"
                f"{-1 if code == 'm06' else 28},1.5 Tesla MRI,{diagnosis},"
                f"{person.first + timedelta(days=20)}"
            )
    return rows


def test_adnimerge_alone(download: Any, study: Any, same_as_bids: Callable[..., None]) -> None:
    for person in study:
        for day in person.dates():
            download.scan(ptid(person), day)
    download.rows = merge_rows(study)
    download.write_rows(download.merge_header, "ADNIMERGE_20Sep2024.csv")
    cohort = download.read()
    same_as_bids(cohort, ptid)
    one = cohort.visits[cohort.visits["subject"] == ONE]
    assert one["age"].iloc[0] == pytest.approx(71.2 - 20 / 365.25, abs=0.01)
    assert one["diagnosis"].tolist() == ["CN", "CN", "CN", "AD"]
    assert one["mmse"].tolist() == [28, 28, 28, 28]  # -1 at m06: the nearest that is known
    assert one["apoe4"].iloc[0] == 1
    other = cohort.visits[cohort.visits["subject"] != ONE]
    assert other["apoe4"].isna().all()
    assert set(cohort.visits["field_tesla"]) == {1.5}
    assert set(cohort.visits["site"]) == {"002"}
    assert any("examinations have no scan" in note for note in cohort.notes)
    assert any("ADNIMERGE_20Sep2024.csv" in note for note in cohort.notes)


def test_clinicas_conversion_is_split_the_same(download: Any, study: Any, tmp_path: Path) -> None:
    bids = tmp_path / "bids"
    for person in study:
        label = f"sub-ADNI002S{person.number}"
        for day, month in zip(person.dates(), (0, 6, 12, 24), strict=False):
            download.scan(ptid(person), day)
            name = f"{label}_ses-M{month:03d}_T1w.nii.gz"
            path = bids / label / f"ses-M{month:03d}" / "anat" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(f"{label}{day}".encode())
    ours, theirs = download.read(), read_cohort(Bids, bids, "bids")
    assert ours.subjects == theirs.subjects
    settings = SplitSettings(test=1)
    digests = {split_cohort(cohort.visits, settings).digest for cohort in (ours, theirs)}
    assert len(digests) == 1
