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
    Pose,
    Residue,
    left_behind,
    sample_contrast,
    sample_residue,
    sides_of,
    tissue_shares,
)
from scipy.spatial.transform import Rotation

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.metrics.anatomy_grid import regridded, working_sides
from longibench.metrics.anatomy_network import PROPERTIES, SPACING_MM, TISSUES

SEEDS = 2, 4  # of an image of 5 and of 1.5 mm


@pytest.fixture(scope="module")
def anatomies(world: World) -> list[torch.Tensor]:
    return [sample_map(world, number) for number in (1, 2)]


@pytest.fixture(scope="module")
def pairs(camera: Camera, anatomies: list[torch.Tensor]) -> list[list[Example]]:
    """Two images of each anatomy: of 5 mm, and of 1.5 mm."""
    pairs = [
        camera.shoot(anatomy, np.random.default_rng(seed))
        for seed, anatomy in zip(SEEDS, anatomies, strict=True)
    ]
    assert [first.spacing_mm for first, _ in pairs] == [5.0, 1.5]
    return pairs


def test_anatomies_differ_never_fold_and_do_not_depend_on_each_other(
    world: World, anatomies: list[torch.Tensor]
) -> None:
    assert sample_map(world, 2).equal(anatomies[1])
    positions = [FIELD.volume(FIELD.points()) + each for each in anatomies]
    volumes = Volumes(world.elderly)
    assert all(volumes.smallest_jacobian(each) > 0 for each in positions)
    ventricles = [volumes.ml(each, volumes.region(each))["ventricle_ml"] for each in positions]
    assert max(ventricles) > 1.2 * min(ventricles)


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


@pytest.mark.parametrize("spacing", NATIVE_MM)
def test_an_image_and_its_tissue_have_the_same_edges(spacing: float) -> None:
    pose = Pose(Rotation.identity(), np.zeros(3), np.ones(3))
    own = sides_of(spacing)
    field = np.multiply(own, spacing)
    for sides in (own, SHAPE):
        points = pose.place(sides, field).numpy()
        np.testing.assert_allclose(points.max(axis=0) + field / sides / 2, field / 2, rtol=1e-5)
        np.testing.assert_allclose(points.min(axis=0) - field / sides / 2, -field / 2, rtol=1e-5)
    assert working_sides(own, (spacing, spacing, spacing), SPACING_MM) == list(SHAPE)


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
    again = camera.shoot(anatomies[0], np.random.default_rng(SEEDS[0]))
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
