"""Forecast volumes on pairs: the source's volume plus years times the rate, and their scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation import forecasts
from longibench.benchmark.evaluation.forecasts import VOLUMES, Forecaster
from longibench.benchmark.settings.plugins import load_metrics
from longibench.metrics.metric import Metric, MetricError, PairMetric, Scan
from longibench.metrics.tissue import ForecastScan

VENTRICLE, HIPPOCAMPUS = 4, 17
LITRE = (10.0, 10.0, 10.0)  # mm, a voxel of 1 ml


def scan_of(ventricles: int) -> Scan:
    """A scan of so many ml of ventricle, and 3 ml of hippocampus."""
    labels = np.zeros((5, 5, 5), np.int32)
    labels.flat[:ventricles], labels.flat[-3:] = VENTRICLE, HIPPOCAMPUS
    return Scan(np.zeros(labels.shape, np.float32), LITRE, labels)


def fake_scan(row: Mapping[str, Any], role: str) -> Scan:
    return scan_of(int(row[role]))


@pytest.fixture(autouse=True)
def _volumes_are_in_the_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "real_scan", fake_scan)


def pairs(*rows: tuple[str, str, float, int, int]) -> pd.DataFrame:
    columns = ["subject", "visit", "interval_years", "source", "target"]
    return pd.DataFrame(rows, columns=columns).astype({"source": str, "target": str})


TRAIN = pairs(("a", "1", 1.0, 10, 90), ("a", "2", 2.0, 10, 14), ("b", "1", 1.0, 20, 23))
TEST = pairs(("d", "2", 2.0, 30, 0), ("c", "1", 1.0, 10, 0), ("d", "1", 1.0, 30, 0))


def forecaster(*names: str) -> Forecaster:
    metrics: list[Metric] = [load_metrics()[name]() for name in names]
    return Forecaster(metrics, TRAIN, TEST, Console(quiet=True), workers=1)


def test_the_last_pair_of_each_training_subject_makes_the_rate() -> None:
    """4 ml in two years and 3 ml in one: 7 ml in 3 years."""
    rows = forecaster("ventricles-labels-slope-ratio", "ssim").rows("mean-rate")
    assert rows[["subject", "visit", "sample"]].to_numpy().tolist() == [
        *(["c", "1", 0], ["d", "1", 0], ["d", "2", 0])
    ]
    found = [its["ventricles-labels"] for its in rows[VOLUMES]]
    np.testing.assert_allclose(found, np.array([10, 30, 30]) + 7 / 3 * np.array([1, 1, 2]))
    assert [list(its) for its in rows[VOLUMES]] == [["ventricles-labels"]] * 3


def test_each_structure_has_its_own() -> None:
    made = forecaster("ventricles-labels-intercept", "hippocampus-labels-change-error")
    (first, *_) = made.rows("regression")[VOLUMES]
    assert first == pytest.approx({"ventricles-labels": 10 + 7 / 3, "hippocampus-labels": 3})


def test_a_volume_that_cannot_be_measured_has_no_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_labels(row: Mapping[str, Any], role: str) -> Scan:
        scan = fake_scan(row, role)
        return Scan(scan.voxels, LITRE) if row[role] == "30" else scan

    monkeypatch.setattr(forecasts, "real_scan", without_labels)
    rows = forecaster("ventricles-labels-intercept").rows("mean-rate")
    assert np.isnan([its["ventricles-labels"] for its in rows[VOLUMES]]).tolist() == [
        *(False, True, True)
    ]


def test_no_volume_is_below_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    shrinking = TRAIN.assign(source=TRAIN["target"], target=TRAIN["source"])
    made = Forecaster(
        [load_metrics()["ventricles-labels-intercept"]()],
        shrinking,
        TEST.assign(source="1", interval_years=9.0),
        Console(quiet=True),
    )
    assert [its["ventricles-labels"] for its in made.rows("mean-rate")[VOLUMES]] == [0, 0, 0]


def scored(name: str, volumes: Mapping[str, float]) -> float:
    metric = load_metrics()[name]()
    assert isinstance(metric, PairMetric)
    source = scan_of(20)
    generated = ForecastScan(source, volumes)
    return metric(generated=generated, reference=scan_of(25), source=source, interval_years=2)


def test_it_is_scored_as_a_measured_volume() -> None:
    volumes = {"ventricles-labels": 23.0, "hippocampus-labels": np.nan}
    assert scored("ventricles-labels-change-error-ml", volumes) == pytest.approx(2)
    assert scored("ventricles-labels-change-error", volumes) == pytest.approx(10)
    for name in ("hippocampus-labels", "amygdala-labels"):
        with pytest.raises(MetricError, match=f"no forecast of {name.removesuffix('-labels')}"):
            scored(f"{name}-change-error-ml", volumes)


def test_other_volumes_are_another_content() -> None:
    source = scan_of(20)
    contents = {
        ForecastScan(source, {"brain": value}).content for value in (1.0, 2.0, float("nan"))
    }
    assert len({*contents, source.content}) == 4
