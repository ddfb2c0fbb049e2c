"""Tables made by hand: one message lists all that is missing, with the options that solve it."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import yaml

from longibench.benchmark.cohorts.open_cohort import read_cohort, recognise
from longibench.benchmark.cohorts.parsing.problems import option
from longibench.benchmark.cohorts.readers.table import Table
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings

OPTION = re.compile(r"--set (?:'([^']+)'|(\S+))")


def read(table: Path, /, **settings: object) -> Cohort:
    return read_cohort(Table, table, "x", settings)


def advised(message: str) -> dict:
    """Settings from the options that a message proposes."""
    options = [quoted or plain for quoted, plain in OPTION.findall(message)]
    return load_settings("demo", options).readers["table"]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A table of rows, beside the files a.nii to d.nii."""

    def write(*rows: str, encoding: str = "utf-8", name: str = "t.csv") -> Path:
        for letter in "abcd":
            (tmp_path / f"{letter}.nii").write_text(letter)
        (tmp_path / name).write_bytes("\r\n".join([*rows, ""]).encode(encoding))
        return tmp_path / name

    return write


MESSY = (
    "Export vom 3.1.2020;;;;;",
    "Probanden-ID;Geburtsdatum;Untersuchungsdatum;Datei;Alter;Geschlecht;MMSE;",
    "Mü1;01.05.1948;03.02.2019;.\\a.nii;70,5;1;29;",
    "Mü1;01.05.1948;14.02.2020;.\\b.nii;71,5;1;n.d.;",
    ";;;;;;;",
    "Jo2;02.06.1929;05.03.2019; c.nii ;89+;2;28,5;",
    "Jo2;02.06.1929;06.03.2020 10:30;d.nii;90,5;2;27;",
    ";;07.07.2020;x.nii;;;;",
)


def test_a_messy_table_takes_two_commands(make: Callable) -> None:
    """One lists all that is missing and the options; with these the other works."""
    table = make(*MESSY, encoding="latin-1")
    with pytest.raises(UserError) as error:
        read(table)
    message = str(error.value)
    for expected in (
        "4 things to set or to correct; it has probanden_id, geburtsdatum, ",
        "(1) no column for the subject was found.",
        "--set readers.table.subject=probanden_id",
        "--set readers.table.path=datei",
        "--set readers.table.time=untersuchungsdatum --set readers.table.unit=date",
        "'03.02.2019' needs its format",
        """--set 'readers.table.date_format="%d.%m.%Y"' makes it 2019-02-03""",
        "note: 1 of 5 files do not exist, such as row 8: ",
        "note: rows without a subject are left out: 8",
        "--set readers.table.codes.sex=1=M,2=F",
    ):
        assert expected in message, message
    cohort = read(table, **advised(message))
    visits = cohort.visits
    assert cohort.subjects == ["Jo2", "Mü1"]
    assert visits["years"].tolist() == pytest.approx([0, 367 / 365.25, 0, 376 / 365.25])
    assert visits["age"].tolist() == [89, 89, 70.5, 70.5]
    assert visits["sex"].tolist() == ["F", "F", "M", "M"]
    assert visits["mmse"].tolist()[:3] == [28.5, 27, 29]
    assert cohort.left_out["reason"].tolist() == ["a row without a subject"]
    assert cohort.notes == (
        "t.csv: time from its column untersuchungsdatum, read as date",
        "t.csv: not UTF-8; read as Windows' cp1252 (if letters look wrong, save it as CSV UTF-8)",
        "t.csv: its header is in row 2",
        "t.csv, column mmse: 1 cell cannot be read and count as missing, such as 'n.d.' in row 4",
        "t.csv, column alter: 1 cell read as the lower bound, such as '89+' in row 6",
    )


@pytest.mark.parametrize(
    ("header", "first", "second", "age"),
    [
        ("subject;path;days;age", "1;a.nii;0;70,5", "1;b.nii;365;71,5", 70.5),
        ("subject\tpath\tdays\tage", "1\ta.nii\t0\t70,5", "1\tb.nii\t365\t71,5", 70.5),
        ("subject\tpath\tage", "1\ta.nii\t70,5", "1\tb.nii\t71,5", 70.5),
        ("subject, path, days, age", "1, a.nii, 0, 70.5", "1, b.nii, 365, >71", 70.5),
        (",subject,path,days,age", "0,1.0,a.nii,0,89+", "1,1.0,b.nii,365,90+", 89),
    ],
)
def test_tables_of_programs_are_read_rightly(
    make: Callable, header: str, first: str, second: str, age: float
) -> None:
    cohort = read(make(header, first, second))
    assert cohort.visits["age"].tolist() == [age] * 2
    assert cohort.visits["years"].iloc[1] == pytest.approx(1, abs=1e-3)
    assert cohort.subjects == ["1"]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (("03.02.2019", "04.02.2020"), r"2 possible formats.*%d.*2019-02-03, or .*%m.*2019-03-02"),
        (("13/2/2019", "14/2/2020"), r"'13/2/2019' needs its format.*%d/%m/%Y.*2019-02-13"),
        (("03.02.2019", "spring"), r"(?s)fit 1 of 2 .*row 3, column date: 'spring'"),
        (("40666", "41031"), r"'40666' in row 2 is Excel's number of a day; .*--set .*unit=days"),
        (("2019-02-03", "4.2.20"), r"row 3, column date: '4.2.20'.*year with four digits"),
        (("spring", "summer"), r"(?s)row 2, column date: 'spring'.*also .*'summer' in row 3"),
    ],
)
def test_dates_of_another_format_are_refused_with_the_option(
    make: Callable, rows: tuple[str, str], match: str
) -> None:
    table = make("subject,path,date", f"1,a.nii,{rows[0]}", f"1,b.nii,{rows[1]}")
    with pytest.raises(UserError, match=match):
        read(table)


def test_what_the_message_about_excels_days_advises_works(make: Callable) -> None:
    table = make("subject,path,date", "1,a.nii,40666", "1,b.nii,41031")
    with pytest.raises(UserError) as error:
        read(table)
    cohort = read(table, time="date", **advised(str(error.value)))
    assert cohort.visits["years"].iloc[1] == pytest.approx(365 / 365.25)


def test_slashes_whose_order_is_not_certain_are_noted(make: Callable) -> None:
    table = make("subject,path,date", "1,a.nii,3/2/2019", "1,b.nii,4/2/2020")
    note = read(table).notes[0]
    assert "read as date, month/day/year; if they are day/month/year: --set " in note
    assert read(table, **advised(note)).visits["years"].iloc[1] == pytest.approx(366 / 365.25)


@pytest.mark.parametrize("style", ["%d.%m.%y", "%d.%m", "%Q", "DD.MM.YYYY"])
def test_a_format_without_a_full_date_is_refused(make: Callable, style: str) -> None:
    table = make("subject,path,date", "1,a.nii,03.02.2019")
    with pytest.raises(UserError, match=r"readers\.table\.date_format.*%d\.%m\.%Y"):
        read(table, date_format=style)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (
            ("001,a.nii,0,F", "1,b.nii,9,F"),
            r"subjects 001 \(row 2\) and 1 \(row 3\) are one number",
        ),
        (("1,a.mgz,0,F", "1,b.mgz,9,F"), r"row 2: a.mgz is not read; .*mri_convert"),
        (("1,x.nii,0,F", "1,y.nii,9,F"), r"2 of 2 files do not exist.*--set readers.table.root="),
        (("A\ufffd,a.nii,0,F", "1,b.nii,9,F"), "row 2: subject .* lost a letter"),
        (("1,a.nii,0,1", "1,b.nii,soon,2"), r"(?s)\(1\) row 3, column days: 'soon'.*\(2\).*codes"),
        (("1,a.nii,0,3", "1,b.nii,9,2"), r"codes.sex=2=M,3=F, or omit .*; its values: 2, 3"),
    ],
)
def test_cells_that_decide_are_checked_together(
    make: Callable, rows: tuple[str, str], match: str
) -> None:
    with pytest.raises(UserError, match=match):
        read(make("subject,path,days,sex", *rows))


def test_a_hidden_age_is_no_time(make: Callable) -> None:
    table = make("subject,path,age", "1,a.nii,88.5", "1,b.nii,89+")
    with pytest.raises(UserError, match=r"row 3, column age: '89\+' is a lower bound, not a time"):
        read(table)


def test_an_ambiguous_comma_is_not_guessed(make: Callable) -> None:
    table = make("subject;path;years", "1;a.nii;0", "1;b.nii;1,234")
    with pytest.raises(
        UserError, match=r"column years: '1,234' may be 1234 or 1.2340; write it so"
    ):
        read(table)
    table = make("subject;path;days", "1;a.nii;0", "1;b.nii;1.234", "1;c.nii;500")
    with pytest.raises(UserError, match=r"column days: '1.234' may be 1234 or 1.2340; write it so"):
        read(table)
    table = make("subject;path;days", "1;a.nii;0", "1;b.nii;1.2340", "1;c.nii;500")
    assert read(table).visits["years"].iloc[1] == pytest.approx(1.234 / 365.25)
    table = make("subject;path;years", "1;a.nii;0", "1;b.nii;1,234", "1;c.nii;2,5")
    assert read(table).visits["years"].tolist() == pytest.approx([0, 1.234, 2.5])


def test_unreadable_covariates_are_reported_and_empty_ones_are_not(make: Callable) -> None:
    table = make("subject,path,days,sex,mmse", "1,a.nii,0,x,n.d.", "1,b.nii,9,,-4")
    assert read(table).notes[1:] == (
        "t.csv, column sex: 1 cell cannot be read and count as missing, such as 'x' in row 2",
        "t.csv, column mmse: 1 cell cannot be read and count as missing, such as 'n.d.' in row 2",
    )


def test_two_columns_of_one_name_are_refused_where_they_are_used(make: Callable) -> None:
    table = make("subject,path,days,note,Note,Days", "1,a.nii,0,x,y,1", "1,b.nii,9,,,2")
    with pytest.raises(UserError, match=r"two columns days differ; rename or remove one of them$"):
        read(table)


def test_a_workbook_with_several_sheets(make: Callable, tmp_path: Path) -> None:
    make()
    book = openpyxl.Workbook()
    book.active.append(["name", "phone"])
    book.active.append(["a", "b"])
    sheet = book.create_sheet("MRI")
    for row in (["Subject", "Visit", "Path", "Days"], [1, "ses-M0", "a.nii", 0]):
        sheet.append(row)
    sheet.append([1, "ses-M12", "b.nii", 365])
    book.save(tmp_path / "t.xlsx")
    cohort = read(tmp_path / "t.xlsx")
    assert cohort.visits["visit"].tolist() == ["M0", "M12"]
    assert "t.xlsx: sheet MRI is read, not Sheet" in cohort.notes


@pytest.mark.parametrize("name", ["t.sav", "t.ods", "t.json"])
def test_auto_names_the_remedy_for_other_formats(make: Callable, name: str) -> None:
    table = make("{}", name=name)
    assert recognise(table)[0] is Table
    with pytest.raises(UserError, match="save it as CSV"):
        read(table)


def test_names_without_their_ending_get_a_template(make: Callable) -> None:
    table = make("subject,file,days", "1,a,0", "1,b,365")
    with pytest.raises(UserError, match="2 of 2 files do not exist") as error:
        read(table)
    assert len(read(table, **advised(str(error.value))).visits) == 2


def test_accents_of_file_names_may_be_written_as_macos_does(make: Callable) -> None:
    table = make("subject,file,days", "1,M\u00fc.nii,0", "1,b.nii,365")
    (table.parent / "Mu\u0308.nii").touch()
    assert len(read(table).visits) == 2


def test_numbers_of_rows_are_no_subjects(make: Callable) -> None:
    table = make("id,patient,path,days", "1,x,a.nii,0", "2,x,b.nii,365")
    with pytest.raises(UserError, match="another subject in each row") as error:
        read(table)
    assert read(table, **advised(str(error.value))).subjects == ["x"]


def test_a_large_table_sorted_by_visit_has_persons(make: Callable) -> None:
    """The first hundreds of rows are of different people: it is no list of row numbers."""
    visits = [(person, days) for days in (0, 365) for person in range(250)]
    files = [f"p{who},s{who % 3},{n}.nii,{days}" for n, (who, days) in enumerate(visits)]
    table = make("subject,site_id,path,days", *files)
    for number in range(len(files)):
        (table.parent / f"{number}.nii").write_text(str(number))
    assert len(read(table).subjects) == 250


@pytest.mark.parametrize("cell", ["n/a", "nan", ""])
def test_a_visit_without_a_label_has_its_time_as_one(make: Callable, cell: str) -> None:
    table = make("subject,visit,path,days", f"x,{cell},a.nii,0", f"x,{cell},b.nii,365")
    assert read(table).visits["visit"].tolist() == ["0", "365"]


def test_an_option_is_quoted_for_the_shell(make: Callable) -> None:
    assert option("k", "datei") == "--set k=datei"
    for value in ("it's {a}.nii", "12", "true", 'a"b', "$HOME x"):
        _, text = shlex.split(option("k", value))
        assert yaml.safe_load(text.partition("=")[2]) == value
