"""Which file has which pair: manifests, CSV files and patterns, and their errors."""

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.predictions import find_predictions, join_pairs

PAIRS = pd.DataFrame(
    [("001", "M012", 1.0), ("001", "M024", 2.0), ("002", "M012", 1.0)],
    columns=["subject", "visit", "interval_years"],
)

COMPLETE = [f"sub-{row.subject}_{row.visit}.nii" for row in PAIRS.itertuples()]


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def keys(table: pd.DataFrame) -> list[tuple[str, str, int]]:
    return sorted(table[["subject", "visit", "sample"]].itertuples(index=False, name=None))


def test_names_that_follow_a_pattern(tmp_path: Path) -> None:
    files(tmp_path, "sub-001_M012.nii.gz", "sub-001_M024.nii.gz", "sub-002_M012.nii.gz", "log.txt")
    found = find_predictions(tmp_path, "sub-{subject}_{visit}.nii.gz")
    assert keys(found.table) == [("001", "M012", 0), ("001", "M024", 0), ("002", "M012", 0)]
    assert len(join_pairs(found, PAIRS)) == 3


def test_what_systems_write_beside_volumes_is_no_volume(tmp_path: Path) -> None:
    files(tmp_path, *COMPLETE, *(f"._{name}" for name in COMPLETE), f"__MACOSX/{COMPLETE[0]}")
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(find_predictions(tmp_path, "sub-{subject}_{visit}.nii").table) == 3


def test_a_manifest_that_is_not_on_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").symlink_to(".git/annex/objects/x/manifest.csv")
    for place in (tmp_path, tmp_path / "manifest.csv"):
        with pytest.raises(UserError, match=r"manifest\.csv: .* git annex get manifest\.csv"):
            find_predictions(place)


def test_a_pattern_of_folders_and_samples(tmp_path: Path) -> None:
    files(tmp_path, "001/M012/sample-0.nii", "001/M012/sample-1.nii")
    found = find_predictions(tmp_path, "{subject}/{visit}/sample-{sample}.nii")
    assert keys(found.table) == [("001", "M012", 0), ("001", "M012", 1)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{subject}.nii", "needs {subject} and {visit}"),
        ("{subject}_{visit}_{seed}.nii", "needs {subject} and {visit}"),
        ("{subject}_{visit}.mgz", "no file is named .*; there is other.nii.gz"),
        ("sub-{subject}_{visit}.nii.gz", r"1 volume\(s\) are not named .* such as other.nii.gz"),
    ],
)
def test_a_pattern_that_does_not_match_is_an_error(
    tmp_path: Path, pattern: str, message: str
) -> None:
    files(tmp_path, "sub-001_M012.nii.gz", "other.nii.gz")
    with pytest.raises(UserError, match=message):
        find_predictions(tmp_path, pattern)


def test_a_csv_file_names_files_relative_to_itself(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("subject,visit,generated\nsub-001,M012,volumes/a.nii\n")
    found = find_predictions(listed)
    assert found.path("volumes/a.nii") == tmp_path / "volumes" / "a.nii"
    assert keys(found.table) == [("001", "M012", 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,visit,generated\n", "lists no volume"),
        ("subject,visit\n1,M012\n", "column generated is missing; found subject, visit"),
        ("subject,visit,generated\n1,,a.nii\n", "row 2: column visit is empty"),
        ("subject,visit,generated\n1,M1,a.nii\nsub-1,M1,b.nii\n", "is listed twice"),
    ],
)
def test_a_wrong_list_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(text)
    with pytest.raises(UserError, match=message):
        find_predictions(listed)


def test_an_empty_folder_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest.*--pattern"):
        find_predictions(tmp_path)
    with pytest.raises(UserError, match="no such folder or CSV file"):
        find_predictions(tmp_path / "none")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sub-001_M012.nii"], "subject 001, visit M024 is missing"),
        (
            [*COMPLETE, "sub-001_M099.nii"],
            "visit M099 is not a pair of this protocol; the subject's visits are M012, M024",
        ),
        (
            [*COMPLETE, "sub-9_M012.nii"],
            "one of its subjects is 001",
        ),
    ],
)
def test_volumes_and_pairs_must_be_the_same(tmp_path: Path, names: list[str], message: str) -> None:
    files(tmp_path, *names)
    with pytest.raises(UserError, match=message):
        join_pairs(find_predictions(tmp_path, "sub-{subject}_{visit}.nii"), PAIRS)


@pytest.mark.parametrize("name", ["x/../..", "a\nb", "=cmd()", "\x1b", "a" * 300])
@pytest.mark.parametrize("column", ["subject", "visit"])
def test_a_name_outside_of_the_rule_is_refused_with_its_row(
    tmp_path: Path, column: str, name: str
) -> None:
    row = {"subject": "s", "visit": "v", "generated": "a.nii", column: name}
    pd.DataFrame([row]).to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match=rf"manifest.csv, row 2: {column} '.*; use another one"):
        find_predictions(tmp_path)


def test_a_name_in_a_files_name_is_refused_with_the_file(tmp_path: Path) -> None:
    files(tmp_path, "=1_M012.nii")
    with pytest.raises(UserError, match=r"=1_M012.nii: subject '=1' begins with '='"):
        find_predictions(tmp_path, "{subject}_{visit}.nii")


def test_names_are_compared_in_one_spelling(tmp_path: Path) -> None:
    row = {"subject": "sub-e\u0301", "visit": "1/2/2006 ", "generated": "a.nii"}
    pd.DataFrame([row]).to_csv(tmp_path / "manifest.csv", index=False)
    assert keys(find_predictions(tmp_path).table) == [("é", "1-2-2006", 0)]


def test_a_sample_of_too_many_digits_is_refused(tmp_path: Path) -> None:
    row = {"subject": "s", "visit": "v", "sample": "9" * 30, "generated": "a.nii"}
    pd.DataFrame([row]).to_csv(tmp_path / "manifest.csv", index=False)
    with pytest.raises(UserError, match="is not a whole number below a million"):
        find_predictions(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "subject,visit,generated\nsub-001,ses-M012,a.nii\nsub-001,ses-M024,b.nii\n002,M012,c.nii\n",
        "subject, visit, generated\n001, M012, a.nii\n001, M024, b.nii\n002, M012, c.nii\n",
        "subject;visit;generated\r\n001;M012;.\\a.nii\r\n001;M024;b.nii\r\n002;M012;.\\c.nii\r\n",
        "Subject\tVisit\tGenerated\n001\tM012\ta.nii\n001\tM024\tb.nii\n002\tM012\tc.nii\n",
    ],
    ids=["prefixes", "spaces", "semicolons and backslashes", "tabs"],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_manifest_as_programs_write_it(tmp_path: Path, text: str, encoding: str) -> None:
    files(tmp_path, "a.nii", "b.nii", "c.nii")
    (tmp_path / "manifest.csv").write_bytes(text.encode(encoding))
    found = find_predictions(tmp_path)
    joined = join_pairs(found, PAIRS)
    assert [found.path(name).is_file() for name in joined["generated"]] == [True] * 3
    assert joined["interval_years"].tolist() == [1.0, 2.0, 1.0]


def test_labels_of_visits_keep_the_spelling_of_the_pairs(tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("subject,visit,generated\n001,M012,a.nii\n")
    pairs = PAIRS[:1].assign(visit="ses-M012")
    assert join_pairs(find_predictions(listed), pairs)["visit"].tolist() == ["ses-M012"]


@pytest.mark.parametrize("name", ["a.mgz", "A.NPY", "a.nrrd"])
def test_a_volume_of_another_format_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text(f"subject,visit,generated\n001,M012,{name}\n")
    with pytest.raises(UserError, match=r"row 2: .* is no NIfTI file; .*nibabel.*mri_convert"):
        find_predictions(listed)


def test_a_manifest_from_a_spreadsheet(tmp_path: Path) -> None:
    """Another sheet before it, samples as decimals, another ending than the folder's manifest."""
    book = openpyxl.Workbook()
    book.active.append(["about", "date"])
    book.active.append(["x", "y"])
    sheet = book.create_sheet("list")
    sheet.append(["subject", "visit", "sample", "generated"])
    sheet.append(["001", "M012", "1.0", "a.nii"])
    book.save(tmp_path / "manifest.xlsx")
    assert keys(find_predictions(tmp_path / "manifest.xlsx").table) == [("001", "M012", 1)]
    with pytest.raises(UserError, match=r"no manifest; give .*manifest\.xlsx itself"):
        find_predictions(tmp_path)
