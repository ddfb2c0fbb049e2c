"""Anatomies and images to learn from: what is promised of every one of them."""

import numpy as np
import pytest
import torch
from anatomy_training.anatomies import World, sample_map
from anatomy_training.damage import checkerboard
from anatomy_training.images import (
    NATIVE_MM,
    SHAPE,
    Camera,
    Example,
    Residue,
    left_behind,
    sample_contrast,
    sample_residue,
    sides_of,
    tissue_shares,
)

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.metrics.anatomy_grid import regridded
from longibench.metrics.anatomy_network import PROPERTIES, TISSUES


@pytest.fixture(scope="module")
def anatomies(world: World) -> list[torch.Tensor]:
    return [sample_map(world, number) for number in range(1, 4)]


@pytest.fixture(scope="module")
def pairs(camera: Camera, anatomies: list[torch.Tensor]) -> list[list[Example]]:
    return [
        camera.shoot(anatomy, np.random.default_rng(seed)) for seed, anatomy in enumerate(anatomies)
    ]


def test_anatomies_differ_never_fold_and_do_not_depend_on_each_other(
    world: World, anatomies: list[torch.Tensor]
) -> None:
    assert sample_map(world, 3).equal(anatomies[2])
    positions = [FIELD.volume(FIELD.points()) + each for each in anatomies]
    volumes = Volumes(world.elderly)
    assert all(volumes.smallest_jacobian(each) > 0 for each in positions)
    ventricles = [volumes.ml(each, volumes.region(each))["ventricle_ml"] for each in positions]
    assert max(ventricles) > 2 * min(ventricles)


def test_what_holds_of_every_image(pairs: list[list[Example]]) -> None:
    for one in (each for pair in pairs for each in pair):
        assert one.spacing_mm in NATIVE_MM
        assert one.image.shape == (1, *sides_of(one.spacing_mm))
        assert one.image.abs().max() <= 1
        assert one.tissue.shape == (len(TISSUES), *SHAPE)
        assert one.tissue.min() >= -1e-5
        assert (one.tissue.sum(dim=0) - 1).abs().max() < 1e-4
        assert one.properties.shape == (len(PROPERTIES),)
        assert one.properties.abs().max() < 10


def test_the_tissue_is_where_the_image_shows_it(pairs: list[list[Example]]) -> None:
    for one in (each for pair in pairs for each in pair):
        shown = regridded(one.image[None], SHAPE)[0, 0]
        outside = one.tissue[0] > 0.999
        assert shown[outside].mean() < -0.97
        assert shown[~outside].mean() > -0.7


def test_the_second_image_is_of_the_mirror_image(pairs: list[list[Example]]) -> None:
    for first, second in pairs:
        flipped = second.tissue.flip(1)
        both = (first.tissue[0] < 0.5) & (flipped[0] < 0.5)
        # But for the edge of the head that each shows.
        assert (first.tissue[3] - flipped[3])[both].abs().max() < 0.35
        assert not first.image.equal(second.image.flip(1))  # in another contrast


def test_an_image_follows_its_generator(
    camera: Camera, anatomies: list[torch.Tensor], pairs: list[list[Example]]
) -> None:
    again = camera.shoot(anatomies[0], np.random.default_rng(0))
    assert again[1].image.equal(pairs[0][1].image)
    assert again[1].tissue.equal(pairs[0][1].tissue)


def test_contrasts_keep_the_order_of_t1_and_differ_widely() -> None:
    rng = np.random.default_rng(0)
    sampled = [sample_contrast(rng) for _ in range(300)]
    assert all(fluid < grey < white for fluid, grey, white in (each.signals for each in sampled))
    assert min(each.texture for each in sampled) < 0.1
    assert max(each.gamma for each in sampled) > 1.4 > 0.8 > min(each.gamma for each in sampled)
    slices = [max(each.blur) - sorted(each.blur)[1] for each in sampled]
    assert 0.15 < np.mean(np.array(slices) > 0) < 0.35  # thick ones


def test_half_of_the_images_have_no_residue_of_a_kind() -> None:
    rng = np.random.default_rng(0)
    sampled = [sample_residue(rng) for _ in range(400)]
    for kind in ("blur", "noise", "checkerboard"):
        assert np.mean([getattr(each, kind) == 0 for each in sampled]) == pytest.approx(
            0.5, abs=0.1
        )


def test_a_residue_is_added_to_the_image() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(-0.5, 0.5, (6, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(left_behind(image, Residue(), rng), image)
    found = left_behind(image, Residue(checkerboard=0.05), rng)
    np.testing.assert_array_equal(found, checkerboard(image, 0.05))


def test_shares_of_tissue() -> None:
    maps = np.array(
        [
            [1, 0.3, 0.0],  # t1
            [1, 1.0, 0.5],  # head
            [0.2, 0.0, 0.4],  # grey
            [0.7, 0.0, 0.0],  # white
            [0.0, 0.8, 0.0],  # ventricles
            [0.1, 0.0, 0.5],  # hippocampus: at most the grey matter
        ],
        np.float32,
    )
    expected = [
        [0, 0, 0.5],
        [0.1, 0.2, 0.1],
        [0.1, 0, 0],
        [0.7, 0, 0],
        [0, 0.8, 0],
        [0.1, 0, 0.4],
    ]
    np.testing.assert_allclose(tissue_shares(maps), expected, atol=1e-6)
