import re
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.oasis2 import Oasis2
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

HEADER = "Subject ID,MRI ID,Group,Visit,MR Delay,M/F,Hand,Age,EDUC,SES,MMSE,CDR,eTIV,nWBV,ASF"


def analyze(path: Path, seed: int) -> Path:
    data = np.random.default_rng(seed).integers(0, 900, (8, 9, 8, 1)).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.AnalyzeImage(data, None), path)
    return path


def row(subject: str, number: int, delay: str, cdr: str = "0", **cells: str) -> str:
    group, sex, age = cells.get("group", "Converted"), cells.get("sex", "F"), cells.get("age", "76")
    return f"{subject},{subject}_MR{number},{group},{number},{delay},{sex},R,{age},12,,28,{cdr},,,"


@pytest.fixture
def oasis2(tmp_path: Path, study: tuple) -> Path:
    root, rows = tmp_path / "OASIS-2", [HEADER]
    for person in study:
        subject = f"OAS2_{person.number}"
        for number, day in enumerate(person.days, start=1):
            part = root / f"OAS2_RAW_PART{1 + number % 2}"
            for mpr in (1, 2):
                analyze(part / f"{subject}_MR{number}" / "RAW" / f"mpr-{mpr}.nifti.img", number)
            cdr = "0" if number == 1 else "0.5"
            rows.append(row(subject, number, str(day), cdr, sex=person.sex, age=str(person.age)))
    root.joinpath("oasis_longitudinal_demographics.csv").write_text("\n".join(rows) + "\n")
    return root


def read(root: Path, **settings: object) -> Cohort:
    return read_cohort(Oasis2, root, "x", settings)


def edit(root: Path, old: str, new: str) -> None:
    table = root / "oasis_longitudinal_demographics.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))


def test_is_the_same_study_as_bids(oasis2: Path, same_as_bids: Callable) -> None:
    same_as_bids(read(oasis2), lambda person: f"OAS2{person.number}")


def test_a_part_alone_is_read_with_the_table_beside_it(oasis2: Path) -> None:
    cohort = read(oasis2 / "OAS2_RAW_PART1")
    assert cohort.subjects == ["OAS2_4711"]  # the only one with two sessions in this part
    assert any("not on disk" in reason for reason in cohort.left_out["reason"])


def test_the_image_is_taken_that_tells_scans_apart_and_can_be_loaded(oasis2: Path) -> None:
    path = Path(read(oasis2).visits["path"].iloc[0])
    assert path.name == "mpr-1.nifti.img"
    assert nib.load(path).shape == (8, 9, 8, 1)
    assert read(oasis2, mpr=2).visits["path"].str.endswith("mpr-2.nifti.img").all()
    assert "mpr-1.nifti.img instead" in read(oasis2).left_out["detail"].iloc[0]


def test_the_final_group_is_no_covariate_and_the_visits_rating_is(oasis2: Path) -> None:
    visits = read(oasis2).visits
    assert set(visits["group"]) == {"CN"}  # of the source; "Converted" was only known later
    assert visits["diagnosis"].tolist()[:2] == ["CN", "CDR 0.5"]
    assert read(oasis2, cdr_half="MCI").visits["diagnosis"].iloc[1] == "MCI"
    assert visits["sex"].tolist()[:5] == ["F", "F", "F", "F", "M"]
    assert visits["education"].eq(12).all()
    assert visits["age"].iloc[3] == pytest.approx(71.2)


@pytest.mark.parametrize("delay", ["", "-1", "soon"])
def test_a_visit_without_a_time_is_left_out(oasis2: Path, delay: str) -> None:
    edit(oasis2, "4711_MR2,Converted,2,189", f"4711_MR2,Converted,2,{delay}")
    cohort = read(oasis2)
    assert len(cohort.visits) == 8
    listed = cohort.left_out.set_index("reason").loc["no time for its visit"]
    assert listed["visit"] == "MR2"
    assert f"'{delay}'" in listed["detail"]


def test_halves_duplicates_and_strays_are_named(oasis2: Path) -> None:
    session = oasis2 / "OAS2_RAW_PART1" / "OAS2_4711_MR2" / "RAW"
    for mpr in (1, 2):
        (session / f"mpr-{mpr}.nifti.hdr").unlink()
    (session / "OAS2_4711_MR2_3906-3.nifti.img").write_bytes(b"a stray copy")
    analyze(oasis2 / "OAS2_RAW_PART2" / "OAS2_4799_MR1" / "RAW" / "mpr-1.nifti.img", 0)
    edit(oasis2, HEADER, f"{HEADER}\n{row('OAS2_4711', 1, '0', sex='F', age='71.2')}")
    cohort = read(oasis2)
    listed = cohort.left_out.groupby("reason").size()
    assert listed["an image without its .hdr file"] == 2
    assert listed["on disk but not in the demographics table"] == 1
    assert not any("3906" in detail for detail in cohort.left_out["detail"])


def test_without_the_table_it_says_which(oasis2: Path) -> None:
    (oasis2 / "oasis_longitudinal_demographics.csv").unlink()
    with pytest.raises(UserError, match=re.escape("columns MRI ID and MR Delay")):
        read(oasis2)
    with pytest.raises(UserError, match="no such folder"):
        read(oasis2 / "nowhere")


def test_a_cell_that_cannot_be_read_is_told(oasis2: Path) -> None:
    """It is not the same as an empty one."""
    edit(oasis2, ",12,,28,", ",twelve,,28,")
    cohort = read(oasis2)
    assert "education" not in cohort.visits
    assert any("column educ: " in note and "such as 'twelve'" in note for note in cohort.notes)


def test_rows_of_one_session_that_contradict_each_other_are_reported(oasis2: Path) -> None:
    table = oasis2 / "oasis_longitudinal_demographics.csv"
    table.write_text(
        table.read_text() + row("OAS2_4712", 2, "700", "0.5", sex="M", age="66.0") + "\n"
    )
    cohort = read(oasis2)
    assert "OAS2_4712" not in cohort.subjects
    assert "column mr_delay: rows about the same thing differ in 1 case" in cohort.notes[-1]


def test_a_follow_up_of_a_century_is_left_out(oasis2: Path) -> None:
    edit(oasis2, "OAS2_4712_MR2,Converted,2,366", "OAS2_4712_MR2,Converted,2,36600")
    left_out = read(oasis2).left_out.set_index("reason")["detail"]
    assert "100 years from MR1 to MR2" in left_out["times that cannot be true"].iloc[0]


@pytest.mark.parametrize("spelled", ["oas2_4711_mr1", "sub-OAS24711_ses-MR1", "'OAS2_4711_MR01'"])
def test_sessions_are_compared_in_one_spelling(oasis2: Path, spelled: str) -> None:
    edit(oasis2, "OAS2_4711_MR1", spelled)
    assert len(read(oasis2).visits) == 9


def test_an_acquisition_that_no_session_has_is_told_if_it_was_named(oasis2: Path) -> None:
    note = "readers.oasis2.mpr=4: 9 of 9 sessions are without it"
    assert note in read(oasis2, mpr=4).notes
    assert not any("mpr" in note for note in read(oasis2, mpr=2).notes)


def test_a_part_that_is_not_mounted_is_told(oasis2: Path) -> None:
    (oasis2 / "OAS2_RAW_PART3").symlink_to("/no/such/disk")
    (oasis2 / "OAS2_9999_MR1").symlink_to("/no/such/disk")
    cohort = read(oasis2)
    assert any("OAS2_RAW_PART3 is not read: a link to /no" in note for note in cohort.notes)
    lost = cohort.left_out.set_index("subject").loc["OAS2_9999"]
    assert lost["reason"] == "listed but not on disk"
    assert "mount or restore it" in lost["detail"]
