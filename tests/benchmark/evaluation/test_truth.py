"""From the truth of a phantom to the scores and the table of the report, on tiny volumes."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.cohorts.phantom import dataset
from longibench.benchmark.cohorts.phantom.nifti import write_nifti
from longibench.benchmark.cohorts.phantom.truth import TRUTH, truth_file
from longibench.benchmark.cohorts.phantom.visit_truth import CLEAN_FILE, WARP_FILE

Simulate = Callable[..., None]
FAMILY = {"truth-skill", "truth-auroc", "truth-rank", "truth-ventricles", "truth-brain"}
STRETCH = 1.02  # a visit's anatomy, of a millimetre at the source
METRICS = ("--set", "metrics.names=[truth-skill,truth-auroc,truth-log-jacobian,folding]")
DEFORMS = """
import torch
from methods.method import Method


class Stretch(Method, name="stretch"):
    summary = "the source itself, and a stretch that it does not show"
    learns = False
    multiple = 8  # 20 voxels are not divisible by it
    conditions_on = ("source",)

    def training_loss(self, source, target, interval_years):
        return source.sum()

    def generate(self, source, interval_years, seeds):
        return source.clone()

    def deformation(self, source, interval_years, seeds):
        axes = [torch.arange(side) * 8.0 for side in source.shape[2:]]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        return 0.05 * places.expand(len(source), -1, -1, -1, -1)
"""


def add_truth(folder: Path) -> None:
    """Take the first scans as free of noise; every year their right half darkens by 40."""
    table = pd.read_csv(folder / TRUTH / "truth.tsv", sep="\t")
    for subject, visits in table.groupby("participant_id"):
        label = str(subject).removeprefix("sub-")
        first: Any = None
        for visit, years in zip(visits["session_id"], visits["years"], strict=True):
            session = visit.removeprefix("ses-")
            if first is None:
                first = nib.load(
                    folder / subject / visit / "anat" / f"{subject}_{visit}_T1w.nii.gz"
                )
            values = first.get_fdata()
            right = np.arange(len(values)) >= len(values) // 2
            changed = np.where((values > 0) & right[:, None, None], values - 40 * years, values)
            clean = (changed.clip(0) * 16).round().astype(np.int16)
            write_nifti(
                truth_file(folder, label, session, CLEAN_FILE), clean, first.affine, slope=1 / 16
            )
            if years:
                write_warp(truth_file(folder, label, session, WARP_FILE))


def write_warp(path: Path) -> None:
    affine = np.diag([5.0, 5, 5, 1])
    affine[:3, 3] = -150
    places = np.moveaxis(np.indices((61, 61, 61)) * 5.0 - 150, 0, -1)
    hundredths = ((STRETCH - 1) * places * 100).round().astype(np.int16)
    write_nifti(path, hundredths[:, :, :, None], affine, slope=0.01)


@pytest.fixture(scope="module", autouse=True)
def phantom_with_truth() -> Iterator[None]:
    """Simulated cohorts get a truth by which every score is known."""
    simulate = dataset.write_phantom

    def write(*args: Any, finish: Callable[[Path], None], **rest: Any) -> None:
        simulate(*args, finish=partial(both, finish), **rest)

    def both(finish: Callable[[Path], None], folder: Path) -> None:
        add_truth(folder)
        finish(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "write_phantom", write)
        yield


@pytest.fixture(scope="module")
def true_base(
    tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...], phantom_with_truth: None
) -> Path:
    """A workspace of a phantom with a truth, in which two methods were run."""
    from tests.conftest import _main

    root = tmp_path_factory.mktemp("truth")
    plugin = root / "stretch.py"
    plugin.write_text(DEFORMS)
    more = ("--plugin", str(plugin), "--workspace", str(root / "runs"))
    assert _main(["run", "--methods", "copy-source", *more, *options]) == 0
    assert _main(["run", "--methods", "stretch", *more, *options, *METRICS]) == 0
    return root / "runs"
