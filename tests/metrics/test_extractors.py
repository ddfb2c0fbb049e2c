"""Features of a volume: deterministic, in the stated form, without side effects."""

from functools import partial

import numpy as np
import pytest
import torch

from longibench.metrics import extractors
from longibench.metrics.extractors import Extractor, extractor, extractor_title
from longibench.metrics.scan import Scan
from longibench.metrics.weight_files import WeightsError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Extractor:
    return extractor("random:0", "as-is", CPU)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return Scan(np.random.default_rng(0).uniform(-1, 1, (16, 20, 16)).astype(np.float32))


def test_form_of_the_features(network: Extractor, scan: Scan) -> None:
    features = network.pooled(scan)
    assert features.shape == (512,)
    assert features.dtype == np.float64
    assert np.isfinite(features).all()
    assert features.std() > 0.1  # neither dead nor exploded, though nothing was trained
    assert features.max() < 100


def test_maps_go_from_fine_to_coarse(network: Extractor, scan: Scan) -> None:
    maps = network.maps(scan)
    assert [m.shape for m in maps] == [
        (64, 4, 5, 4),
        (128, 2, 3, 2),
        (256, 2, 3, 2),
        (512, 2, 3, 2),
    ]
    assert all(m.dtype == np.float32 for m in maps)
    np.testing.assert_allclose(maps[-1].mean(axis=(1, 2, 3)), network.pooled(scan), rtol=1e-5)


def test_the_same_in_another_extractor(network: Extractor, scan: Scan) -> None:
    np.testing.assert_array_equal(
        extractor("random:0", "as-is", CPU).pooled(scan), network.pooled(scan)
    )
    assert (
        np.abs(extractor("random:1", "as-is", CPU).pooled(scan) - network.pooled(scan)).max() > 0.1
    )


def test_reads_read_only_and_double_volumes(network: Extractor, scan: Scan) -> None:
    frozen = scan.voxels.astype(np.float64)
    frozen.setflags(write=False)
    np.testing.assert_array_equal(network.pooled(Scan(frozen)), network.pooled(scan))


def test_leaves_the_global_random_generator_alone(scan: Scan) -> None:
    before = torch.get_rng_state()
    extractor("random:3", "as-is", CPU).pooled(scan)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_convention_changes_features_and_title(network: Extractor, scan: Scan) -> None:
    standardised = extractor("random:0", "z-score", CPU).pooled(scan)
    assert np.abs(standardised - network.pooled(scan)).max() > 0.1
    assert extractor_title("random:0", "z-score") == (
        "MedicalNet ResNet-10, random:0, input z-score"
    )


@pytest.mark.parametrize("convention", ["as-is", "ha-gan"])
def test_the_plain_convention_is_not_in_the_title(convention: str) -> None:
    assert extractor_title("random:0", convention) == "MedicalNet ResNet-10, random:0"


@pytest.mark.parametrize("weights", ["embedded:1", "embedded:1-random:1", "embedded-random:1"])
def test_the_embedded_network(weights: str, scan: Scan) -> None:
    network, title = extractor(weights, "ha-gan", CPU), extractor_title(weights, "ha-gan")
    features = network.pooled(scan)
    assert features.dtype == np.float64
    assert np.isfinite(features).all()
    assert title.startswith("embedded anatomy ")
    assert title.endswith(f"d={len(features)}")
    np.testing.assert_array_equal(
        extractor(weights, "as-is", CPU).pooled(Scan(scan.voxels)), features
    )
    assert all(m.dtype == np.float32 for m in network.maps(scan))


@pytest.mark.parametrize("build", [partial(extractor, device=CPU), extractor_title])
def test_what_is_not_known_is_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(WeightsError, match="input convention 'minmax' is not known"):
        build("random:0", "minmax")
    with pytest.raises(WeightsError, match="cannot be parsed"):
        build("resnet", "as-is")
    with pytest.raises(WeightsError, match="embedded extractor accepts only volumes in"):
        build("embedded", "wdm")


def test_extractors_share_one_lock_of_the_gpu() -> None:
    """cuDNN's flags apply to the whole process: one extractor must not reset another's."""
    first, second = (extractors._alone(torch.device("cuda")) for _ in range(2))
    assert first is second
    assert extractors._alone(CPU) is not first
