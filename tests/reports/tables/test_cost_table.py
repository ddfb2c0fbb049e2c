from dataclasses import replace

import pytest

from longibench.reports.model.results import Results
from longibench.reports.tables.cost_table import COSTS, cost_records, duration, energy, print_costs


def test_a_line_a_cost_and_a_column_a_method(results: Results) -> None:
    table = print_costs(results)
    assert table is not None
    assert [head.text for head in table.heads] == [
        "Cost",
        "Copy of the source",
        "VAE",
        "Med-DDPM",
        "Dao et al. (ours)",
    ]
    lines = [[box.text for box in line] for section in table.sections for line in section.lines]
    assert ["Time", "—", "2 min 10 s", "2 min 10 s", "2 min 10 s"] in lines
    assert ["Energy", "—", "7.2 kJ", "7.2 kJ", "7.2 kJ"] in lines
    assert ["Energy", "—", "—", "—", "—"] in lines  # per volume, which no driver reported
    assert lines[-1] == ["Device", "cpu", "cpu", "cpu", "cpu"]


def test_a_step_has_lines_where_a_run_recorded_it(results: Results) -> None:
    before = print_costs(results)
    facts = {"seconds_per_step": 0.25, "peak_share": 0.314, "train_peak_memory_gb": 21.8}
    runs = tuple(replace(run, facts={**run.facts, **facts}) for run in results.runs)
    table = print_costs(replace(results, runs=runs))
    assert before is not None
    assert table is not None
    lines = [[box.text for box in line] for section in table.sections for line in section.lines]
    assert ["Seconds per step", *["0.25"] * 4] in lines
    assert ["Share of peak", *["31%"] * 4] in lines
    assert ["Peak memory", *["21.8 GB"] * 4] in lines
    assert "Seconds per step" not in str(before)


def test_records_keep_what_was_measured(results: Results) -> None:
    ours = cost_records(results)[-1]
    assert ours["train_energy_j"] == 7200
    assert ours["energy_j_per_volume"] is None
    assert {cost.key for cost in COSTS} <= set(ours)


def test_no_run_has_no_costs(results: Results) -> None:
    assert print_costs(replace(results, runs=())) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "3.2 s"), (130, "2 min 10 s"), (7260, "2 h 1 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("joules", "text"), [(12.34, "12.3 J"), (5_000, "5 kJ"), (7_200_000, "2.00 kWh")]
)
def test_energy(joules: float, text: str) -> None:
    assert energy(joules) == text
