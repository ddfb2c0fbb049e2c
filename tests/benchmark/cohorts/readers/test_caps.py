from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.caps import Caps
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

SPACE = "space-MNI152NLin2009cSym"


def output(root: Path, subject: str, session: str, crop: str = "") -> Path:
    name = f"{subject}_ses-{session}_{SPACE}_{crop}res-1x1x1_T1w.nii.gz"
    return root / "subjects" / subject / f"ses-{session}" / "t1_linear" / name


@pytest.fixture
def caps(tmp_path: Path, study: tuple, write_image: Callable[[Path, int], Path]) -> Path:
    """CAPS with its BIDS dataset next to it, which has the exact dates."""
    people = ["participant_id\tsex"]
    for person in study:
        subject = f"sub-ADNI002S{person.number}"
        people.append(f"{subject}\t{person.sex}")
        sessions = ["session_id\texamination_date\tdiagnosis"]
        for day, when in zip(person.days, person.dates(), strict=True):
            label = f"M{round(day / 365.25 * 12):03d}"
            for crop in ("", "desc-Crop_"):
                write_image(output(tmp_path / "caps", subject, label, crop), day)
            sessions.append(f"ses-{label}\t{when.isoformat()}\t{person.group}")
        folder = tmp_path / "bids" / subject
        folder.mkdir(parents=True)
        (folder / f"{subject}_sessions.tsv").write_text("\n".join(sessions) + "\n")
    (tmp_path / "bids" / "participants.tsv").write_text("\n".join(people) + "\n")
    return tmp_path / "caps"


def read(root: Path, **settings: object) -> Cohort:
    return read_cohort(Caps, root, "x", settings)


def test_is_the_same_study_as_bids(caps: Path, same_as_bids: Callable) -> None:
    cohort = read(caps, bids=str(caps.parent / "bids"))
    same_as_bids(cohort, lambda person: f"ADNI002S{person.number}")
    assert cohort.visits["sex"].iloc[4] == "M"
    assert cohort.visits["group"].iloc[0] == "CN"


def test_labels_tell_the_months_where_nothing_else_does(caps: Path) -> None:
    years = read(caps).visits["years"].tolist()
    assert years[:4] == pytest.approx([0, 0.5, 1, 2])


def test_says_what_was_done_and_where_it_lies(caps: Path) -> None:
    cohort = read(caps)
    assert cohort.done == {"bias", "registration"}
    assert cohort.space == "MNI152"
    assert "every visit separately" in cohort.notes[0]


def test_the_full_field_of_view_is_taken_unless_the_crop_is_asked_for(caps: Path) -> None:
    assert not read(caps).visits["path"].str.contains("desc-Crop").any()
    assert read(caps, crop="cropped").visits["path"].str.contains("desc-Crop").all()
    output(caps, "sub-ADNI002S4711", "M000").unlink()
    assert "desc-Crop" in read(caps).visits["path"].iloc[0]  # what there is


def test_a_session_without_output_is_named(caps: Path) -> None:
    (caps / "subjects" / "sub-ADNI002S4711" / "ses-M036").mkdir()
    listed = read(caps).left_out.set_index("visit").loc["M036"]
    assert listed["detail"].endswith("sub-ADNI002S4711/ses-M036/t1_linear")


def test_one_person_in_two_folders_and_other_layouts_are_refused(caps: Path) -> None:
    (caps / "subjects" / "sub-002S4711").mkdir()
    with pytest.raises(UserError, match="same person"):
        read(caps)
    with pytest.raises(UserError, match="not CAPS"):
        read(caps.parent / "bids")
    with pytest.raises(UserError, match=r"no such folder; give readers\.caps\.bids"):
        read(caps, bids=str(date(2000, 1, 1) + timedelta(1)))
