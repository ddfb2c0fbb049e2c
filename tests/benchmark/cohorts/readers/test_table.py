import re
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort
from longibench.benchmark.cohorts.readers.table import Table
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings


def read(table: Path, /, **settings: object) -> Cohort:
    return read_cohort(Table, table, "x", settings)


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., Path]:
    """A table of two visits of one subject, whose files exist."""

    def make(header: str, first: str, second: str) -> Path:
        for name in ("a.nii", "b.nii"):
            (tmp_path / name).write_bytes(name.encode())
        rows = (f"subject,path,{header}", f"s1,a.nii,{first}", f"s1,b.nii,{second}")
        return write(tmp_path / "t.csv", *rows)

    return make


@pytest.fixture
def climb(tmp_path: Path, study: tuple, write_image: Callable[[Path, int], Path]) -> Path:
    """One row a month, with or without an MRI; files <PTID>/visit_<month>_MRI.nii."""
    rows = ["PTID,EXAMDATE,DX_bl,AGE,PTGENDER,PTEDUCAT,APOE4,MMSE,DX,Month,MRI"]
    for person in study:
        subject = f"002_S_{person.number}"
        for number, when in enumerate(person.dates()):
            write_image(tmp_path / "data" / subject / f"visit_{12 * number:03d}_MRI.nii", number)
            date = f"{when.month}/{when.day}/{when.year}"
            known = f"{person.group},{person.age + number},{person.sex}emale,16,1,29,CN"
            known = known.replace("Memale", "Male")
            rows.append(f"{subject},{date},{known},{12 * number},1")
        rows.append(f"{subject},8/1/2026,CN,,,,,,,240,0")
    return write(tmp_path / "climb.csv", *rows)


CLIMB = {"path": "{PTID}/visit_{Month:03d}_MRI.nii", "root": "data"}


@pytest.fixture
def brlp(tmp_path: Path, study: tuple, write_image: Callable[[Path, int], Path]) -> Path:
    """BrLP's dataset.csv: ages and diagnoses as numbers between 0 and 1."""
    rows = ["subject_id,image_uid,split,sex,age,diagnosis,last_diagnosis,image_path,segm_path"]
    for person in study:
        for number, day in enumerate(person.days):
            image = write_image(tmp_path / f"{person.number}-{number}.nii.gz", number)
            age = (person.age + day / 365.25) / 100
            sex = 1 if person.sex == "F" else 0
            diagnosis = {"CN": 0, "MCI": 0.5, "AD": 1}[person.group]
            known = f"train,{sex},{age:.9f},{diagnosis},1,{image},"
            rows.append(f"002_S_{person.number},I{number},{known}")
    return write(tmp_path / "dataset.csv", *rows)


BRLP = {
    "age_unit": 100,
    "codes": {"sex": "0=M,1=F", "diagnosis": "0=CN,0.5=MCI,1=AD"},
    "done": ["bias", "brain", "registration"],
    "space": "MNI152",
}


def test_climb_is_the_same_study_as_bids(climb: Path, same_as_bids: Callable) -> None:
    cohort = read(climb, **CLIMB)
    same_as_bids(cohort, lambda person: f"002_S_{person.number}")
    assert cohort.visits["group"].tolist()[:5] == ["CN", "CN", "CN", "CN", "MCI"]
    assert cohort.visits["age"].iloc[3] == pytest.approx(71.2)  # of the first visit
    assert cohort.notes == ("climb.csv: time from its column examdate, read as date",)


def test_rows_without_an_mri_are_left_out_by_their_number(climb: Path) -> None:
    left_out = read(climb, **CLIMB).left_out
    assert set(left_out["reason"]) == {"listed but not on disk"}
    assert "climb.csv, row 6: " in left_out["detail"].iloc[0]


def test_brlp_is_the_same_study_as_bids(brlp: Path, same_as_bids: Callable) -> None:
    cohort = read(brlp, **BRLP)
    same_as_bids(cohort, lambda person: f"002_S_{person.number}")
    assert cohort.visits["age"].iloc[0] == pytest.approx(71.2)
    assert cohort.visits["sex"].iloc[4] == "M"
    assert cohort.visits["diagnosis"].iloc[4] == "MCI"
    assert cohort.done == {"bias", "brain", "registration"}
    assert cohort.space == "MNI152"


def test_settings_of_both_can_be_written_on_the_command_line(climb: Path, brlp: Path) -> None:
    settings = load_settings(
        "demo",
        [
            'readers.table.path="{PTID}/visit_{Month:03d}_MRI.nii"',
            "readers.table.codes.sex=0=M,1=F",
            "readers.table.codes.diagnosis=0=CN,0.5=MCI,1=AD",
            "readers.table.covariates.group=",
        ],
    ).readers["table"]
    assert settings["path"] == CLIMB["path"]
    assert settings["codes"] == BRLP["codes"]
    given = {**settings, "root": "data", "codes": {}}
    assert read(climb, **given).visits["group"].iloc[0] == "CN"  # the diagnosis at the source


@pytest.mark.parametrize(
    ("header", "first", "second", "years"),
    [
        ("days", "0", "203", 203 / 365.25),
        ("Scan Date", "11/2/2006", "11/2/2007", 365 / 365.25),
        ("date", "2006-11-02 08:16:44", "20071102", 365 / 365.25),
        ("Month", "6", "24", 1.5),
        ("years", "0", "4.25", 4.25),
        ("age", "70.1", "71.6", 1.5),
        ("days,date", ",2006-11-02", ",2007-11-02", 365 / 365.25),  # an empty column is passed by
    ],
)
def test_time_is_found_by_common_spellings(
    pair: Callable, header: str, first: str, second: str, years: float
) -> None:
    visits = read(pair(header, first, second)).visits
    assert visits["years"].tolist() == pytest.approx([0, years], abs=1e-6)


def test_a_column_of_any_name_needs_its_unit(pair: Callable) -> None:
    table = pair("when", "0", "18")
    missing = r"no column of visit times was found.* it has subject, path, when"
    with pytest.raises(UserError, match=missing):
        read(table)
    unclear = r"the unit of when is not known\. Set readers\.table\.unit: date"
    with pytest.raises(UserError, match=unclear):
        read(table, time="when")
    assert read(table, time="When", unit="months").visits["years"].iloc[1] == 1.5


@pytest.mark.parametrize(
    ("header", "first", "second", "match"),
    [
        ("days", "0", "-203", r"row 3, column days: '-203': days must be a number from 0 on"),
        ("months", "0", "m06", r"row 3, column months: 'm06'"),
        ("date", "2006-11-02", "31/12/2007", r"row 3, column date: .*slashes are month/day/year"),
        ("age", "0.71", "0.72", r"the largest age in column age is 0\.72; set it to 100"),
        ("days,sex", "0,1", "9,1", r"row 2, column sex: '1' is a code\. .*codes\.sex=0=M,1=F"),
        ("days,dx", "0,1", "9,1", r"'1' is a code.*covariates\.diagnosis="),
    ],
)
def test_what_could_mean_two_things_is_refused(
    pair: Callable, header: str, first: str, second: str, match: str
) -> None:
    with pytest.raises(UserError, match=match):
        read(pair(header, first, second))


def test_codes_that_nobody_explained_can_be_left_out(pair: Callable) -> None:
    table = pair("days,sex", "0,1", "9,1")
    assert "sex" not in read(table, covariates={"sex": None}).visits
    assert set(read(table, codes={"sex": "1=F,2=M"}).visits["sex"]) == {"F"}


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"codes": {"sex": "2=F"}}, "'1' is not among readers.table.codes.sex: 2"),
        ({"codes": {"sex": "1"}}, "write it as code=value,code=value"),
        ({"codes": {"sex": "1=woman?"}}, "the values of sex are F and M"),
        ({"codes": {"sexe": "1=F"}}, "Did you mean 'sex'"),
        ({"covariates": {"agee": "sex"}}, "Did you mean 'age'"),
        ({"covariates": {"age": "sxe"}}, "Did you mean 'sex'"),
        ({"subject": "subjcet"}, "Did you mean 'subject'"),
        ({"time": "dayz"}, "Did you mean 'days'"),
        ({"path": "{subjet}.nii"}, "unknown placeholder .*Did you mean 'subject'"),
        ({"path": "{subject.name}.nii"}, "unknown placeholder .*'subject.name'"),
        ({"path": "{subject!r}.nii"}, "unknown placeholder"),
        ({"path": "{subject:qq}.nii"}, "'qq' is no format for subject"),
        ({"path": "{subject:03d}.nii"}, "row 2, column subject: 's1' does not fit :03d"),
        ({"path": "{subject.nii"}, "expected '}'"),
        ({"age_unit": 0}, "readers.table.age_unit"),
    ],
)
def test_settings_that_do_not_fit_are_named(pair: Callable, settings: dict, match: str) -> None:
    with pytest.raises(UserError, match=match):
        read(pair("days,sex", "0,1", "9,1"), **settings)


def test_rows_that_say_too_little_are_left_out(pair: Callable) -> None:
    table = pair("visit,date,mmse", "bl,2006-11-02,-1", "m12,11/2/2007,28")
    table.write_text(table.read_text() + "s1,,m24,2008-11-02,\n,b.nii,m24,2008-11-02,\n")
    table.write_text(table.read_text() + "s1,a.nii,m36,-4,\ns1,a.nii,bl,2006-11-02,-1\n")
    cohort = read(table)
    assert cohort.visits["visit"].tolist() == ["bl", "m12"]
    assert cohort.visits["mmse"].isna().tolist() == [True, False]
    assert cohort.left_out["reason"].tolist() == [
        "no file named", "a row without a subject", "no time for its visit", "listed twice",
    ]  # fmt: skip


def test_one_person_in_two_spellings_is_one(pair: Callable) -> None:
    table = pair("days", "0", "365")
    text = table.read_text().replace("s1,a", "002_S_0295,a").replace("s1,b", "sub-ADNI002S0295,b")
    table.write_text(text)
    assert read(table).subjects == ["002_S_0295"]


def test_one_file_under_two_subjects_is_refused(pair: Callable) -> None:
    table = pair("days", "0", "365")
    table.write_text(table.read_text() + "s2,../" + table.parent.name + "/b.nii,0\n")
    with pytest.raises(UserError, match=r"b\.nii is listed under two subjects, s1 and s2"):
        read(table)


def test_a_follow_up_before_its_source_is_refused(pair: Callable) -> None:
    table = pair("visit,date", "m12,2006-11-02", "bl,2007-11-02")
    with pytest.raises(UserError, match="a follow-up would come before its source"):
        read(table)


def test_missing_and_empty_tables(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        read(tmp_path / "t.csv")
    with pytest.raises(UserError, match="it is empty"):
        read(write(tmp_path / "t.csv", ""))
    with pytest.raises(UserError, match="has no rows"):
        read(write(tmp_path / "t.csv", "subject,path,days"))
    (tmp_path / "a.nii").touch()
    with pytest.raises(UserError, match=re.escape("Set readers.table.subject; it has path, days")):
        read(write(tmp_path / "t.csv", "path,days", "a.nii,1"))


def test_what_the_settings_say_of_the_scans_goes_with_the_cohort(pair: Callable) -> None:
    table = pair("days", "0", "365")
    cohort = read(table, done=["brain"], space="MNI152", shareable=True)
    assert (cohort.done, cohort.space, cohort.shareable, cohort.axes) == (
        frozenset({"brain"}),
        "MNI152",
        True,
        "",
    )


def test_visits_without_a_label_are_told_apart_by_their_time(pair: Callable) -> None:
    visits = read(pair("visit,days", ",0", ",365")).visits
    assert visits["visit"].tolist() == ["0", "365"]


GIVES_WAY = {
    "equal dates": ("date,months", "2010-01-05,0", "2010-01-05,12", "0 subjects have times"),
    "one is missing": ("date,months", "2010-01-05,0", ",12", "0 subjects have times"),
    "a century": ("date,months", "1915-01-05,0", "2016-01-05,12", "0 subjects have times"),
    "a date before MRI": ("date,months", "1975-01-05,0", "1985-01-05,12", "0 subjects have times"),
    "only years": ("date,months", "2010-01-01,0", "2012-01-01,12", "every date is 1 January"),
    "days of nothing": ("days,age", "0,70.5", "0,71.5", "0 subjects have times"),
}


@pytest.mark.parametrize("name", GIVES_WAY)
def test_a_column_of_times_that_cannot_be_true_gives_way(pair: Callable, name: str) -> None:
    *rows, why = GIVES_WAY[name]
    cohort = read(pair(*rows))
    assert cohort.visits["years"].tolist() == pytest.approx([0, 1])
    column = rows[0].partition(",")[0]
    assert any(f"column {column} is not used: {why}" in note for note in cohort.notes)


def test_a_column_that_the_user_named_does_not_give_way(pair: Callable) -> None:
    table = pair("date,months", "2010-01-05,0", "2010-01-05,12")
    with pytest.raises(UserError, match=r"column date \(readers.table.time\): no subject has"):
        read(table, time="date")


def test_dates_of_most_subjects_are_kept(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.nii").write_bytes(name.encode())
    rows = [f"s{n // 2},{name}.nii,2010-0{1 + (n % 2) * (n < 4)}-05,{12 * (n % 2)}"
            for n, name in enumerate("abcdef")]  # fmt: skip
    cohort = read(write(tmp_path / "t.csv", "subject,path,date,months", *rows))
    assert cohort.subjects == ["s0", "s1"]
    assert cohort.visits["years"].iloc[1] == pytest.approx(31 / 365.25)


def test_ages_in_months_or_days_are_refused_with_the_unit(pair: Callable) -> None:
    table = pair("age", "840", "852")
    with pytest.raises(UserError, match=r"smallest age .* 840; set it to 0\.083333 if .* months"):
        read(table)
    assert read(table, age_unit=0.083333).visits["age"].tolist() == pytest.approx([70, 70], 1e-4)


def test_settings_of_covariates_without_a_column_are_told(pair: Callable) -> None:
    table = pair("days", "0", "365")
    notes = read(table, codes={"sex": "0=M,1=F"}, age_unit=100).notes
    for setting, name in (("codes.sex", "sex"), ("age_unit", "age")):
        text = f"t.csv: readers.table.{setting} is not used: no column of {name} was found"
        assert text in notes
