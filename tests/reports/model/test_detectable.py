"""The printed smallest detectable change, and how many pairs are shorter."""

from dataclasses import replace
from typing import Any

import pytest

from longibench.metrics.total_change import PERCENT
from longibench.reports.model import detectable as module
from longibench.reports.model.detectable import detectable
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Results
from longibench.reports.tables.report_tables import build_tables


def facts(structure: str, **changed: Any) -> MetricFacts:
    """A metric of a structure's change, as recorded."""
    defined_by = {
        "name": f"{structure}-change-error",
        "parameters": {"structure": structure, "change": PERCENT},
        "segmentation": {"weights": "a" * 64},
    }
    title = f"{structure.capitalize()}, relative error of total change [embedded segmentation]"
    return MetricFacts(
        f"{structure}-change-error", title, "pair", False, "% of source", 2, "",
        defined_by={**defined_by, **changed},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"brain": 0.8, "white": 2.0}
    monkeypatch.setattr(module, "coarsest_measured", lambda weights: 5.0 if weights else 0.0)
    monkeypatch.setattr(
        module, "smallest_change", lambda name, size, _: known[name] if size <= 5 else float("nan")
    )


def on_grid(results: Results, size: float) -> Results:
    """The results, whose intervals are 1.05, 2.05 and 3.05 years, on another grid."""
    grid = {**results.protocol["grid"], "spacing_mm": size}
    return replace(results, protocol={**results.protocol, "grid": grid})


def test_a_structure_once_with_the_pairs_that_are_shorter(results: Results) -> None:
    metrics = [facts("brain"), facts("brain"), facts("white")]
    head, *sentences = detectable(on_grid(results, 2.5), metrics)
    assert head.startswith("Smallest detectable change on voxels of 2.5 mm, 1.96 SD")
    assert sentences == [
        "Brain (embedded segmentation): 0.8%, or 0.76% a year over the shortest interval, 1.1 "
        "years; the 0.5% a year of healthy old age takes 1.6 years: 6 of 18 pairs are shorter.",
        "White (embedded segmentation): 2%, or 1.9% a year over the shortest interval, 1.1 years.",
    ]


def test_a_grid_that_was_not_measured(results: Results) -> None:
    (text,) = detectable(on_grid(results, 8.0), [facts("brain")])
    assert text.endswith("voxels of up to 5 mm, and is not known for 8 mm.")


def test_a_segmentation_that_was_not_measured(results: Results) -> None:
    metric = facts("csf", segmentation={"weights": ""})
    known = on_grid(results, 8.0)
    assert detectable(known, [metric]) == [module.NOT_MEASURED]


@pytest.mark.parametrize("other", [{"segmentation": None}, {"parameters": {"change": "ml"}}])
def test_other_metrics_have_none(other: dict[str, Any], results: Results) -> None:
    assert detectable(on_grid(results, 2.5), [facts("brain", **other)]) == []


def test_it_is_in_the_caption_of_the_table_of_change(full: Results) -> None:
    recorded = [
        {**entry, "defined_by": facts("brain").defined_by}
        if entry["name"] == "ventricles-intercept"
        else entry
        for entry in full.protocol["metrics"]
    ]
    shown = on_grid(replace(full, protocol={**full.protocol, "metrics": recorded}), 5.0)
    captions = {table.number: table.caption for table in build_tables(shown)}
    assert "24 of 72 pairs are shorter" in captions["III"]
    assert "shorter" not in captions["II"]
