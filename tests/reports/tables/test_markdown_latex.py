import html
import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.text import one_line
from longibench.reports.model.results import Results
from longibench.reports.model.text_table import Box, Printed, Section
from longibench.reports.tables.comparisons import build_comparisons
from longibench.reports.tables.csv_records import REAL_HALVES, table_records, to_csv
from longibench.reports.tables.markdown_latex import to_latex, to_markdown
from longibench.reports.tables.metric_table import Table
from longibench.reports.tables.report_tables import build_tables, printed


@pytest.fixture
def table(results: Results) -> Table:
    return build_tables(results, build_comparisons(results, Console(quiet=True)))[0]


def test_csv_keeps_full_precision_and_all_rows(table: Table) -> None:
    read = pd.read_csv(io.StringIO(to_csv(table_records(table))))
    assert list(read["method"]) == ["copy-source", "vae", "med-ddpm", "ours"]
    assert read["FID [random:0, N=18]"].iloc[-1] == table.rows[-1].cells[0].estimate.value
    assert (read["FID [random:0, N=18] low"] < read["FID [random:0, N=18]"]).all()
    assert list(read["FID [random:0, N=18] letters"].iloc[1:]) == ["c", "b", "a"]
    assert read["FID published, not comparable"].iloc[-1] == 33.75
    assert read["FID published, not comparable"].isna().iloc[0]


def test_csv_holds_spread_and_floor(full: Results) -> None:
    read = pd.read_csv(io.StringIO(to_csv(table_records(build_tables(full)[0]))))
    assert read["FID [random:0, N=72] sd between seeds"].iloc[3] == pytest.approx(0.5**0.5)
    halves = read["FID [random:0, N=72] in halves, n=36"]
    assert list(halves.iloc[3:]) == [32.0, 3.0]
    assert read["method"].iloc[-1] == REAL_HALVES


def test_markdown_has_one_line_a_row_and_bold_best(table: Table) -> None:
    lines = to_markdown(printed(table)).splitlines()
    lines = [line for line in lines if line.startswith("|")]
    assert len(lines) == 2 + len(table.rows)
    assert len({line.count("|") for line in lines}) == 1
    assert "**30.0** a (" in lines[-1]
    assert "**" not in lines[2]  # the copy of the source
    assert "Copy of the source¹" in lines[2]


def test_numbers_and_titles_of_tables(full: Results) -> None:
    for table in build_tables(full):
        text = to_markdown(printed(table))
        assert f"**Table {table.number}. {table.title}.**" in text
        assert f"\\caption{{{table.title}. " in to_latex(printed(table))


def test_latex_has_as_many_cells_as_columns(table: Table) -> None:
    text = to_latex(printed(table))
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == 1 + len(table.rows)
    assert {row.count(" & ") for row in rows} == {5}
    assert r"\textbf{30.0}\,{\scriptsize a}" in text
    assert r"95\%" in text
    assert text.count("{") == text.count("}")


def test_sections_span_all_columns(full: Results) -> None:
    table = printed(build_tables(full)[1])
    assert r"\multicolumn{6}{l}{\textit{Distribution: do the volumes look real?}} \\" in to_latex(
        table
    )
    lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_what_could_be_read_as_code_is_escaped(table: Table) -> None:
    wild = replace(printed(table), caption="a_b 5% \\x {y} ~ \N{PLUS-MINUS SIGN} → *|<")
    assert r"a\_b 5\% \textbackslash{}x \{y\} \textasciitilde{} $\pm$ $\to$" in to_latex(wild)
    assert r"\*\|&lt;" in to_markdown(wild)


def test_small_print_follows_in_brackets() -> None:
    line = (Box("A"), Box("1", ("0 to 2", "± 1"), best=True, note=2, letters="ab"))
    text = to_markdown(Printed("", "T", (Box("M"), Box("X")), (Section("", (line,)),)))
    assert "| A | **1** ab² (0 to 2; ± 1) |" in text


def test_renderers_tell_the_same_values(table: Table) -> None:
    for row, record in zip(table.rows, table_records(table), strict=True):
        for column, cell in zip(table.columns, row.cells, strict=True):
            rounded = f"{record[column.title]:.{column.metric.decimals}f}"
            assert rounded == cell.text
            assert rounded in to_markdown(printed(table))
            assert rounded in to_latex(printed(table))


HOSTILE = (
    *("![x](http://e.org/x.png)", "[x](javascript:alert(1))", "<http://e.org>", "http://e.org"),
    *("www.e.org", "a@b.org", "[x][y]", "[^1]: note", "<b>bold</b>", "<!-- x -->", "&lt;b&gt;"),
    *("a|b", "`code`", "**bold**", "*it*", "_it_", "__bold__", "a_b", "~~gone~~", "$x^$", "# head"),
    *("a\nb\n\n# head", "a\tb", "end\\", "\\|x", "\\", "a\x1b[31m", "> quote", "- item", "1. item"),
    *(
        "![x](javascript:y)",
        "med-ddpm",
        "a_b_c",
        "=cmd()",
        "R&D",
        "&copy;",
        "*",
        "[-1, 1]",
        "[5cm]",
    ),
)


def written(text: str) -> Printed:
    heads = (Box("Method"), Box(text))
    line = (Box(text, (text,)), Box(text, best=text == "1"))
    return Printed("", text, heads, (Section(text, (line,)),), text, (text,))


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_a_name_as_it_is(text: str) -> None:
    page = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(to_markdown(written(text)))
    )
    tags = set(re.findall(r"</?(\w+)", page))
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "p", "strong"}
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)
    name = " ".join(one_line(text).split())
    assert [html.unescape(cell) for cell in cells[2:]] == [f"{name} ({name})", name]
    assert html.unescape(re.findall(r"<p>(.*?)</p>", page, re.DOTALL)[-1]) == f"¹ {name}"


@pytest.mark.parametrize(
    "text", ["med-ddpm", "a_b", "lr 0.01", "[-1, 1]", "SSIM [head, N=4]", "5%"]
)
def test_ordinary_text_is_unchanged_in_markdown(text: str) -> None:
    assert f"| {text} ({text}) |" in to_markdown(written(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_has_no_command_and_no_line_of_a_name(text: str) -> None:
    plain, found = (to_latex(written(its)).splitlines() for its in ("x", text))
    assert len(found) == len(plain)
    assert not [line for line in found if line.startswith(("[", "*"))]
    bare = re.sub(r"\\(?:text\w+\{\}|[&%$#_{}])", "", "\n".join(found))
    assert set(re.findall(r"\\[a-z]+", bare)) <= set(re.findall(r"\\[a-z]+", "\n".join(plain)))
    assert bare.count("{") == bare.count("}")


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "-x", "@SUM(1)", "\t=1", "\r=1"])
def test_a_cell_of_csv_is_no_formula(text: str) -> None:
    read = pd.read_csv(io.StringIO(to_csv([{"method": text, text: 1.5}])), keep_default_na=False)
    assert read["method"].iloc[0].startswith("'")
    assert list(read)[1].startswith("'")


def test_numbers_and_names_stay_in_csv() -> None:
    rows = [{"method": "a_b, c", "value": -1.5, "text": "-1.5", "none": None}]
    assert to_csv(rows) == 'method,value,text,none\n"a_b, c",-1.5,-1.5,\n'
