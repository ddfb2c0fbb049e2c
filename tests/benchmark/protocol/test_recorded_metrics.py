"""A protocol remembers every metric that was computed, and how to build it."""

from pathlib import Path

import pytest
import torch

from longibench.benchmark.core.checked_files import write_json
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import METRICS
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.protocol.recorded_metrics import (
    current_metrics,
    read_recorded,
    record_metrics,
    recorded_settings,
    retired_metrics,
)
from longibench.benchmark.settings.schema import MetricSettings
from longibench.metrics import anatomy
from longibench.metrics.medicalnet import with_random_weights
from longibench.metrics.ssim import SSIM


def record(
    folder: Path, *names: str, extractor: str = "random:0", segmentation: str = "embedded"
) -> None:
    settings = MetricSettings(names=names, extractor=extractor, segmentation=segmentation)
    record_metrics(folder, build_metrics(settings), settings)


def names(folder: Path) -> list[str]:
    return [facts["name"] for facts in read_recorded(folder)]


def test_metrics_are_added_and_none_is_taken_away(tmp_path: Path) -> None:
    folder = tmp_path / "protocol"
    assert read_recorded(folder) == []
    record(folder, "fid", "ssim")
    record(folder, "psnr")
    record(folder, "ssim")
    assert names(folder) == ["fid", "ssim", "psnr"]
    assert read_recorded(folder)[0]["title"] == "FID [MedicalNet ResNet-10, random:0]"


def test_what_is_known_already_writes_nothing(tmp_path: Path) -> None:
    record(tmp_path, "fid", "ssim")
    before = (tmp_path / METRICS).stat().st_mtime_ns
    record(tmp_path, "ssim")
    assert (tmp_path / METRICS).stat().st_mtime_ns == before


def test_two_definitions_of_a_metric_are_two_metrics(tmp_path: Path) -> None:
    record(tmp_path, "fid", "ssim")
    record(tmp_path, "fid", "ssim", extractor="random:1")
    assert names(tmp_path) == ["fid", "ssim", "fid"]
    found = recorded_settings(read_recorded(tmp_path))
    assert [(its.extractor, its.names) for its in found] == [
        ("random:0", ("fid",)),
        ("embedded", ("ssim",)),  # it measures with none
        ("random:1", ("fid",)),
    ]


def test_a_changed_definition_is_shown_as_soon_as_it_has_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, "fid", "ssim", "psnr")
    (before,) = (its["definition"] for its in read_recorded(tmp_path) if its["name"] == "ssim")
    plain = SSIM.parameters
    monkeypatch.setattr(SSIM, "parameters", {"window": "another"})
    record(tmp_path, "ssim")
    facts = read_recorded(tmp_path)
    assert [its["name"] for its in facts] == ["fid", "ssim", "ssim", "psnr"]
    after = facts[2]["definition"]
    assert recorded_settings(read_recorded(tmp_path))[1].names == ("ssim", "psnr")
    for computed, shown in (({before}, before), ({before, after}, after), ({after}, after)):
        current = current_metrics(facts, {("ssim", its) for its in computed})
        assert [its["definition"] for its in current] == [shown]
    monkeypatch.setattr(SSIM, "parameters", plain)
    record(tmp_path, "ssim")
    assert read_recorded(tmp_path)[2]["definition"] == before  # and now this is today's again


def test_one_file_of_weights_is_one_metric_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": with_random_weights(10, 0).state_dict()}, tmp_path / "w.pth")
    folder = tmp_path / "protocol"
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "w.pth", "w.pth"):
        record(folder, "fid", extractor=f"file:{path}")
    assert [its["settings"]["extractor"] for its in read_recorded(folder)] == ["file:w.pth"]


def test_a_metric_with_an_extractor_of_its_own_is_one_metric_by_any_other(tmp_path: Path) -> None:
    record(tmp_path, "fid", "fid-random")
    record(tmp_path, "fid", "fid-random", extractor="random:1")
    assert names(tmp_path) == ["fid", "fid-random", "fid"]
    assert read_recorded(tmp_path)[1]["settings"] == {}


def test_an_older_segmentation_is_a_column_of_its_own(tmp_path: Path) -> None:
    record(tmp_path, "brain-change-error", "ssim")
    record(tmp_path, "brain-change-error", "ssim", segmentation="embedded:1")
    facts = read_recorded(tmp_path)
    assert [its["name"] for its in facts] == ["brain-change-error", "ssim", "brain-change-error"]
    assert [its["settings"] for its in facts] == [{}, {}, {"segmentation": "embedded:1"}]
    computed = {(its["name"], its["definition"]) for its in facts}
    assert current_metrics(facts, computed) == facts
    found = recorded_settings(facts)
    assert [(its.segmentation, its.names) for its in found] == [
        ("embedded", ("brain-change-error", "ssim")),
        ("embedded:1", ("brain-change-error",)),
    ]


def test_a_newer_default_replaces_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of the time when version 1 was the default; asked for by name, it comes back."""
    with monkeypatch.context() as then:
        then.setattr(anatomy, "NEWEST", 1)
        record(tmp_path, "brain-change-error")
    (before,) = read_recorded(tmp_path)
    record(tmp_path, "brain-change-error")
    facts = read_recorded(tmp_path)
    after = facts[1]["definition"]
    computed = {("brain-change-error", its) for its in (before["definition"], after)}
    assert [its["definition"] for its in current_metrics(facts, computed)] == [after]
    record(tmp_path, "brain-change-error", segmentation="embedded:1")
    shown = current_metrics(read_recorded(tmp_path), computed)
    assert [its["definition"] for its in shown] == [after, before["definition"]]


@pytest.mark.parametrize("text", ["{", "5", '["fid"]', '[{"name": "fid"}]'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / METRICS).write_text(text)
    with pytest.raises(UserError, match=r"metrics\.json: cannot be read"):
        read_recorded(tmp_path)


def test_metrics_of_an_earlier_version_are_left_out_with_one_sentence(tmp_path: Path) -> None:
    """Their columns are not shown, they are not built again, and the next run drops them."""
    record(tmp_path, "ssim")
    path = tmp_path / METRICS
    known = read_recorded(tmp_path)
    old = {**known[0], "name": "ventricles-error", "definition": "old"}
    write_json(path, [old, *known])
    recorded = read_recorded(tmp_path)
    assert retired_metrics(recorded) == (
        "metrics of an earlier version are left out (ventricles-error); a 'python cli.py run' "
        "scores the kept volumes by those that replace them (ventricles-change-error)"
    )
    everything = {(its["name"], its["definition"]) for its in recorded}
    assert [its["name"] for its in current_metrics(recorded, everything)] == ["ssim"]
    assert recorded_settings(recorded)[0].names == ("ssim",)
    record(tmp_path, "mae")
    assert retired_metrics(read_recorded(tmp_path)) == ""
