from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from longibench.benchmark.core.console import Console
from longibench.reports.model.results import Results, read_results
from longibench.reports.pages.summary_page import Picture, Tables, headlines, render_page
from longibench.reports.tables.comparisons import build_comparisons, print_comparisons
from longibench.reports.tables.cost_table import print_costs
from longibench.reports.tables.metric_table import Table
from longibench.reports.tables.paper_order import order_statements
from longibench.reports.tables.report_tables import build_tables, printed
from longibench.reports.tables.strata import build_strata
from longibench.reports.tables.strata_tables import print_strata

_EMPTY = {"meta", "img", "br", "link"}


class _Structure(HTMLParser):
    """Collects addresses and checks that every tag is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def first_table(results: Results) -> Table:
    return build_tables(results, build_comparisons(results, Console(quiet=True)))[0]


def render(results: Results, picture: Picture) -> str:
    costs, compared = print_costs(results), build_comparisons(results, Console(quiet=True))
    first, *others = build_tables(results, compared)
    tables = Tables(
        [*(printed(table) for table in (first, *others)), *([costs] if costs else [])],
        print_comparisons(compared),
        print_strata(build_strata(results, Console(quiet=True))),
    )
    return render_page(results, first, tables, [picture], order_statements(results, compared))


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    path = tmp_path / "dot.svg"
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return Picture(path, 5.0, "A title", "A caption")


def test_page_is_well_formed_and_loads_nothing(full: Results, picture: Picture) -> None:
    page = render(full, picture)
    structure = _Structure()
    structure.feed(page)
    assert structure.open == []
    assert structure.addresses
    assert all(address.startswith("data:") for address in structure.addresses)
    assert "@import" not in page
    assert "url(" not in page


def test_page_holds_everything(full: Results, picture: Picture) -> None:
    page = render(full, picture)
    for part in ("Table I.", "Table II.", "Table III.", "Table IV. Cost", "order hold"):
        assert part in page
    for part in (
        "Method against method",
        "By interval, age, diagnosis, sex, site and scanner",
        "Provenance",
    ):
        assert part in page
    for fact in (
        "A caption",
        "Real against real",
        "33.75",
        "random features",
        "phantom-1a2b3c4d5e6f",
        "longibench",
    ):
        assert fact in page
    assert "secret" not in page


def test_text_from_files_is_escaped(results: Results, picture: Picture) -> None:
    protocol = {**results.protocol, "warnings": ["<script>alert(1)</script>"]}
    page = render(replace(results, protocol=protocol), picture)
    assert "<script>" not in page


def test_banner_where_the_cohort_is_not_shareable(
    tmp_path: Path, fake: Any, picture: Picture
) -> None:
    results = read_results(replace(fake, shareable=False).write(tmp_path / "private"))
    page = render(results, picture)
    assert 'role="alert"' in page
    assert "must not leave this machine" in page


def test_headline_names_the_best_alone_only_if_a_test_tells(full: Results) -> None:
    scores = full.scores.copy()
    ssim = scores["metric"] == "ssim"
    scores.loc[ssim & (scores["method"] == "med-ddpm"), "value"] += 0.04
    assert headlines(first_table(replace(full, scores=scores)))[1].startswith(
        "2 methods that cannot be distinguished have the highest SSIM [Wang, whole volume]: "
        "Med-DDPM 0.905, Dao et al. (ours) 0.905; for reference"
    )


def test_headline_names_the_best_and_what_a_copy_scores(results: Results) -> None:
    sentences = headlines(first_table(results))
    assert sentences[0].startswith(
        "Dao et al. (ours) has the lowest FID [random:0, N=18]: 30.0 (95% interval "
    )
    assert sentences[0].endswith("; for reference: Copy of the source 5.0.")
    assert sentences[1].startswith(
        "By SSIM [Wang, whole volume] the best cannot be distinguished: VAE 0.750, Med-DDPM 0.860, "
    )


def test_one_method_has_no_headline(tmp_path: Path, fake: Any) -> None:
    results = read_results(replace(fake, methods=("ours",)).write(tmp_path))
    assert headlines(first_table(results)) == []
