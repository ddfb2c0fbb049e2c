"""Which scans are one visit, and that codes are never read as months."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.cohorts.reader import FoundScan
from longibench.benchmark.cohorts.readers.adni.codes import entry_of, phase_of
from longibench.benchmark.cohorts.readers.adni.grouping import Dated, name_visits

FIRST = date(2006, 11, 2)
ONE = "002_S_4711"
LAST = 1000  # days: a follow-up that no test here uses


def labels(*scans: tuple[int, str] | tuple[int, str, float]) -> list[str]:
    """Visits of scans given as (day, code, preference), in the order of the days."""
    dated = [
        Dated(FoundScan("x", "", Path(str(n)), day, tuple(rank)), code, phase_of(code))
        for n, (day, code, *rank) in enumerate(scans)
    ]
    return [one.visit for one in sorted(name_visits(dated), key=lambda one: (one.days, one.path))]


@pytest.mark.parametrize(
    ("scans", "visits"),
    [
        ([(0, "sc"), (45, "bl")], ["M000", "M000"]),
        ([(0, "adni screening"), (119, "adni baseline")], ["M000", "M000"]),
        ([(0, "v02"), (30, "v03"), (90, "v04")], ["M000", "M000", "M003"]),
        ([(0, "4_sc"), (70, "4_bl")], ["M000", "M000"]),
        ([(0, "sc"), (121, "bl")], ["M000", "M004"]),
        ([(0, "bl"), (365, "m12"), (390, "m12")], ["M000", "M012", "M012"]),
        ([(0, "bl"), (365, "m12"), (455, "m12")], ["M000", "M012", "M012"]),
        ([(0, "bl"), (365, "m12"), (456, "m12")], ["M000", "M012", "M015"]),
        ([(0, "bl"), (365, "m12"), (400, "")], ["M000", "M012", "M013"]),
        ([(0, "bl"), (1640, "m54"), (1655, "v06")], ["M000", "M054", "M054-2"]),
        ([(0, "bl"), (1640, "m54"), (1640, "v06")], ["M000", "M054", "M054"]),
        ([(0, "bl"), (1826, "v11"), (3653, "y1"), (5844, "4_m12")],
         ["M000", "M060", "M120", "M192"]),
        ([(0, ""), (25, ""), (60, "")], ["M000", "M000", "M002"]),
        ([(0, "init"), (400, "y1")], ["M000", "M013"]),
    ],
)  # fmt: skip
def test_visits_and_their_names(scans: list[tuple[int, str]], visits: list[str]) -> None:
    assert labels(*scans) == visits


def test_names_follow_the_scans_that_are_taken() -> None:
    # the baseline scan is taken, at day 80, after another visit at day 60: that one comes first
    assert labels((0, "sc", 1.0), (60, "m03"), (80, "bl", 0.0)) == ["M001", "M000", "M001"]


def test_screening_wins_and_baseline_serves_where_it_failed(download: Any) -> None:
    screening = download.scan(ONE, FIRST, "ADNI Screening")
    baseline = download.scan(ONE, FIRST + timedelta(days=50), "ADNI Baseline")
    download.scan(ONE, FIRST + timedelta(days=LAST), "ADNI1/GO Month 36")
    download.write_rows()
    cohort = download.read()
    assert cohort.visits["path"].iloc[0] == str(screening)
    assert cohort.visits["visit"].tolist() == ["M000", "M033"]
    (download.root / "MRIQUALITY.csv").write_text("LONIUID,PASS\nS20001,0\n")
    cohort = download.read()
    assert cohort.visits["path"].iloc[0] == str(baseline)
    assert cohort.visits["visit"].tolist() == ["M000", "M031"]
    assert cohort.visits["years"].iloc[1] == pytest.approx((LAST - 50) / 365.25)


@pytest.mark.parametrize(
    ("phase", "visits"), [("ADNI 1", ["M000", "M012"]), ("ADNI GO", ["M000", "M012", "M014"])]
)
def test_a_code_is_one_visit_within_its_phase_alone(
    download: Any, phase: str, visits: list[str]
) -> None:
    """Two months apart, as a scan at 1.5 T and one at 3 T are, or the ends of two phases."""
    for day, code in ((0, "bl"), (365, "m12"), (425, "m12")):
        download.scan(ONE, FIRST + timedelta(days=day), code)
    phases = ("ADNI 1", "ADNI 1", phase)
    download.rows = [f'{row},"{its}"' for row, its in zip(download.rows, phases, strict=True)]
    download.write_rows(f"{download.header},Phase")
    assert download.read().visits["visit"].tolist() == visits


@pytest.mark.parametrize(
    ("code", "entry", "phase"),
    [
        ("Sc", "screening", ""),
        ("ADNI2 Screening MRI-New Pt", "screening", "ADNI2"),
        ("ADNI4 Baseline - New Pt", "baseline", "ADNI4"),
        ("ADNIGO Month 60", "", "ADNIGO"),
        ("ADNI1/GO Month 6", "", "ADNI1"),
        ("v11", "", "ADNI2"),
        ("y1", "", "ADNI3"),
        ("4_init", "", "ADNI4"),
        ("m06", "", ""),
    ],
)
def test_codes(code: str, entry: str, phase: str) -> None:
    assert (entry_of(code), phase_of(code)) == (entry, phase)
    assert phase_of(code, "ADNI 3") == "ADNI3"
