"""Features of a volume: deterministic, in the stated form, without side effects."""

import numpy as np
import pytest
import torch

from metrics.extractors import Extractor, extractor


@pytest.fixture(scope="module")
def extract() -> Extractor:
    return extractor("random:0")


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (16, 20, 16)).astype(np.float32)


def test_form_of_the_features(extract: Extractor, volume: np.ndarray) -> None:
    features = extract(volume)
    assert features.shape == (512,)
    assert features.dtype == np.float64
    assert np.isfinite(features).all()
    assert features.std() > 0.1  # neither dead nor exploded, though nothing was trained
    assert features.max() < 100


def test_the_same_in_another_extractor(extract: Extractor, volume: np.ndarray) -> None:
    np.testing.assert_array_equal(extractor("random:0")(volume), extract(volume))
    assert np.abs(extractor("random:1")(volume) - extract(volume)).max() > 0.1


def test_reads_read_only_and_double_volumes(extract: Extractor, volume: np.ndarray) -> None:
    frozen = volume.astype(np.float64)
    frozen.setflags(write=False)
    np.testing.assert_array_equal(extract(frozen), extract(volume))


def test_leaves_the_global_random_generator_alone(volume: np.ndarray) -> None:
    before = torch.get_rng_state()
    extractor("random:3")(volume)
    assert torch.equal(torch.get_rng_state(), before)
