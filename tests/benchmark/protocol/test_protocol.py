import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.protocol.protocol import Protocol, build_protocol
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.schema import MetricSettings, Settings, SplitSettings


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
        "pairs": settings.pairs.model_copy(update={"rule": "yearly"}),
    }
    names = {
        build(changed(settings, **{key: value}), workspace).name for key, value in others.items()
    }
    assert len(names | {name}) == 3
    other = MetricSettings(names=("ssim",), extractor="random:1")
    assert build(changed(settings, metrics=other), workspace).name == name


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


def with_split(settings: Settings, **values: object) -> Settings:
    given = SplitSettings.model_validate({**settings.split.model_dump(), **values})
    return changed(settings, split=given)


def test_who_validates_neither_trains_nor_is_evaluated(settings: Settings, workspace: Path) -> None:
    plain = build(settings, workspace)
    protocol = build(with_split(settings, validation=2), workspace)
    trained, validated, tested = (
        set(pairs["subject"])
        for pairs in (protocol.train_pairs, protocol.validation_pairs, protocol.test_pairs)
    )
    assert (len(trained), len(validated), len(tested)) == (5, 2, 3)
    assert trained | validated == set(plain.train_pairs["subject"])
    assert tested == set(plain.test_pairs["subject"])
    assert protocol.info["split"]["validation_subjects"] == 2
    assert "0001" not in json.dumps({**protocol.info, "created": ""})
    assert protocol.name != plain.name


def test_without_validation_there_are_no_validation_pairs(
    settings: Settings, workspace: Path
) -> None:
    protocol = build(settings, workspace)
    assert protocol.validation_pairs.empty
    assert list(protocol.train_pairs)[:5] == list(protocol.validation_pairs)
    assert protocol.info["split"]["validation_subjects"] == 0


def test_folds_are_protocols_that_evaluate_everyone_once(
    settings: Settings, workspace: Path
) -> None:
    folds = [
        build(with_split(settings, folds=3, fold=fold, stratify="sex"), workspace)
        for fold in range(3)
    ]
    tested = [subject for fold in folds for subject in fold.test_pairs["subject"].unique()]
    everyone = set(folds[0].train_pairs["subject"]) | set(folds[0].test_pairs["subject"])
    assert sorted(tested) == sorted(everyone)
    assert len({fold.name for fold in folds}) == 3


def test_a_group_can_be_left_out(settings: Settings, workspace: Path) -> None:
    protocol = build(with_split(settings, leave_out="group=AD"), workspace)
    assert protocol.info["split"]["rule"] == "left out: group AD"
    (found,) = (workspace / "cohorts").glob("phantom-*")
    people = pd.read_csv(found / "participants.tsv", sep="\t")
    ill = people.loc[people["group"] == "AD", "participant_id"].str.removeprefix("sub-")
    assert set(protocol.test_pairs["subject"]) == set(ill)


def test_a_wrong_split_is_reported_before_anything_is_prepared(
    settings: Settings, workspace: Path
) -> None:
    shutil.rmtree(workspace / "prepared")
    with pytest.raises(UserError, match="no subject has group XY; group: AD"):
        build(with_split(settings, leave_out="group=XY"), workspace)
    assert not (workspace / "prepared").exists()


def test_one_scan_under_two_subjects_is_refused(
    settings: Settings, workspace: Path, tmp_path: Path
) -> None:
    (found,) = (workspace / "cohorts").glob("phantom-*")
    copied = Path(shutil.copytree(found, tmp_path / "copied"))
    one, another = (sorted(copied.glob(f"sub-000{n}/ses-*/anat/*.nii.gz"))[0] for n in (1, 2))
    shutil.copy(one, another)
    with pytest.raises(UserError, match="holds the same bytes as"):
        build(changed(settings, cohort=f"bids:{copied}"), workspace)


def test_what_leaves_the_workspace_names_no_one(protocol: Path) -> None:
    info = json.loads((protocol / "protocol.json").read_text())
    assert info["split"]["test_subjects"] == 3
    assert info["cohort"]["shareable"] is True
    assert "0001" not in json.dumps({**info, "created": ""})


def test_a_test_cohort_of_the_same_scans_is_refused(
    settings: Settings, workspace: Path, tmp_path: Path
) -> None:
    (found,) = (workspace / "cohorts").glob("phantom-*")
    copied = tmp_path / "renamed"
    copied.mkdir()
    shutil.copy(found / "dataset_description.json", copied)  # marks them as prepared
    for person in sorted(found.glob("sub-*")):
        for path in person.rglob("*"):
            name = str(path.relative_to(found)).replace("sub-", "sub-x")
            if path.is_file():
                (copied / name).parent.mkdir(parents=True, exist_ok=True)
                (copied / name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="is a scan of the training cohort"):
        build(changed(settings, test_cohort=f"bids:{copied}"), workspace)


def test_weights_that_are_not_on_disk_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "w.pth"
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    for extractor in (f"file:{weights}", f"medicalnet:50@{weights}"):
        with pytest.raises(UserError, match=r"w\.pth: a pointer of Git LFS .*git lfs pull"):
            build_metrics(MetricSettings(extractor=extractor))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"names": ("fib",)}, "unknown metric 'fib'. Did you mean 'fid'"),
        ({"extractor": "medicalnet:51"}, "extractor: MedicalNet has no released file"),
        ({"extractor": "resnet"}, "extractor: weights 'resnet' cannot be parsed"),
        ({"extractor": "file:/none.pth"}, "extractor: cannot read the weights /none.pth"),
    ],
)
def test_metrics_that_cannot_be_had_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_metrics(MetricSettings.model_validate(values))
