import json
from pathlib import Path

import pandas as pd
import pytest

from benchmark.console import Console
from benchmark.errors import UserError
from benchmark.protocol import Protocol, _refuse_overlap, build_metrics, build_protocol
from benchmark.settings import MetricSettings, Settings, load_settings
from benchmark.split import Split
from benchmark.workspace import Workspace


@pytest.fixture
def settings(options: tuple[str, ...]) -> Settings:
    given = [option for option in options if "=" in option]
    return load_settings("demo", given)


def changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


def build(settings: Settings, workspace: Path) -> Protocol:
    return build_protocol(settings, Workspace(workspace), Console(quiet=True))


def test_the_name_follows_from_what_is_compared(settings: Settings, workspace: Path) -> None:
    name = build(settings, workspace).name
    assert name == (workspace / "latest").read_text().strip()
    assert build(changed(settings, seed=5), workspace).name == name
    training = settings.training.model_copy(update={"iterations": 3})
    assert build(changed(settings, training=training), workspace).name == name
    others = {
        "split": settings.split.model_copy(update={"test": 4}),
        "pairs": settings.pairs.model_copy(update={"rule": "all"}),
        "metrics": MetricSettings(fid_weights="random:1"),
    }
    names = {
        build(changed(settings, **{key: value}), workspace).name for key, value in others.items()
    }
    assert len(names | {name}) == 4


def test_a_workspace_can_be_moved(settings: Settings, workspace: Path, tmp_path: Path) -> None:
    moved = workspace.rename(tmp_path / "elsewhere")
    assert build(settings, moved).name == (moved / "latest").read_text().strip()


def test_nobody_is_trained_on_and_evaluated(settings: Settings, workspace: Path) -> None:
    protocol = build(settings, workspace)
    trained, tested = (set(p["subject"]) for p in (protocol.train_pairs, protocol.test_pairs))
    assert (len(trained), len(tested)) == (7, 3)
    assert not trained & tested
    files = [
        set(p[["source", "target"]].to_numpy().ravel())
        for p in (protocol.train_pairs, protocol.test_pairs)
    ]
    assert not files[0] & files[1]


def test_what_leaves_the_workspace_names_no_one(protocol: Path) -> None:
    info = json.loads((protocol / "protocol.json").read_text())
    assert info["split"]["test_subjects"] == 3
    assert info["cohort"]["shareable"] is True
    assert "0001" not in json.dumps({**info, "created": ""})


def test_a_test_cohort_of_people_trained_on_is_refused() -> None:
    split = Split(train=("002_S_0295",), test=("x",), rule="")
    empty = pd.DataFrame({"subject": [], "content": [], "path": []})
    with pytest.raises(UserError, match="subject 002_S_0295 is in the training cohort too"):
        _refuse_overlap(split, ("002_S_0295",), empty, empty)


def test_a_label_that_every_dataset_has_is_nobody() -> None:
    split = Split(train=("01",), test=("x",), rule="")
    empty = pd.DataFrame({"subject": [], "content": [], "path": []})
    _refuse_overlap(split, ("01",), empty, empty)


def test_a_test_cohort_of_the_same_scans_is_refused(
    settings: Settings, workspace: Path, tmp_path: Path
) -> None:
    (found,) = (workspace / "cohorts").glob("phantom-*")
    copied = tmp_path / "renamed"
    for person in sorted(found.glob("sub-*")):
        for path in person.rglob("*"):
            name = str(path.relative_to(found)).replace("sub-", "sub-x")
            if path.is_file():
                (copied / name).parent.mkdir(parents=True, exist_ok=True)
                (copied / name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="is a scan of the training cohort"):
        build(changed(settings, test_cohort=f"bids:{copied}"), workspace)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"names": ("fib",)}, "unknown metric 'fib'. Did you mean 'fid'"),
        ({"fid_weights": "medicalnet:51"}, "fid_weights: MedicalNet has no released file"),
        ({"fid_weights": "resnet"}, "fid_weights: weights 'resnet' are not understood"),
        ({"fid_weights": "file:/none.pth"}, "fid_weights: cannot read the weights /none.pth"),
    ],
)
def test_metrics_that_cannot_be_had_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_metrics(MetricSettings.model_validate(values))
