"""What training never saw, and how well the embedded network reads it."""

import ast
from pathlib import Path

import anatomy_training
import numpy as np
import pytest
from anatomy_training.anatomies import SEED as TRAINING_SEED
from anatomy_training.anatomies import World
from anatomy_training.held_out import (
    CONTRASTS,
    SEED,
    VIEWS,
    sample_held_out,
    shoot_held_out,
)
from anatomy_training.images import Camera, sample_contrast
from anatomy_training.overlap import dice, segment_held_out, summarise
from anatomy_training.sensitivity import STUDY

from longibench.benchmark.cohorts.phantom.anatomy import FIELD, Body, sample_anatomy
from longibench.benchmark.cohorts.phantom.clean import sample_clean
from longibench.benchmark.cohorts.phantom.lattice import jacobian
from longibench.benchmark.cohorts.phantom.scanner import Scanner, sample_session
from longibench.benchmark.cohorts.phantom.volumes import Volumes
from longibench.benchmark.preparation.steps.intensity import scale_brain
from longibench.metrics.anatomy import TISSUES, load_embedded, read, tissue_volumes

FOLDER = Path(next(iter(anatomy_training.__path__)))
SIDE = (2.5, 2.5, 2.5)


def test_training_never_sees_the_held_out_family() -> None:
    for name in ("anatomies", "images", "training"):
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {
                    "anatomy_training.held_out",
                    "anatomy_training.sensitivity",
                }
    assert len({TRAINING_SEED, SEED, STUDY.seed}) == 3


def test_every_held_out_contrast_lies_outside_what_training_draws() -> None:
    rng = np.random.default_rng(1)
    drawn = [sample_contrast(rng) for _ in range(2000)]
    reach = {
        "gamma": [each.gamma for each in drawn],
        "noise": [each.noise for each in drawn],
        "step": [each.signals[1] - each.signals[0] for each in drawn if each.texture < 1],
    }
    for contrast in CONTRASTS.values():
        sampled = {"gamma": contrast.gamma, "noise": contrast.noise}
        if contrast.texture < 1:
            sampled["step"] = contrast.signals[1] - contrast.signals[0]
        outside = [
            not min(reach[name]) <= value <= max(reach[name]) for name, value in sampled.items()
        ]
        assert any(outside)


@pytest.mark.parametrize("number", range(1, 7))
def test_held_out_heads_do_not_fold(number: int) -> None:
    positions = FIELD.volume(FIELD.points()) + sample_held_out(number)
    assert float(jacobian(FIELD, positions).min()) > 0


def test_dice_by_hand() -> None:
    found, true = np.array([1, 1, 2, 0]), np.array([1, 2, 2, 0])
    assert dice(found, true, 1) == pytest.approx(2 / 3)
    assert dice(found, true, 2) == pytest.approx(2 / 3)
    assert dice(found, true, 3) == 0


def test_a_held_out_head_is_segmented(camera: Camera) -> None:
    shot, _ = shoot_held_out(camera, 2, "gamma 1.8", 2.5)
    found = read(load_embedded(), shot.image[0].numpy(), SIDE).probabilities.argmax(axis=0)
    true = shot.tissue.numpy().argmax(axis=0)
    least = {"grey": 0.88, "white": 0.87, "ventricles": 0.8}
    assert all(dice(found, true, TISSUES.index(name)) > bound for name, bound in least.items())


def test_ventricles_that_grow_are_found_grown(world: World, camera: Camera) -> None:
    """One person of the first phantom, whose ventricles alone differ."""
    anatomy = sample_anatomy(STUDY, sample_clean(STUDY, 1), world.modes)
    body = Body(anatomy, world.modes, world.modes.velocity((1.0,)))
    scanner, volumes = Scanner(world.template, 2.5, STUDY.scanner.noise), Volumes(world.template)
    found, true = [], []
    for growth in (0.3, 0.8, 1.3):
        positions, rng = body.at(growth), np.random.default_rng(5)
        true.append(volumes.ml(positions, volumes.region(positions))["ventricle_ml"])
        scan = scanner.acquire(positions, sample_session(rng, STUDY.scanner, 1.0), rng)
        volume = scale_brain(scan.astype(np.float32), scan > 0, (1.0, 99.5))
        read_volumes = tissue_volumes(read(load_embedded(), volume, SIDE).probabilities, SIDE)
        found.append(read_volumes["ventricles"])
    growth_true, growth_found = np.diff(true), np.diff(found)
    assert (growth_true > 3).all()
    assert (growth_found > 0.5 * growth_true).all()
    assert (growth_found < 1.7 * growth_true).all()


def test_summary_of_segmentations(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(VIEWS, 1.25)
    rows = segment_held_out(load_embedded(), camera, 1)
    assert len(rows) == len(CONTRASTS) * (len(TISSUES) - 1)
    table = summarise(rows)
    assert set(table["tissue"]) == set(TISSUES[1:])
    assert table["dice"].between(0, 1).all()
    expected = 100 * (rows["found_ml"] / rows["true_ml"] - 1)
    np.testing.assert_allclose(table["bias"], expected)  # one head: its mean is itself
