"""What training never sees, and how well the embedded network reads it."""

import ast
from pathlib import Path

import anatomy_training
import numpy as np
import pandas as pd
import pytest
from anatomy_training.anatomies import SEED as TRAINING_SEED
from anatomy_training.held_out import CONTRASTS, SEED, held_out_maps, sample_held_out
from anatomy_training.held_out_segmentation import head_rows, held_out_table
from anatomy_training.images import Camera, sample_contrast, sides_of
from anatomy_training.overlap import COMMON, dice, overlaps
from anatomy_training.people import STUDY
from anatomy_training.versions import load_versions

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.lattice import jacobian
from longibench.metrics.anatomy_network import TISSUES

FOLDER = Path(next(iter(anatomy_training.__path__)))
MEASURED = {"people", "held_out", "held_out_segmentation", "response", "segmenting", "page"}


def test_training_never_sees_what_is_measured() -> None:
    for name in ("anatomies", "images", "training", "damage"):
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module not in {f"anatomy_training.{module}" for module in MEASURED}
    assert len({TRAINING_SEED, SEED, STUDY.seed}) == 3


def test_every_held_out_contrast_lies_outside_what_training_samples() -> None:
    rng = np.random.default_rng(1)
    sampled = [sample_contrast(rng) for _ in range(2000)]
    reach = {
        "gamma": [each.gamma for each in sampled],
        "noise": [each.noise for each in sampled],
        "step": [each.signals[1] - each.signals[0] for each in sampled if each.texture < 1],
    }
    for contrast in CONTRASTS.values():
        values = {"gamma": contrast.gamma, "noise": contrast.noise}
        if contrast.texture < 1:
            values["step"] = contrast.signals[1] - contrast.signals[0]
        outside = [
            not min(reach[name]) <= value <= max(reach[name]) for name, value in values.items()
        ]
        assert any(outside)


@pytest.mark.parametrize("number", range(1, 9))
def test_held_out_heads_do_not_fold(number: int) -> None:
    positions = FIELD.volume(FIELD.points()) + sample_held_out(number)
    assert float(jacobian(FIELD, positions).min()) > 0


def test_dice_by_hand() -> None:
    found, true = np.array([1, 1, 0, 0], bool), np.array([1, 0, 0, 0], bool)
    assert dice(found, true) == pytest.approx(2 / 3)
    assert dice(~found, found) == 0


def one_hot(labels: list[int], tissues: int) -> np.ndarray:
    return np.eye(tissues, dtype=np.float32)[labels].T.reshape(tissues, -1, 1, 1)


def test_both_versions_are_compared_in_the_same_tissues() -> None:
    true = one_hot([2, 5, 3, 4, 1, 0], len(TISSUES))  # the second is hippocampus
    found = overlaps(true, TISSUES, true)
    assert set(found.values()) == {1.0}
    assert set(found) == {*COMMON[1:], "brain", "hippocampus"}
    older = overlaps(one_hot([2, 2, 2, 4, 1, 0], 5), COMMON, true)
    assert older["grey"] == pytest.approx(4 / 5)  # both grey voxels, and one of white matter
    assert older["white"] == 0
    assert older["brain"] == 1
    assert "hippocampus" not in older


def test_a_held_out_head_is_segmented_by_every_version(camera: Camera) -> None:
    rows = pd.DataFrame(head_rows(load_versions(None), camera, 2, 5.0))
    assert held_out_maps(camera, 2, 5.0).shape[1:] == sides_of(5.0)
    tissues = len(COMMON) + len(TISSUES)  # of versions 1 and 2, brain for background
    assert len(rows) == len(CONTRASTS) * tissues
    found = rows[rows["contrast"] == "gamma 1.8"].set_index("structure")["dice"]
    assert found["ventricles"].min() > 0.8
    assert found["brain"].min() > 0.95
    table = held_out_table(rows.assign(template="elderly"))
    assert set(table["heads"]) == {1}
    error = 100 * (rows["found"] / rows["true"] - 1)
    np.testing.assert_allclose(table["error"], error)  # one head: its mean is itself
    np.testing.assert_allclose(table["largest_error"], error.abs())
