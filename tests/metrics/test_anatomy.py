"""Reading volumes with the embedded network: its files, shapes, and what a reading depends on."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from longibench.metrics import anatomy
from longibench.metrics.anatomy import (
    NEWEST,
    RELEASES,
    Network,
    load_embedded,
    random_twin,
    read,
    tissue_volumes,
    with_weights,
)
from longibench.metrics.anatomy_grid import working_sides
from longibench.metrics.anatomy_network import ANATOMY, SPACING_MM, TEXTURE, TISSUES
from longibench.metrics.anatomy_network_1 import STAGES
from longibench.metrics.scan import Spacing, Volume
from longibench.metrics.weight_files import WeightsError

SIDE = (2.5, 2.5, 2.5)
SIZES = [(5.0, 5.0, 5.0), SIDE, (1.5, 1.5, 1.5), (1.0, 1.2, 3.0)]
RELEASED = [1, 2]
BOTH = pytest.mark.parametrize("version", RELEASES)


@pytest.fixture(scope="module")
def networks() -> dict[int, Network]:
    """Each version with random weights: what does not depend on the training."""
    return {version: random_twin(0, version) for version in RELEASES}


def ball(shape: tuple[int, int, int] = (16, 20, 16), radius: float = 6.0) -> Volume:
    """Something like a head: a textured ball on the background."""
    middle = [(side - 1) / 2 for side in shape]
    distance = np.sqrt(
        sum((axis - m) ** 2 for axis, m in zip(np.indices(shape), middle, strict=True))
    )
    return np.where(distance < radius, np.cos(distance) / 2, -1).astype(np.float32)


@pytest.mark.parametrize("version", RELEASED)
def test_the_file_is_the_released_one_and_small(version: int) -> None:
    content = RELEASES[version].path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == RELEASES[version].sha256
    assert len(content) <= 6e6


@pytest.mark.parametrize("version", RELEASED)
def test_all_weights_come_from_the_file(version: int) -> None:
    network, initial = load_embedded(version), random_twin(0, version).state_dict()
    same = [name for name, value in network.state_dict().items() if value.equal(initial[name])]
    assert all(name.endswith("num_batches_tracked") for name in same)
    assert not network.training


def test_a_damaged_or_missing_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(RELEASES[1].path.read_bytes())
    content[-1] ^= 1
    path = tmp_path / "anatomy.safetensors"
    monkeypatch.setitem(anatomy.RELEASES, 1, replace(RELEASES[1], path=path))
    with pytest.raises(WeightsError, match=r"anatomy\.safetensors: cannot be read; install"):
        load_embedded(1)
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or of another version"):
        load_embedded(1)


# Pooled features' sum, and grey matter and ventricles in ml, as the versions were published.
PUBLISHED = {
    (1, (5.0, 5.0, 5.0)): (170.590038, 120.34642, 1.88591),
    (1, (2.5, 2.5, 2.5)): (131.802923, 16.25818, 0.06765),
    (1, (1.0, 1.2, 3.0)): (138.540751, 3.6485, 0.02002),
    (2, (5.0, 5.0, 5.0)): (234.002583, 89.62927, 0.70809),
    (2, (2.5, 2.5, 2.5)): (317.141038, 12.15483, 0.03401),
    (2, (1.0, 1.2, 3.0)): (191.116941, 2.35817, 0.0051),
}


@pytest.mark.parametrize(("released", "values"), PUBLISHED.items())
def test_every_version_measures_what_it_did(
    released: tuple[int, Spacing], values: tuple[float, float, float]
) -> None:
    """Old tables can be made again, whatever changes in the code."""
    version, spacing = released
    volume = np.random.default_rng(0).uniform(-1, 1, (11, 14, 10)).astype(np.float32)
    reading = read(load_embedded(version), volume, spacing)
    found = (reading.pooled.sum(), reading.volumes["grey"], reading.volumes["ventricles"])
    assert found == pytest.approx(values, rel=1e-4, abs=1e-5)


@BOTH
@pytest.mark.parametrize("spacing", SIZES)
def test_shapes_of_a_reading(version: int, spacing: Spacing, networks: dict[int, Network]) -> None:
    release, volume = RELEASES[version], ball((13, 17, 12))
    reading = read(networks[version], volume, spacing)
    assert reading.pooled.shape == (release.features,)
    assert reading.pooled.dtype == np.float64
    assert reading.probabilities.shape == (len(release.network.tissues), *volume.shape)
    assert reading.probabilities.dtype == np.float32
    np.testing.assert_allclose(reading.probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(reading.shares.sum(dim=0), 1, atol=1e-5)


@pytest.mark.parametrize("spacing", SIZES)
def test_tissue_is_found_on_the_network_s_own_grid(
    spacing: Spacing, networks: dict[int, Network]
) -> None:
    volume = ball((13, 17, 12))
    shares = read(networks[2], volume, spacing).shares
    sides = [round(side * mm / SPACING_MM) for side, mm in zip(volume.shape, spacing, strict=True)]
    assert list(shares.shape) == [len(TISSUES), *sides]
    assert working_sides(volume.shape, spacing, SPACING_MM) == sides


def test_maps_of_the_versions(networks: dict[int, Network]) -> None:
    """The first has those of whole strides of padded sides, the second texture on given voxels."""
    volume = ball((29, 37, 31), 9)
    strides = (2, 4, 8, 8, 8)
    for stage, channels, stride in zip(
        read(networks[1], volume, SIDE).maps, STAGES, strides, strict=True
    ):
        assert stage.shape == (channels, 32 // stride, 40 // stride, 32 // stride)
    found = read(networks[2], volume, (1.25, 1.25, 1.25)).maps  # 16 x 24 x 16 voxels of 2.5 mm
    assert [stage.shape[0] for stage in found] == [*TEXTURE, *ANATOMY]
    assert found[0].shape[1:] == (15, 19, 16)
    assert [stage.shape[1:] for stage in found[2:]] == [
        *((8, 12, 8), (4, 6, 4)),
        *((2, 3, 2), (2, 3, 2)),
    ]


def test_pooled_features_of_the_first_are_the_means_of_the_maps(
    networks: dict[int, Network],
) -> None:
    reading = read(networks[1], ball(), SIDE)
    means = np.concatenate([stage.mean(axis=(1, 2, 3)) for stage in reading.maps])
    np.testing.assert_allclose(reading.pooled, means, rtol=1e-4, atol=1e-6)


def test_features_of_the_second_are_standardised(networks: dict[int, Network]) -> None:
    reading = read(networks[2], ball(), SIDE)
    texture = sum(TEXTURE)
    means = np.concatenate([stage.mean(axis=(1, 2, 3)) for stage in reading.maps[2:]])
    np.testing.assert_allclose(reading.pooled[texture:], means, rtol=1e-4, atol=1e-6)
    other = random_twin(0, 2)
    other.mean.fill_(0.5)
    other.deviation.fill_(0.25)
    expected = (reading.pooled - 0.5) / 0.25
    np.testing.assert_allclose(read(other, ball(), SIDE).pooled, expected, rtol=1e-4, atol=1e-4)


def test_a_background_that_is_a_little_brighter_is_no_other_texture() -> None:
    """As generators leave it; half a voxel of blur is what must be seen."""
    network, head, rng = load_embedded(2), ball((24, 28, 24), 9), np.random.default_rng(0)
    noise = np.abs(rng.normal(0, 1e-4, head.shape)).astype(np.float32)
    brighter, blurred = np.where(head == -1, noise - 1, head), gaussian_filter(head, 0.5)
    features = [read(network, each, SIDE).pooled for each in (head, brighter, blurred)]
    moved, seen = (np.square(each - features[0]).sum() for each in features[1:])
    assert moved < 1e-3 * seen


def test_every_feature_of_the_second_differs_between_images() -> None:
    """A filter that is constant in the training would dominate the features of another image."""
    deviation = load_embedded(2).deviation
    assert float(deviation.min()) > 3e-3
    assert torch.isfinite(deviation).all()


def test_texture_is_that_of_the_head_alone(networks: dict[int, Network]) -> None:
    """More background around a head moves no feature of its texture."""
    texture = sum(TEXTURE)
    near = read(networks[2], ball((24, 28, 24)), SIDE).pooled
    far = read(networks[2], ball((32, 36, 32)), SIDE).pooled
    np.testing.assert_allclose(near[:texture], far[:texture], rtol=1e-4, atol=1e-6)
    assert np.abs(near[texture:] - far[texture:]).max() > 0.1


@BOTH
@pytest.mark.parametrize("spacing", SIZES)
def test_volumes_are_the_shares_on_the_network_s_grid(
    version: int, spacing: Spacing, networks: dict[int, Network]
) -> None:
    volume = ball()
    reading = read(networks[version], volume, spacing)
    shares = reading.shares.double().numpy()
    ml = volume.size * np.prod(spacing) / 1000 / shares[0].size  # of one of its voxels
    sums = shares.sum(axis=(1, 2, 3)) * ml
    found = dict(zip(RELEASES[version].network.tissues, sums, strict=True))
    grey = found["grey"] + found.get("hippocampus", 0)
    assert reading.volumes["ventricles"] == pytest.approx(found["ventricles"], rel=1e-5)
    assert reading.volumes["grey"] == pytest.approx(grey, rel=1e-5)
    assert reading.volumes["brain"] == pytest.approx(grey + found["white"], rel=1e-5)
    everything = found["background"] + sum(reading.volumes[name] for name in ("csf", "ventricles"))
    assert everything + reading.volumes["brain"] == pytest.approx(
        volume.size * np.prod(spacing) / 1000, rel=1e-5
    )


@BOTH
def test_the_same_bits_again_and_nothing_global_changes(
    version: int, networks: dict[int, Network]
) -> None:
    volume, kept, network = ball(), ball(), networks[version]
    before = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    first, second = read(network, volume, SIDE), read(network, volume, SIDE)
    np.testing.assert_array_equal(first.pooled, second.pooled)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    after = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    np.testing.assert_array_equal(volume, kept)
    assert before[0].equal(after[0])
    assert before[1:] == after[1:]


@pytest.mark.parametrize("version", RELEASED)
def test_nothing_is_cut_at_the_side_where_padding_is_added(version: int) -> None:
    """A head in a box of odd sides is read as in a box that needs no padding."""
    network = load_embedded(version)
    whole = ball((32, 40, 32), 11)
    odd = whole[1:30, 2:39, 1:30]
    cut = read(network, odd, SIDE).probabilities
    there = read(network, whole, SIDE).probabilities
    kept, shifted = there[:, 1:30, 2:39, 1:30], there[:, 2:31, 2:39, 1:30]
    assert cut.shape == kept.shape
    assert np.abs(cut - kept).mean() < 0.02
    assert np.abs(cut - kept).mean() < np.abs(cut - shifted).mean()  # and in its old place


@BOTH
def test_a_random_twin_follows_its_seed_alone(version: int) -> None:
    state = torch.get_rng_state()
    first, again, other = (random_twin(seed, version) for seed in (3, 3, 4))
    assert torch.get_rng_state().equal(state)
    pooled = [read(network, ball(), SIDE).pooled for network in (first, again, other)]
    np.testing.assert_array_equal(pooled[0], pooled[1])
    assert np.abs(pooled[0] - pooled[2]).max() > 0.01


def test_the_newest_is_meant_where_no_version_is_named() -> None:
    assert NEWEST == 2
    assert type(random_twin(0)) is RELEASES[2].network


def test_weights_of_a_file_are_loaded_without_batch_norm_s_counters() -> None:
    from safetensors.torch import save

    twin = random_twin(5)
    state = {name: value for name, value in twin.state_dict().items() if value.is_floating_point()}
    found = with_weights(2, save({name: value.contiguous() for name, value in state.items()}))
    np.testing.assert_array_equal(read(found, ball(), SIDE).pooled, read(twin, ball(), SIDE).pooled)


@BOTH
@pytest.mark.parametrize("fault", ["missing", "unknown"])
def test_weights_of_another_network_are_refused(version: int, fault: str) -> None:
    from safetensors.torch import load, save

    tensors = load(RELEASES[version].path.read_bytes())
    name = next(iter(tensors))
    if fault == "missing":
        del tensors[name]
    else:
        name = "other"
        tensors[name] = torch.zeros(2)
    with pytest.raises(WeightsError, match=f"not weights of embedded anatomy.*: {name} missing or"):
        with_weights(version, save(tensors))


def test_volumes_add_shares_and_convert_to_ml() -> None:
    shares = np.zeros((5, 10, 10, 10), np.float32)
    shares[0] = 0.5
    shares[2, :5] = 0.3
    shares[3, :5] = 0.2
    shares[4, 5:] = 0.5
    expected = {"csf": 0, "grey": 0.9, "white": 0.6, "ventricles": 1.5, "brain": 1.5}
    first = tissue_volumes(shares, (2.0, 1.0, 3.0), RELEASES[1].network.tissues)
    assert first == pytest.approx(expected, rel=1e-5)


def test_grey_matter_includes_the_hippocampi() -> None:
    shares = np.zeros((6, 10, 10, 10), np.float32)
    shares[2], shares[3], shares[5] = 0.3, 0.4, 0.1
    expected = {"grey": 0.4, "white": 0.4, "hippocampus": 0.1, "brain": 0.8}
    found = tissue_volumes(shares, (1.0, 1.0, 1.0))
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)


@BOTH
def test_tissue_is_computed_once_and_only_if_asked_for(
    version: int, networks: dict[int, Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features of a volume do not pay for its segmentation."""
    network, asked = networks[version], []
    logits = network.logits

    def counted(*given: Any) -> torch.Tensor:
        asked.append(1)
        return logits(*given)

    monkeypatch.setattr(network, "logits", counted)
    reading = read(network, ball((16, 16, 16)), SIDE)
    assert reading.pooled.shape == (RELEASES[version].features,)
    assert asked == []
    assert reading.volumes is reading.volumes
    assert reading.probabilities is reading.probabilities
    assert asked == [1]
    assert not torch.from_numpy(reading.probabilities).requires_grad
