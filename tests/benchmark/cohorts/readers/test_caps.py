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
    cohort = read(caps)
    assert "desc-Crop" in cohort.visits["path"].iloc[0]  # what there is
    assert cohort.notes[-1] == "readers.caps.crop=full: 1 of 9 sessions have only the other"


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


def clinica(root: Path, folder: str = "bids", padded: bool = False, scans: bool = True) -> Path:
    """CAPS with sessions M000 and M012 and the BIDS that it is from, with labels M00 and M12."""
    subject = "sub-ADNI001S0001"
    bids = root / folder
    for new, old, day in (("M000", "M00", "2006-01-01"), ("M012", "M12", "2007-05-25")):
        label = new if padded else old
        image = output(root / "caps", subject, new)
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(new.encode())
        name = f"anat/{subject}_ses-{label}_T1w.nii.gz"
        session = bids / subject / f"ses-{label}"
        session.mkdir(parents=True)
        if scans:
            (session / "anat").mkdir()
            (session / name).write_bytes(b"raw")
        table = session / f"{subject}_ses-{label}_scans.tsv"
        table.write_text(f"filename\tacq_time\n{name}\t{day}T00:00:00\n")
    table = bids / subject / f"{subject}_sessions.tsv"
    table.write_text("session_id\tdiagnosis\nses-M00\tCN\nses-M12\tMCI\n")
    return bids


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("scans", [True, False])
def test_padding_of_labels_does_not_matter(tmp_path: Path, padded: bool, scans: bool) -> None:
    bids = clinica(tmp_path, padded=padded, scans=scans)
    cohort = read(tmp_path / "caps", bids=str(bids))
    assert cohort.visits["years"].iloc[1] == pytest.approx(509 / 365.25)
    assert cohort.visits["diagnosis"].tolist() == ["CN", "MCI"]
    assert cohort.visits["visit"].tolist() == ["M000", "M012"]
    assert cohort.notes[2:] == ("times from *_scans.tsv, column acq_time (1 subjects)",)


def test_the_folder_of_a_person_may_have_another_spelling(tmp_path: Path) -> None:
    bids = clinica(tmp_path)
    for table in bids.rglob("*_sessions.tsv"):
        table.rename(table.with_name("sub-001S0001_sessions.tsv"))
    (bids / "sub-ADNI001S0001").rename(bids / "sub-001S0001")
    cohort = read(tmp_path / "caps", bids=str(bids))
    assert cohort.visits["years"].iloc[1] == pytest.approx(509 / 365.25)


@pytest.mark.parametrize("given", ["study", "study/bids/sub-ADNI001S0001"])
def test_a_level_too_high_or_low_is_refused_with_the_right_one(tmp_path: Path, given: str) -> None:
    bids = clinica(tmp_path, "study/bids")
    with pytest.raises(UserError, match=rf"no folder sub-\*; did you mean {bids}\?"):
        read(tmp_path / "caps", bids=str(tmp_path / given))


def test_a_dataset_of_other_people_or_without_tables_is_refused(tmp_path: Path) -> None:
    bids = clinica(tmp_path)
    with pytest.raises(UserError, match=r"nothing to use in it, neither participants\.tsv"):
        read(tmp_path / "caps", bids=str(tmp_path / "caps" / "subjects"))
    (bids / "sub-ADNI001S0001").rename(bids / "sub-ADNI009S0009")
    with pytest.raises(UserError, match="none of the 1 participants, such as 001_S_0001, is in it"):
        read(tmp_path / "caps", bids=str(bids))


def test_people_and_sessions_that_the_dataset_lacks_are_counted(tmp_path: Path) -> None:
    bids = clinica(tmp_path)
    for subject, label in (("sub-ADNI001S0001", "M024"), ("sub-ADNI002S0002", "M000"),
                           ("sub-ADNI002S0002", "M012")):  # fmt: skip
        image = output(tmp_path / "caps", subject, label)
        image.parent.mkdir(parents=True)
        image.write_bytes(f"{subject}{label}".encode())
    cohort = read(tmp_path / "caps", bids=str(bids))
    assert cohort.visits["years"].tolist() == [0, 1, 2, 0, 1]  # no date of M024: labels
    assert cohort.notes[2:] == (
        "readers.caps.bids: 1 participants are not in it: their dates and covariates are not known",
        "readers.caps.bids: 1 sessions of the others are not in it: their dates and covariates are "
        "not known",
        "times from session labels (2 subjects)",
        "*_scans.tsv, column acq_time: not used, because a session has no value (1 subjects)",
        "sub-*_sessions.tsv has no row for 1 of the sessions with scans",
    )


def test_what_is_suggested_for_a_wrong_folder_can_be_used(tmp_path: Path) -> None:
    bids = clinica(tmp_path, "study/bids")
    other = tmp_path / "study" / "aaa" / "sub-1"
    other.mkdir(parents=True)
    (other / "sub-1_sessions.tsv").write_text("session_id\n")
    with pytest.raises(UserError, match=rf"did you mean {bids}\?"):
        read(tmp_path / "caps", bids=str(tmp_path / "study"))
    with pytest.raises(UserError, match=r"no folder sub-\*; give the root of the BIDS dataset"):
        read(tmp_path / "caps", bids=str(tmp_path / "caps"))
