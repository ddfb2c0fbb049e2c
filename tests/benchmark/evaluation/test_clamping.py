"""Outputs outside of [-1, 1] are clamped, recorded and warned of."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from longibench.benchmark.evaluation.clamping import clamp, clamp_warning
from longibench.benchmark.evaluation.generate import GenerationJob, generate
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.schema import DeviceSettings, GenerationSettings
from longibench.benchmark.training.recipe import Recipe
from longibench.methods.method import REGISTRY

SHAPE = (16, 20, 16)
OUTSIDE = 32  # voxels


PLUGIN = """
from methods.method import Method

class TooBright(Method, name="too-bright"):
    learns = False

    def training_loss(self, source, target, interval_years):
        raise NotImplementedError

    def generate(self, source, interval_years, seeds):
        made = source.clone()
        made[:, :, :4, :4, :2] = 1.25
        return made
"""


@pytest.fixture
def job(pairs: pd.DataFrame, tmp_path: Path) -> Iterator[GenerationJob]:
    plugin = tmp_path / "too_bright.py"
    plugin.write_text(PLUGIN)
    cpu, one = DeviceSettings(accelerator="cpu", threads=1), GenerationSettings(batch_size=1)
    recipe = Recipe("too-bright", {}, SHAPE, (plugin,))
    yield GenerationJob(recipe, None, one, cpu, pairs, 0, tmp_path / "out", {}, quiet=True)
    REGISTRY.pop("too-bright", None)


def recorded(job: GenerationJob) -> Any:
    return json.loads((job.folder / "run.json").read_text())["clamped"]


def test_a_value_outside_is_clamped_and_counted() -> None:
    clamped, found = clamp(torch.tensor([-3.0, -1.0, 0.5, 1.25]))
    assert clamped.tolist() == [-1.0, -1.0, 0.5, 1.0]
    assert (found.share, found.largest_excess) == (0.5, 2.0)


def test_rounding_is_not_outside() -> None:
    _, found = clamp(torch.tensor([1 + 1e-6, -1 - 1e-6]))
    assert (found.share, found.largest_excess) == (0, 0)


def test_a_run_records_the_share_and_the_largest_excess_and_warns_once(
    job: GenerationJob, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(job)
    share = OUTSIDE / np.prod(SHAPE)
    assert recorded(job) == {
        "share": pytest.approx(share), "largest_excess": 0.25, "volumes": len(job.pairs)
    }  # fmt: skip
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert (
        "too-bright: 0.62% of the generated voxels were outside of [-1, 1], by up to 0.25" in line
    )
    made = load_nifti(next(job.folder.glob("*.nii.gz"))).get_fdata()
    assert made.max() == 1


def test_a_continued_run_counts_the_volumes_of_before(
    job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(job)
    (job.folder / "run.json").unlink()
    next(job.folder.glob("*.nii.gz")).unlink()
    inside: Callable[..., Tensor] = lambda self, source, years, seeds: source  # noqa: E731
    monkeypatch.setattr(type(job.recipe.build()), "generate", inside)
    generate(job)
    count = len(job.pairs)
    share = OUTSIDE / np.prod(SHAPE) * (count - 1) / count
    assert recorded(job)["share"] == pytest.approx(share)
    assert recorded(job)["largest_excess"] == 0.25


def test_a_method_in_the_range_gets_no_warning(
    job: GenerationJob, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(replace(job, recipe=Recipe("copy-source", {}, SHAPE)))
    assert recorded(job)["share"] == recorded(job)["largest_excess"] == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("before", [None, {"share": 0.001, "largest_excess": 9, "volumes": 1}])
def test_a_thousandth_and_a_run_of_an_earlier_version_get_no_warning(before: Any) -> None:
    assert clamp_warning("a", before) is None
