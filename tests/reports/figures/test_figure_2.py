from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from longibench.reports.figures.figure_2 import change_range, draw_changes, draw_sheet
from longibench.reports.figures.figure_2_subject import Sheet, build_sheet
from longibench.reports.figures.image_grid import BANNER
from longibench.reports.figures.style import save
from longibench.reports.model.results import Results


@pytest.fixture
def sheet(results: Results) -> Sheet:
    return build_sheet(results)


def _images(figure: Any) -> list[Any]:
    return [axes.images[0] for axes in figure.axes if axes.images]


def test_one_picture_a_cell_in_one_window(sheet: Sheet) -> None:
    images = _images(draw_sheet(sheet))
    assert len(images) == 4 * 4  # real, and three methods
    assert {image.get_clim() for image in images} == {(-1.0, sheet.view.white)}


def test_years_stand_on_top(sheet: Sheet) -> None:
    titles = [axes.get_title() for axes in draw_sheet(sheet).axes[:4]]
    assert titles == ["Source", "+1.1 years", "+2.0 years", "+3.0 years"]


def test_changes_share_one_symmetric_range(sheet: Sheet) -> None:
    images = [i for i in _images(draw_changes(sheet)) if i.get_cmap().name == "RdBu_r"]
    limit = change_range(sheet)
    assert {image.get_clim() for image in images} == {(-limit, limit)}
    shown = np.asarray(images[2].get_array())
    np.testing.assert_array_equal(shown, sheet.view.plane(sheet.real_changes[2]))


def test_without_real_change_the_range_does_not_magnify_noise(sheet: Sheet) -> None:
    still = replace(sheet, rows=(("Real", (sheet.source,) * 3), *sheet.rows[1:]))
    assert change_range(still) == 0.02


def test_missing_volume_is_said(sheet: Sheet) -> None:
    gone = replace(sheet, rows=(*sheet.rows[:-1], ("Dao et al. (ours)", (None, None, None))))
    for figure in (draw_sheet(gone), draw_changes(gone)):
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert texts.count("not on disk") == 3


@pytest.mark.parametrize("shareable", [True, False])
def test_banner_where_participants_must_not_be_shown(sheet: Sheet, shareable: bool) -> None:
    figure = draw_sheet(replace(sheet, shareable=shareable))
    texts = [" ".join(text.get_text().split()) for text in figure.texts]
    assert (BANNER in texts) is not shareable


def test_small_print_fits_into_a_narrow_figure(sheet: Sheet) -> None:
    rows = tuple((label, volumes[:1]) for label, volumes in sheet.rows)
    narrow = replace(sheet, years=sheet.years[:1], rows=rows, shareable=False)
    for figure in (draw_sheet(narrow), draw_changes(narrow)):
        figure.draw_without_rendering()
        whole = figure.bbox
        for text in figure.texts:
            box = text.get_window_extent()
            assert whole.x0 <= box.x0 < box.x1 <= whole.x1
            assert whole.y0 <= box.y0 < box.y1 <= whole.y1


def test_same_sheet_gives_the_same_bytes(sheet: Sheet, tmp_path: Any) -> None:
    suffixes = (".png", ".pdf", ".svg")
    small = replace(sheet, rows=sheet.rows[:1])
    first = save(draw_changes(small), tmp_path / "first", suffixes)
    second = save(draw_changes(small), tmp_path / "second", suffixes)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
