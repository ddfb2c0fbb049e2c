"""The diagnostics of trained methods: written beside their volumes, and only where they are due."""

import json
from dataclasses import replace

import numpy as np
import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation import diagnostics as module
from longibench.benchmark.evaluation.diagnostics import diagnose, diagnosed_pairs, is_diagnosed
from longibench.benchmark.evaluation.diagnostics_file import read_diagnostics
from longibench.benchmark.evaluation.generate import (
    GenerationJob,
    generate,
    is_generated,
    remove_damaged,
)
from longibench.benchmark.settings.schema import (
    GenerationSettings,
)


@pytest.fixture
def job(trained: GenerationJob) -> GenerationJob:
    """A trained method whose volumes are generated."""
    made = replace(trained, generation=GenerationSettings(batch_size=2), info={})
    generate(made)
    return made


def test_they_are_measured_once(job: GenerationJob) -> None:
    assert not is_diagnosed(job)
    diagnose(job)
    assert is_diagnosed(job)
    found = read_diagnostics(job.folder)
    assert found is not None
    assert found.subjects == found.few == job.pairs["subject"].nunique()
    assert found.denoising is None
    assert found.samples.between_seeds > 0.005  # 0.01 of noise in each sample
    assert found.intervals is not None
    assert found.intervals.rms > 0


def test_no_file_has_an_id(job: GenerationJob) -> None:
    diagnose(job)
    text = (job.folder / "diagnostics.json").read_text()
    assert not [subject for subject in job.pairs["subject"] if subject in text]


def test_other_weights_code_or_settings_are_diagnosed_again(
    job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnose(job)
    assert not is_diagnosed(replace(job, info={"made_by": {"precision": "bf16 mixed"}}))
    assert job.model is not None
    trained = job.model / "trained.json"
    before = trained.read_text()
    trained.write_text(json.dumps({**json.loads(before), "seconds": 12345.0}))
    (job.model / "digests.csv").unlink()
    assert not is_diagnosed(job)
    trained.write_text(before)
    assert is_diagnosed(job)
    monkeypatch.setattr(module, "module_digest", lambda *_: "other code")
    assert not is_diagnosed(job)


def test_damage_is_found_and_only_the_diagnostics_are_made_again(job: GenerationJob) -> None:
    diagnose(job)
    (job.folder / "diagnostics.json").write_text("{}")
    assert not is_diagnosed(job)
    remove_damaged(job.folder, Console(quiet=True))
    assert not (job.folder / "diagnostics.json").exists()
    assert is_generated(job.folder)


def test_deleted_volumes_of_a_finished_method_are_not_missed(job: GenerationJob) -> None:
    for path in job.folder.glob("*.nii.gz"):
        path.unlink()
    assert is_diagnosed(job)


def test_the_last_visit_of_each_subject_is_used(job: GenerationJob) -> None:
    chosen = diagnosed_pairs(job)
    last = job.pairs.groupby("subject")["interval_years"].max()
    assert chosen.set_index("subject")["interval_years"].to_dict() == last.to_dict()


def test_many_subjects_are_thinned_evenly(
    job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SUBJECTS", 2)
    subjects = sorted(job.pairs["subject"].unique())
    assert list(diagnosed_pairs(job)["subject"]) == [subjects[0], subjects[-1]]


def test_batch_size_changes_nothing(job: GenerationJob) -> None:
    diagnose(job)
    first = read_diagnostics(job.folder)
    diagnose(replace(job, generation=GenerationSettings(batch_size=1)))
    second = read_diagnostics(job.folder)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(
        [second.samples.rmse, second.samples.between_seeds],
        [first.samples.rmse, first.samples.between_seeds],
        rtol=1e-5,
    )
