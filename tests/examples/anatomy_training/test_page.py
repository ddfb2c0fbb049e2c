"""The tables of docs/anatomy.md show docs/anatomy/, and follow from the measurements."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anatomy_training.page import END, SECTIONS, begin, read_scores, sections, write_page
from anatomy_training.people import GRIDS_MM, People
from anatomy_training.segmenting import change_table, dice_table, person_rows, picture_table
from anatomy_training.versions import load_versions

from longibench.metrics.anatomy import NEWEST, RELEASES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", SECTIONS)
def test_the_page_shows_what_was_measured(name: str) -> None:
    page = (DOCS / "anatomy.md").read_text(encoding="utf-8")
    assert f"{begin(name)}\n{sections(read_scores(DOCS))[name]}{END}" in page


def test_every_version_was_measured_on_every_grid() -> None:
    scores = read_scores(DOCS)
    assert {file for file, _ in SECTIONS.values()} <= set(scores)
    for name in ("change", "dice", "held_out"):
        groups = set(scores[name].groupby(["spacing_mm", "version"]).groups)
        assert groups == {(size, version) for size in GRIDS_MM for version in RELEASES}
    assert scores["change"]["people"].max() >= 100
    assert set(scores["response"]["spacing_mm"]) == set(GRIDS_MM)


def test_what_the_page_says_of_grey_and_white_matter_and_hippocampi() -> None:
    table = read_scores(DOCS)["change"]
    newest = table[(table["version"] == NEWEST) & (table["group"] == "all")]
    by = newest.set_index(["structure", "spacing_mm"])
    assert by.loc["white", "slope"].min() > 1.2
    assert by.loc["grey", "slope"].max() < 0.9
    assert by.loc["brain", "slope"].between(0.9, 1.1).all()
    assert (
        by.loc[("hippocampus", 2.5), "volume_error"]
        < 15
        < by.loc[("hippocampus", 1.5), "volume_error"]
    )
    assert (by.loc["hippocampus", "error"] > 1).all()


def test_what_the_page_says_of_overlap() -> None:
    table = read_scores(DOCS)["dice"]
    wide = table[table["size"] == "all"].pivot(
        index=["spacing_mm", "structure"], columns="version", values="dice"
    )
    heads = read_scores(DOCS)["held_out"]
    young = heads[(heads["template"] == "MNI152") & (heads["structure"] == "ventricles")]
    dice = young[young["spacing_mm"] < 5].pivot(
        index=["spacing_mm", "contrast"], columns="version", values="dice"
    )
    assert (dice[NEWEST] < dice[1]).all()
    better = (wide[NEWEST] > wide[1])[wide[1].notna()]
    assert better[5.0].all()
    assert not better[[2.5, 1.5]].any()


def test_an_empty_section_stays_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "anatomy.md"
    marks = "".join(f"{begin(name)}\n{END}\n" for name in SECTIONS)
    page.write_text(marks, encoding="utf-8")
    write_page(page, {})
    assert page.read_text(encoding="utf-8") == marks
    write_page(page, {"training": pd.DataFrame({"iteration": [20, 1700], "seconds": [60, 3000]})})
    assert "1700 optimizer steps took 50 minutes." in page.read_text(encoding="utf-8")


def people(factor: float) -> pd.DataFrame:
    """Twelve people whose ventricles are found too small or large by a factor, after 2 years."""
    true = np.linspace(20, 42, 12)
    later = true + np.linspace(1, 12, 12)
    return pd.DataFrame(
        {
            "person": range(12),
            "group": ["CN", "MCI", "AD"] * 4,
            "years": 2.0,
            "spacing_mm": 5.0,
            "version": 1,
            "structure": "ventricles",
            "true": true,
            "true_later": later,
            "found": factor * true,
            "found_later": factor * later,
            "dice": true / 100,
        }
    )


def test_a_factor_is_the_slope_and_the_ratio_and_no_error_in_percent() -> None:
    table = change_table(people(1.2)).set_index("group")
    assert list(table.index) == ["all", "CN", "MCI", "AD"]
    assert table["people"].tolist() == [12, 4, 4, 4]
    for column, value in (("slope", 1.2), ("ratio", 1.2), ("total", 1.2), ("correlation", 1.0)):
        np.testing.assert_allclose(table[column], value)
    np.testing.assert_allclose(table[["error", "absolute_error", "ratio_sd"]], 0, atol=1e-9)
    assert table.loc["all", "rate"] == pytest.approx(
        (50 * np.linspace(1, 12, 12) / np.linspace(20, 42, 12)).mean()
    )


def test_a_constant_found_in_addition_is_an_error_in_percent_alone() -> None:
    rows = people(1.0).assign(
        found=lambda t: t["found"] + 10, found_later=lambda t: t["found_later"] + 10
    )
    row = change_table(rows).iloc[0]
    assert row["slope"] == pytest.approx(1)
    assert row["error"] < -1
    assert row["absolute_error"] == pytest.approx(-row["error"])


def test_thirds_of_the_people_by_the_size_of_their_ventricles() -> None:
    table = dice_table(people(1.0)).set_index("size")
    assert table.loc["small", "most_ml"] == pytest.approx(26)
    assert table.loc["large", "dice"] == pytest.approx(np.linspace(0.36, 0.42, 4).mean())
    assert table.loc["all", "worst"] == pytest.approx(0.2)


def test_a_person_is_measured_by_every_version(simulator: People) -> None:
    rows = pd.DataFrame(person_rows(load_versions(None), simulator.subject(2)))
    for _, some in rows.groupby("version"):
        found = some.set_index("structure")
        assert found.loc["brain", "found"] == pytest.approx(found.loc["brain", "true"], rel=0.05)
        assert found.loc["ventricles", "dice"] > 0.8
        assert np.isnan(found.loc["csf", "true"])
    picture = picture_table(rows)
    assert set(picture["structure"]) == {"brain", "ventricles"}
    for version in RELEASES:
        assert (picture[f"version_{version}"] * picture["true"] > 0).all()
