"""Anatomies and images to learn from: what is promised of every one of them."""

import numpy as np
import pytest
import torch
from anatomy_training.anatomies import World, sample_map, sample_maps
from anatomy_training.images import (
    CROP,
    WHOLE,
    Camera,
    Example,
    sample_contrast,
    tissue_shares,
)

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.metrics.anatomy_network import PROPERTIES


@pytest.fixture(scope="module")
def maps(world: World) -> torch.Tensor:
    return sample_maps(world, 4)


def shoot(camera: Camera, anatomy: torch.Tensor, seed: int, whole: bool) -> Example:
    return camera.shoot(anatomy, np.random.default_rng(seed), whole)


def test_anatomies_differ_never_fold_and_do_not_depend_on_each_other(
    world: World, maps: torch.Tensor
) -> None:
    positions = [FIELD.volume(FIELD.points()) + each for each in maps]
    assert sample_map(world, 3).equal(maps[2])
    volumes = Volumes(world.template)
    jacobians = [volumes.smallest_jacobian(each) for each in positions]
    # Exactly 0 where the largest heads reach the field's border, as the third does; never below.
    assert all(smallest >= 0 for smallest in jacobians)
    assert sum(smallest > 0 for smallest in jacobians) >= 3
    ventricles = [volumes.ml(each, volumes.region(each))["ventricle_ml"] for each in positions]
    assert max(ventricles) > 1.5 * min(ventricles)


@pytest.mark.parametrize("whole", [True, False])
def test_what_holds_of_every_image(camera: Camera, maps: torch.Tensor, whole: bool) -> None:
    for seed in range(6):
        shot = shoot(camera, maps[seed % 4], seed, whole)
        shape = WHOLE if whole else CROP
        assert shot.image.shape == (1, *shape)
        assert shot.image.abs().max() <= 1
        assert shot.tissue.shape == (5, *shape)
        assert shot.tissue.min() >= -1e-6
        torch.testing.assert_close(shot.tissue.sum(dim=0), torch.ones(shape))
        assert (shot.image[0][shot.tissue[0] == 1] == -1).float().mean() > 0.9
        assert shot.properties.shape == (len(PROPERTIES),)
        assert shot.properties.abs().max() < 8


def test_an_image_follows_its_generator(camera: Camera, maps: torch.Tensor) -> None:
    first, again, other = (shoot(camera, maps[0], seed, False) for seed in (1, 1, 2))
    assert first.image.equal(again.image)
    assert first.tissue.equal(again.tissue)
    assert not first.image.equal(other.image)


def test_contrasts_keep_the_order_of_t1_and_differ_widely() -> None:
    rng = np.random.default_rng(0)
    drawn = [sample_contrast(rng) for _ in range(300)]
    assert all(fluid < grey < white for fluid, grey, white in (each.signals for each in drawn))
    assert min(each.texture for each in drawn) < 0.1
    assert max(each.gamma for each in drawn) > 1.4 > 0.8 > min(each.gamma for each in drawn)
    slices = [max(each.blur) - sorted(each.blur)[1] for each in drawn]
    assert 0.15 < np.mean(np.array(slices) > 0) < 0.35  # thick ones


def test_shares_of_tissue() -> None:
    t1, head, grey, white, ventricles = np.array(
        [
            [1, 0.3, 0.0],
            [1, 1.0, 0.5],
            [0.2, 0.0, 0.0],
            [0.7, 0.0, 0.0],
            [0.0, 0.8, 0.0],
        ],
        np.float32,
    )
    found = tissue_shares(np.stack([t1, head, grey, white, ventricles]))
    expected = [[0, 0, 0.5], [0.1, 0.2, 0.5], [0.2, 0, 0], [0.7, 0, 0], [0, 0.8, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
