"""Reading volumes with the embedded network: its file, shapes, and what a reading depends on."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from longibench.metrics.anatomy import (
    FEATURES,
    SHA256,
    TISSUES,
    WEIGHTS,
    load_embedded,
    random_twin,
    read,
    tissue_volumes,
)
from longibench.metrics.anatomy_network import STAGES, AnatomyNetwork, fold, unfold
from longibench.metrics.scan import Spacing, Volume
from longibench.metrics.weight_files import WeightsError

SIDE = (2.5, 2.5, 2.5)


@pytest.fixture(scope="module")
def network() -> AnatomyNetwork:
    return load_embedded()


def ball(shape: tuple[int, int, int] = (32, 40, 32), radius: float = 11.0) -> Volume:
    """Something like a head: a textured ball on the background."""
    middle = [(side - 1) / 2 for side in shape]
    distance = np.sqrt(
        sum((axis - m) ** 2 for axis, m in zip(np.indices(shape), middle, strict=True))
    )
    return np.where(distance < radius, np.cos(distance) / 2, -1).astype(np.float32)


def test_the_file_is_the_released_one_and_small() -> None:
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == SHA256
    assert WEIGHTS.stat().st_size <= 6e6


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(WEIGHTS.read_bytes())
    content[-1] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or of another version"):
        load_embedded(damaged)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_embedded(tmp_path / "missing.safetensors")


def test_all_weights_come_from_the_file(network: AnatomyNetwork) -> None:
    initial = random_twin(0).state_dict()
    same = [name for name, value in network.state_dict().items() if value.equal(initial[name])]
    assert all(name.endswith("num_batches_tracked") for name in same)
    assert not network.training


@pytest.mark.parametrize("shape", [(32, 40, 32), (29, 37, 31), (8, 8, 8)])
def test_shapes_of_a_reading(network: AnatomyNetwork, shape: tuple[int, int, int]) -> None:
    reading = read(network, ball(shape, 9), SIDE)
    assert reading.probabilities.shape == (len(TISSUES), *shape)
    assert reading.probabilities.dtype == np.float32
    np.testing.assert_allclose(reading.probabilities.sum(axis=0), 1, atol=1e-5)
    padded = [-(-side // 8) * 8 for side in shape]
    for stage, channels, stride in zip(reading.maps, STAGES, (2, 4, 8, 8, 8), strict=True):
        assert stage.shape == (channels, *(side // stride for side in padded))
    assert reading.pooled.shape == (FEATURES,)
    assert reading.pooled.dtype == np.float64


def test_pooled_features_are_the_means_of_the_maps(network: AnatomyNetwork) -> None:
    reading = read(network, ball(), SIDE)
    means = np.concatenate([stage.mean(axis=(1, 2, 3)) for stage in reading.maps])
    np.testing.assert_allclose(reading.pooled, means, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("spacing", "sides"),
    [
        ((5.0, 5.0, 5.0), (16, 20, 16)),  # half of the sides, after refining and padding
        ((2.5, 2.5, 5.0), (8, 12, 16)),
        ((1.25, 1.25, 1.25), (8, 12, 8)),
    ],
)
def test_coarse_axes_are_refined_and_the_answer_has_the_volume_s_grid(
    network: AnatomyNetwork, spacing: Spacing, sides: tuple[int, int, int]
) -> None:
    reading = read(network, ball((16, 20, 16), 6), spacing)
    assert reading.maps[0].shape[1:] == sides
    assert reading.probabilities.shape == (len(TISSUES), 16, 20, 16)
    np.testing.assert_allclose(reading.probabilities.sum(axis=0), 1, atol=1e-5)


def test_the_same_bits_again_and_nothing_global_changes(network: AnatomyNetwork) -> None:
    volume, kept = ball(), ball()
    before = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    first, second = read(network, volume, SIDE), read(network, volume, SIDE)
    after = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    np.testing.assert_array_equal(first.pooled, second.pooled)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_array_equal(volume, kept)
    assert before[0].equal(after[0])
    assert before[1:] == after[1:]


def test_nothing_is_cut_at_the_side_where_padding_is_added(network: AnatomyNetwork) -> None:
    """A head in a box of odd sides is read as in a box that needs no padding."""
    whole = ball((32, 40, 32), 11)
    odd = whole[1:30, 2:39, 1:30]
    cut = read(network, odd, SIDE).probabilities
    kept = read(network, whole, SIDE).probabilities[:, 1:30, 2:39, 1:30]
    assert cut.shape == kept.shape
    assert np.abs(cut - kept).mean() < 0.02
    shifted = read(network, whole, SIDE).probabilities[:, 2:31, 2:39, 1:30]
    assert np.abs(cut - kept).mean() < np.abs(cut - shifted).mean()  # and in its old place


def test_a_random_twin_follows_its_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = random_twin(3), random_twin(3), random_twin(4)
    assert torch.get_rng_state().equal(state)
    volume = ball()
    pooled = [read(network, volume, SIDE).pooled for network in (first, again, other)]
    np.testing.assert_array_equal(pooled[0], pooled[1])
    assert np.abs(pooled[0] - pooled[2]).max() > 0.01


def test_volumes_add_shares_and_convert_to_ml() -> None:
    probabilities = np.zeros((5, 10, 10, 10), np.float32)
    probabilities[0] = 0.5
    probabilities[2, :5] = 0.3
    probabilities[3, :5] = 0.2
    probabilities[4, 5:] = 0.5
    found = tissue_volumes(probabilities, (2.0, 1.0, 3.0))
    expected = {"csf": 0, "grey": 0.9, "white": 0.6, "ventricles": 1.5, "brain": 1.5}
    assert found == pytest.approx(expected, rel=1e-5)


def test_folding_is_undone() -> None:
    volume = torch.arange(2 * 3 * 4 * 6 * 8, dtype=torch.float32).reshape(2, 3, 4, 6, 8)
    folded = fold(volume)
    assert folded.shape == (2, 24, 2, 3, 4)
    assert unfold(folded).equal(volume)
    assert folded[0, :8, 0, 0, 0].tolist() == volume[0, 0, :2, :2, :2].flatten().tolist()


def test_tissue_is_computed_once_and_only_if_asked_for(
    network: AnatomyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features of a volume cost less than half of its segmentation."""
    asked: list[int] = []
    logits = network.logits

    def counted(x: torch.Tensor, stages: tuple[torch.Tensor, ...]) -> torch.Tensor:
        asked.append(1)
        return logits(x, stages)

    monkeypatch.setattr(network, "logits", counted)
    reading = read(network, ball((16, 16, 16), 6.0), SIDE)
    assert reading.pooled.shape == (FEATURES,)
    assert asked == []
    assert reading.probabilities is reading.probabilities
    assert asked == [1]
    assert not torch.from_numpy(reading.probabilities).requires_grad
