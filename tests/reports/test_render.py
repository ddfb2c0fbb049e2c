import csv
import io

import pandas as pd
import pytest

from reports.render import to_csv, to_latex, to_markdown
from reports.results import Results
from reports.table import Table, build_table


@pytest.fixture
def table(results: Results) -> Table:
    return build_table(results)


def test_csv_keeps_full_precision_and_all_rows(table: Table) -> None:
    read = pd.read_csv(io.StringIO(to_csv(table)))
    assert list(read["method"]) == ["copy-source", "vae", "med-ddpm", "ours"]
    assert read["FID [random:0, N=18]"].iloc[-1] == table.rows[-1].cells[0].estimate.value
    assert (read["FID [random:0, N=18] low"] < read["FID [random:0, N=18]"]).all()
    assert read["FID published, not comparable"].iloc[-1] == 33.75
    assert read["FID published, not comparable"].isna().iloc[0]


def test_markdown_has_one_line_a_row_and_bold_best(table: Table) -> None:
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(table.rows)
    assert len({line.count("|") for line in lines}) == 1
    assert "**30.0** (" in lines[-1]
    assert "**" not in lines[2]  # the copy of the source
    assert "Copy of the source¹" in lines[2]


def test_latex_has_as_many_cells_as_columns(table: Table) -> None:
    text = to_latex(table)
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == 1 + len(table.rows)
    assert {row.count(" & ") for row in rows} == {5}
    assert r"\textbf{30.0}" in text
    assert r"95\%" in text
    assert text.count("{") == text.count("}")


def test_latex_escapes_what_it_would_read_as_code(table: Table) -> None:
    wild = Table(**{**vars(table), "caption": "a_b 5% \\x {y} ~"})
    assert r"a\_b 5\% \textbackslash{}x \{y\} \textasciitilde{}" in to_latex(wild)


def test_renderers_tell_the_same_values(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    for row, cells in zip(rows, table.rows, strict=True):
        for column, cell in zip(table.columns, cells.cells, strict=True):
            rounded = f"{float(row[column.title]):.{column.metric.decimals}f}"
            assert rounded == cell.text
            assert rounded in to_markdown(table)
            assert rounded in to_latex(table)
