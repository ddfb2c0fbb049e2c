from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.generate import (
    GenerationJob,
    generate,
    is_generated,
    manifest,
    missing_requests,
)
from longibench.benchmark.preparation.store.volumes import load_nifti
from longibench.benchmark.settings.schema import (
    GenerationSettings,
)
from longibench.benchmark.training.recipe import Recipe


@pytest.fixture
def job(trained: GenerationJob) -> GenerationJob:
    return trained


def volumes(job: GenerationJob) -> dict[str, np.ndarray]:
    table = pd.read_csv(job.folder / "manifest.csv")
    return {name: load_nifti(job.folder / name).get_fdata() for name in table["generated"]}


def test_a_volume_has_the_grid_of_its_source(job: GenerationJob) -> None:
    generate(job)
    table = manifest(job).merge(job.pairs, on=["subject", "visit"])
    for row in table.itertuples():
        made, source = (load_nifti(p) for p in (job.folder / str(row.generated), str(row.source)))
        assert made.shape == source.shape == (16, 20, 16)  # 20 was padded to 24 and cropped back
        assert np.array_equal(made.affine, source.affine)
        assert nib.aff2axcodes(made.affine) == ("R", "A", "S")
        assert (made.header["qform_code"], made.header["sform_code"]) == (1, 1)
        assert made.get_data_dtype() == np.float32
        assert np.abs(made.get_fdata()).max() <= 1
        # cropping undoes padding at the same place: the volume resembles its source
        assert np.corrcoef(made.get_fdata().ravel(), source.get_fdata().ravel())[0, 1] > 0.95


def test_a_volume_depends_only_on_model_source_interval_and_seed(
    job: GenerationJob, tmp_path: Path
) -> None:
    generate(job)
    shuffled = job.pairs.sample(frac=1, random_state=1)
    batches = GenerationSettings(batch_size=4)
    generate(replace(job, folder=tmp_path / "b", pairs=shuffled, generation=batches))
    generate(replace(job, folder=tmp_path / "c", seed=1))
    first, again, other = (
        volumes(replace(job, folder=tmp_path / name)) for name in ("out", "b", "c")
    )
    assert first.keys() == again.keys() == other.keys()
    assert all(np.abs(first[name] - again[name]).max() < 1e-5 for name in first)
    assert all(np.abs(first[name] - other[name]).max() > 1e-3 for name in first)


def test_one_seed_a_subject_and_sample(job: GenerationJob) -> None:
    table = manifest(replace(job, generation=GenerationSettings(samples=2)))
    assert table.groupby(["subject", "sample"])["seed"].nunique().eq(1).all()
    assert table.groupby("subject")["seed"].nunique().eq(2).all()
    assert table["generated"].is_unique


def test_interrupted_generation_continues_volume_by_volume(
    job: GenerationJob, tmp_path: Path, tiny_does: Callable[[str], None]
) -> None:
    whole = replace(job, folder=tmp_path / "whole")
    generate(whole)
    tiny_does("SIGINT:generate:4")  # the first call is repeated
    with pytest.raises(KeyboardInterrupt):
        generate(job)
    assert not is_generated(job.folder)
    assert len(missing_requests(job)) == len(job.pairs) - 3
    before = {path: path.stat().st_mtime_ns for path in job.folder.glob("*.nii.gz")}
    generate(job)
    assert is_generated(job.folder)
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())
    made, expected = volumes(job), volumes(whole)
    assert all(np.array_equal(made[name], expected[name]) for name in expected)


def test_a_method_that_ignores_the_interval_generates_once_a_subject(
    job: GenerationJob, predictions: Path
) -> None:
    blind = replace(job, recipe=Recipe("copy-source", {}, (16, 20, 16)), model=None)
    assert len(missing_requests(blind)) == job.pairs["subject"].nunique()
    generate(blind)
    for row in pd.read_csv(blind.folder / "manifest.csv", dtype=str).itertuples():
        mine, runs = (load_nifti(f / str(row.generated)) for f in (blind.folder, predictions))
        assert np.array_equal(mine.get_fdata(), runs.get_fdata())


@pytest.mark.parametrize(
    "broken", [lambda source: source[:, :, :8], lambda source: source * float("nan")]
)
def test_a_method_that_breaks_its_contract_is_named(
    job: GenerationJob, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Tensor], Tensor]
) -> None:
    method = type(job.recipe.build())
    monkeypatch.setattr(method, "generate", lambda self, source, years, seeds: broken(source))
    with pytest.raises(UserError, match="method 'tiny': generate must return finite volumes"):
        generate(job)
    assert not is_generated(job.folder)


def test_the_average_of_the_weights_generates(job: GenerationJob, tmp_path: Path) -> None:
    from longibench.benchmark.core.console import Console
    from longibench.benchmark.training.checkpoints import load_latest, save_checkpoint

    assert job.model is not None
    checkpoint = load_latest(job.model, Console(quiet=True))
    assert checkpoint is not None
    checkpoint.average = {k: torch.zeros_like(v) for k, v in checkpoint.weights.items()}
    generate(job)
    save_checkpoint(job.model, checkpoint)
    averaged = replace(job, folder=tmp_path / "averaged")
    generate(averaged)
    name = next(iter(volumes(job)))
    assert not np.array_equal(volumes(job)[name], volumes(averaged)[name])


def test_double_precision_is_used_and_changes_only_the_last_digits(
    job: GenerationJob, tmp_path: Path
) -> None:
    generate(job)
    exact = replace(job, device=job.device.model_copy(update={"precision": "64-true"}))
    exact = replace(exact, folder=tmp_path / "exact")
    generate(exact)
    first, second = volumes(job), volumes(exact)
    assert 0 < max(np.abs(first[name] - second[name]).max() for name in first) < 1e-5


def test_an_oracle_needs_pairs_with_truth(job: GenerationJob) -> None:
    oracle = replace(job, recipe=Recipe("full-change", {}, (16, 20, 16)), model=None)
    known = job.pairs
    for pairs in (known.drop(columns="target_clean"), known.assign(target_clean=None)):
        with pytest.raises(UserError, match="'full-change' is made with the simulated truth"):
            generate(replace(oracle, pairs=pairs))
    assert not oracle.folder.exists()
    generate(replace(oracle, pairs=known))
    assert len(missing_requests(replace(oracle, pairs=known))) == 0
