"""Weights by name: the grammar, the authors' file format, and what must be refused."""

import pathlib
from pathlib import Path

import huggingface_hub
import pytest
import torch

from longibench.metrics.medicalnet import with_random_weights
from longibench.metrics.released import CHECKSUMS
from longibench.metrics.weight_files import WeightsError, checksum
from longibench.metrics.weights import (
    MOST_SEED,
    EmbeddedWeights,
    parse,
    parse_segmentation,
)


class Payload:
    """What a hostile file would hold: unpickling it touches a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return pathlib.Path.touch, (self.path,)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the authors' format: ``state_dict``, names prefixed by data-parallel training."""
    path = tmp_path_factory.mktemp("weights") / "resnet_10.pth"
    state = with_random_weights(10, 5).state_dict()
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, path)
    return path


@pytest.fixture
def known(released: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same file, with its checksum taken for the released one."""
    monkeypatch.setitem(CHECKSUMS, "resnet_10.pth", checksum(released))
    return released


def saved(value: object, path: Path) -> Path:
    torch.save(value, path)
    return path


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("embedded", "embedded anatomy v2, d=240"),
        ("embedded:2", "embedded anatomy v2, d=240"),
        ("embedded:1", "embedded anatomy v1, d=256"),
        ("embedded-random:3", "embedded anatomy v2 random:3, d=240"),
        ("embedded:1-random:3", "embedded anatomy v1 random:3, d=256"),
        ("random:7", "MedicalNet ResNet-10, random:7"),
        ("medicalnet:10", "MedicalNet ResNet-10, 8 datasets"),
        ("medicalnet:50+23", "MedicalNet ResNet-50, 23 datasets"),
        ("medicalnet:50@/data/resnet_50.pth", "MedicalNet ResNet-50, 8 datasets"),
        ("monai-strided:50", "MONAI-strided ResNet-50, 8 datasets"),
        ("monai-strided:10+23@/data/w.pth", "MONAI-strided ResNet-10, 23 datasets"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert parse(name).title == title


@pytest.mark.parametrize(
    "name",
    [
        "",
        "random",
        "random:",
        "random:-1",
        "random:a",
        "medicalnet:",
        "medicalnet:" + "9" * 5000,
        "medicalnet:50+22",
        "medicalnet:50@",
        "file:",
        "embedded:",
        "embedded:x",
        "embedded:-1",
        "embedded:1:random:3",
        "embedded-random",
        "embedded-random:3:1",
        "monai:50",
        "resnet50",
        "medicalnet:50 ",
    ],
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=r"cannot be parsed; .*use embedded, .*file:PATH"):
        parse(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("medicalnet50", "medicalnet:50"),
        ("monai-strided50", "monai-strided:50"),
        ("embeded", "embedded"),
        ("random", "random:0"),
    ],
)
def test_the_nearest_name_is_suggested(name: str, near: str) -> None:
    with pytest.raises(WeightsError, match=f"did you mean {near}[?]"):
        parse(name)


@pytest.mark.parametrize("prefix", ["random", "embedded-random", "embedded:1-random"])
def test_seeds_have_an_upper_end(prefix: str) -> None:
    assert parse(f"{prefix}:{MOST_SEED}")
    for seed in (MOST_SEED + 1, "9" * 5000):
        with pytest.raises(WeightsError, match=f"a seed is at most {MOST_SEED}"):
            parse(f"{prefix}:{seed}")


def test_embedded_weights_have_a_version_and_a_seed_or_none() -> None:
    assert parse("embedded") == EmbeddedWeights(None, None)
    assert parse("embedded-random:3") == EmbeddedWeights(None, 3)
    assert parse("embedded:1") == EmbeddedWeights(1, None)
    assert parse("embedded:1-random:3") == EmbeddedWeights(1, 3)


def test_the_newest_is_one_definition_however_it_is_named() -> None:
    """And each version and each seed another: their values are never ranked together."""
    names = ("embedded", "embedded:2", "embedded:1", "embedded-random:3", "embedded:1-random:3")
    newest, named, *others = (parse(name).definition for name in names)
    assert newest == named
    assert len({repr(its) for its in (newest, *others)}) == 4


def test_the_first_version_is_defined_as_it_was_when_it_was_the_only_one() -> None:
    """Its stored values are those of earlier tables."""
    assert parse("embedded:1").definition == {
        "network": "embedded anatomy",
        "weights": "d0c0b09a7ce4fe5d34e86af9e6e9f967edaa3d3ef73fa20a7a6069da7f4a4467",
        "coarsest_mm": 2.5,
    }


@pytest.mark.parametrize("name", ["embedded:0", "embedded:9", "embedded:9-random:0"])
def test_a_version_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=r"there is no embedded:[09]; there are embedded:1, emb"):
        parse(name)


@pytest.mark.parametrize(
    "name", ["medicalnet:50", "random:0", "embedded-random:0", "embedded:x", ""]
)
def test_what_does_not_segment_is_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=f"'{name}' does not segment brains; use embedded or"):
        parse_segmentation(name)


def test_titles_of_segmentations() -> None:
    assert parse_segmentation("embedded").segmentation_title == "embedded segmentation v2"
    assert parse_segmentation("embedded:1").segmentation_title == "embedded segmentation v1"


@pytest.mark.parametrize("name", ["medicalnet:11", "medicalnet:101+23"])
def test_files_never_released_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match=r"no released file.*medicalnet:50\+23"):
        parse(name)


def test_released_file_loads_strictly(known: Path) -> None:
    found = parse(f"medicalnet:10@{known}").network()
    expected = with_random_weights(10, 5).state_dict()
    assert found.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())
    assert not found.training


def test_strided_trunk_takes_the_same_file(known: Path) -> None:
    strided = parse(f"monai-strided:10@{known}").network()
    assert torch.equal(strided.conv1.weight, with_random_weights(10, 5).conv1.weight)
    assert strided.layer4[0].conv1.stride == (2, 2, 2)


def test_own_file_tells_its_depth(released: Path) -> None:
    own = parse(f"file:{released}")
    assert own.title == f"MedicalNet ResNet-10, file {released.name}"
    assert own.definition["weights"] == checksum(released)
    assert torch.equal(own.network().conv1.weight, with_random_weights(10, 5).conv1.weight)


def test_downloads_the_file_of_the_depth(known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(repository: str, file_name: str) -> str:
        asked.append((repository, file_name))
        return str(known)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    parse("medicalnet:10").network()
    assert asked == [("TencentMedicalNet/MedicalNet-Resnet10", "resnet_10.pth")]


def test_without_internet_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, file_name: str) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(WeightsError, match=r"no connection.*medicalnet:50\+23@PATH.*embedded"):
        parse("medicalnet:50+23").network()


def test_tampered_file_is_refused(known: Path, tmp_path: Path) -> None:
    tampered = tmp_path / "resnet_10.pth"
    content = bytearray(known.read_bytes())
    content[len(content) // 2] ^= 1
    tampered.write_bytes(content)
    with pytest.raises(WeightsError, match="wrong checksum"):
        parse(f"medicalnet:10@{tampered}").network()


def test_pickled_payload_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched = tmp_path / "touched"
    path = saved({"state_dict": {"module.conv1.weight": Payload(touched)}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="refused without running"):
        parse(f"file:{path}").network()
    monkeypatch.setitem(CHECKSUMS, "resnet_10.pth", checksum(path))
    with pytest.raises(WeightsError, match="refused without running"):
        parse(f"medicalnet:10@{path}").network()
    assert not touched.exists()


def test_truncated_file_is_refused(released: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.pth"
    path.write_bytes(released.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        parse(f"file:{path}").network()


def test_missing_file_is_named(tmp_path: Path) -> None:
    for name in (f"file:{tmp_path / 'none.pth'}", f"medicalnet:10@{tmp_path / 'none.pth'}"):
        with pytest.raises(WeightsError, match=r"none\.pth"):
            parse(name).network()


@pytest.mark.parametrize("value", [torch.ones(3), {"state_dict": 3}, {"epoch": 3}, [1]])
def test_no_weights_in_the_file(value: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="contains no network weights"):
        parse(f"file:{saved(value, tmp_path / 'w.pth')}").network()


def test_other_entries_are_refused(released: Path, tmp_path: Path) -> None:
    state = torch.load(released, weights_only=True)["state_dict"]
    more = saved(
        {"state_dict": state | {"module.conv_seg.0.weight": torch.ones(2)}}, tmp_path / "a"
    )
    with pytest.raises(WeightsError, match=r"does not fit.*conv_seg"):
        parse(f"file:{more}").network()
    wider = saved({"state_dict": state | {"module.bn1.weight": torch.ones(2)}}, tmp_path / "b")
    with pytest.raises(WeightsError, match=r"does not fit.*bn1\.weight"):
        parse(f"file:{wider}").network()
    other = saved({"state_dict": {"module.fc.weight": torch.ones(2)}}, tmp_path / "c")
    with pytest.raises(WeightsError, match="not those of a MedicalNet"):
        parse(f"file:{other}").network()
