from pathlib import Path

import pytest

from longibench.benchmark.cohorts.parsing.tables import read_records
from longibench.benchmark.core.errors import UserError

MESSY = '\ufeffSubject ID, Image-Data  ID ,note\r\n a ,I1,"x, ""y""\nz"\r\n\r\nb,I2\r\na,I3,,\r\n'


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """A BOM, headers of several spellings, quotes, a blank line, a short and a long row."""
    path = tmp_path / "study.csv"
    path.write_text(MESSY, newline="")
    return path


def test_cells_are_plain_text_whatever_the_file_looks_like(messy: Path) -> None:
    columns, rows = read_records(messy, "subject_id", "image_data_id")
    assert columns == ["subject_id", "image_data_id", "note"]
    cells = [("a", "I1", 'x, "y"\nz'), ("b", "I2", ""), ("a", "I3", "")]
    assert rows == [dict(zip(columns, line, strict=True)) for line in cells]


def test_tabs_and_repeated_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("id\tage\tAge\nx\t70, about\t3\n")
    assert read_records(path) == (["id", "age"], [{"id": "x", "age": "70, about"}])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "a.csv: cannot be read as a table: it is empty"),
        ("id,b\nx,1\ny,1,2\n", "line 3: 3 cells under 2 columns"),
        ('id,b\nx,"1\n', "a.csv: cannot be read as a table"),
        ("name,b\nx,1\n", "has no column id; it has name, b"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=match):
        read_records(path, "id")


def test_a_title_may_stand_above_columns_of_one_name(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("Our study\n\nsubject,path,note,note\n1,a.nii,x,x\n")
    assert read_records(table)[0] == ["subject", "path", "note"]
