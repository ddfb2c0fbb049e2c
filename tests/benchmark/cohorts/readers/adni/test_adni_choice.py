"""Which of several scans of a visit is taken."""

from datetime import date, timedelta
from typing import Any

import pytest

from longibench.benchmark.cohorts.readers.adni.choice import AdniSettings, Candidate, preference
from longibench.benchmark.cohorts.readers.adni.sequences import sequence_of, why_not_t1
from longibench.benchmark.core.errors import UserError

ONE = "002_S_4711"
SCALED = "MPR; GradWarp; B1 Correction; N3; Scaled"


@pytest.mark.parametrize(
    ("year", "offered", "taken"),
    [
        (2006, ["MP-RAGE", "MPR; GradWarp; B1 Correction; N3", SCALED, "MPR; GradWarp"],
         {"clinica": 2, "original": 0, "processed": 2}),
        (2006, ["MPR-R; ; N3; Scaled", "MPR; ; N3; Scaled_2"], {"clinica": 1, "original": 1}),
        (2006, ["MP-RAGE REPEAT", "MP-RAGE"], {"clinica": 1, "processed": 1}),
        (2006, ["MPR; GradWarp", "IR-SPGR"], {"clinica": 1, "processed": 0}),
        (2012, ["MPRAGE GRAPPA2", "MPRAGE", "MT1; GradWarp; N3m"],
         {"clinica": 2, "original": 1, "processed": 2}),
        (2012, ["Accelerated SAG IR-SPGR", "SAG IR-SPGR"], {"clinica": 1}),
        (2018, ["Sagittal 3D MPRAGE", "Accelerated Sagittal MPRAGE_ND",
                "Accelerated Sagittal MPRAGE", "MT1; N3m"],
         {"clinica": 2, "original": 2, "processed": 3}),
    ],
)  # fmt: skip
def test_choice_among_versions(
    download: Any, year: int, offered: list[str], taken: dict[str, int]
) -> None:
    first = date(year, 3, 1)
    paths = [download.scan(ONE, first, "-", name) for name in offered]
    download.scan(ONE, first + timedelta(days=365), "-")
    for prefer, expected in taken.items():
        visits = download.read(prefer=prefer).visits
        assert visits["path"].iloc[0] == str(paths[expected]), prefer


def test_repeats_may_be_left_out(download: Any) -> None:
    for days in (0, 365):
        download.scan(ONE, date(2006, 3, 1) + timedelta(days=days), "-")
    download.scan(ONE, date(2009, 3, 1), "-", "MP-RAGE REPEAT")
    assert len(download.read().visits) == 3
    cohort = download.read(repeats="never")
    assert len(cohort.visits) == 2
    assert cohort.left_out["reason"].tolist() == ["a repeated scan, not wanted"]


def rank(
    settings: AdniSettings, phase: str = "ADNI1", tesla: float | None = None, **kind: Any
) -> Any:
    """Preference of a scan, plain but for what is given."""
    values = {"entry": "", "selected": False, "quality": None, "series": 5.0, "image": 9.0, **kind}
    name = values.pop("name", SCALED)
    return preference(Candidate(sequence_of(name), phase, tesla=tesla, **values), settings)


def test_field_strength_goes_by_protocol_or_as_asked() -> None:
    protocol = AdniSettings()
    assert rank(protocol, "ADNI1", 1.5) < rank(protocol, "ADNI1", 3.0)
    assert rank(protocol, "ADNI2", 3.0) < rank(protocol, "ADNI2", 1.5)
    high = AdniSettings(field="3")
    assert rank(high, "ADNI1", 3.0, entry="baseline") < rank(high, "ADNI1", 1.5, entry="screening")
    assert rank(high, "ADNI1", None) < rank(high, "ADNI1", 1.5)


def test_quality_decides_before_repeats_and_numbers() -> None:
    settings = AdniSettings()
    repeat = "MPR-R; GradWarp; B1 Correction; N3; Scaled"
    assert rank(settings, name=repeat, selected=True) < rank(settings)
    assert rank(settings, quality=1.0, series=9.0) < rank(settings, quality=3.0)
    assert rank(settings, quality=3.0, series=9.0) < rank(settings)
    assert rank(settings, series=4.0, image=10.0) < rank(settings)
    assert rank(settings, image=8.0) < rank(settings)


def test_settings_from_the_command_line(download: Any) -> None:
    assert AdniSettings.model_validate({"field": 3}).field == "3"
    assert AdniSettings.model_validate({"field": 1.5}).field == "1.5"
    with pytest.raises(UserError, match=r"readers\.adni\.prefer"):
        download.read(prefer="best")


@pytest.mark.parametrize(
    "name",
    ["MPRAGE", "MP-RAGE", "MP RAGE REPEAT", "IR-SPGR", "SAG_IR-FSPGR", "MPRAGE_SENSE2", "MT1; N3m",
     "MPR____N3__Scaled", "Accelerated Sagittal MPRAGE (MSV21)", "ADNI_______MPRAGE"],
)  # fmt: skip
def test_t1_weighted(name: str) -> None:
    assert not why_not_t1(name)


@pytest.mark.parametrize(
    "name",
    ["Axial T2 FLAIR", "Localizer", "Axial PD/T2 FSE", "Resting State fMRI", "Axial DTI",
     "B1-Calibration Body", "ADNI Brain PET: Raw", "MPR; GradWarp; B1 Correction; Mask",
     "HHP 6 DOF AC-PC registered MPRAGE", "Spatially Normalized, Masked and N3 corrected T1 image",
     "HarP_135_final_release_2015", "Axial 3D PASL", "Field Mapping", "MPRAGE localizer",
     "Sagittal 3D FLAIR", "HighResHippocampus", "Calibration Scan"],
)  # fmt: skip
def test_not_t1_weighted(name: str) -> None:
    assert why_not_t1(name)
