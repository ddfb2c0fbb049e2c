from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import read_scan
from longibench.benchmark.preparation.store.store import Digests

SHAPE = (24, 28, 20)  # columns, rows, slices


def write_series(folder: Path, number: int = 1, spacing: float = 5.0) -> np.ndarray:
    """An axial MR series whose values encode their positions; (X, Y, Z) in LPS order."""
    folder.mkdir(exist_ok=True)
    x, y, z = np.meshgrid(*[np.arange(side) for side in SHAPE], indexing="ij")
    volume = (100 + x + 10 * y + 20 * z).astype(np.uint16)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for k in range(SHAPE[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one = FileDataset(str(folder / f"{number}-{k:03d}.dcm"), {}, file_meta=meta)
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.Modality, one.Manufacturer, one.PatientID = "MR", "SIEMENS", "look-alike"
        one.SeriesNumber, one.InstanceNumber = number, k + 1
        one.SeriesDescription, one.ProtocolName = "MPRAGE", "MPRAGE"
        one.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [-60.0, -70.0, -50.0 + spacing * k]
        one.PixelSpacing, one.SliceThickness = [spacing, spacing], spacing
        one.Columns, one.Rows = SHAPE[:2]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.PixelData = np.ascontiguousarray(volume[:, :, k].T).tobytes()
        pydicom.dcmwrite(folder / f"{number}-{k:03d}.dcm", one, enforce_file_format=True)
    return volume


def test_a_series_is_read_like_a_file(tmp_path: Path) -> None:
    volume = write_series(tmp_path / "I1")
    scan = read_scan(tmp_path / "I1")
    assert np.array_equal(scan.data, volume[::-1, ::-1, :])  # LPS to RAS
    assert np.allclose(scan.voxel_mm, 5)
    corner = scan.affine @ [SHAPE[0] - 1, SHAPE[1] - 1, 0, 1]
    assert np.allclose(corner[:3], [60, 70, -50])


def test_what_cannot_be_converted_is_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(DamagedScanError, match="DICOM cannot be converted"):
        read_scan(tmp_path / "empty")
    write_series(tmp_path / "two", 1)
    write_series(tmp_path / "two", 2, spacing=6)
    with pytest.raises(DamagedScanError, match=r"holds 2 series or volumes \(1_MPRAGE"):
        read_scan(tmp_path / "two")


def test_a_folder_has_a_digest_of_all_its_files(tmp_path: Path) -> None:
    write_series(tmp_path / "I1")
    digests = Digests(tmp_path / "sha256.json")
    before = digests.of(tmp_path / "I1")
    assert before[0]
    assert digests.of(tmp_path / "I1") == before
    (tmp_path / "I1" / "1-003.dcm").unlink()
    assert digests.of(tmp_path / "I1") != before
    (tmp_path / "none").mkdir()
    with pytest.raises(DamagedScanError, match="cannot be read: an empty folder"):
        digests.of(tmp_path / "none")


def test_hidden_files_are_no_slices_and_a_slice_that_is_not_on_disk_is_named(
    tmp_path: Path,
) -> None:
    write_series(tmp_path / "I1")
    digest = Digests(tmp_path / "d.json").of(tmp_path / "I1")
    plain = read_scan(tmp_path / "I1")
    for path in [*(tmp_path / "I1").iterdir()]:
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07" + bytes(99))
    assert np.array_equal(read_scan(tmp_path / "I1").data, plain.data)
    assert Digests(tmp_path / "d.json").of(tmp_path / "I1") == digest
    middle = tmp_path / "I1" / "1-007.dcm"
    middle.unlink()
    middle.symlink_to("../.git/annex/objects/x/1-007.dcm")
    with pytest.raises(DamagedScanError, match=r"1-007\.dcm: .*git annex get 1-007\.dcm"):
        read_scan(tmp_path / "I1")
