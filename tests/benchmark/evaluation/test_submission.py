"""What is kept of volumes that were made elsewhere."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from longibench.benchmark.core.workspace import MANIFEST
from longibench.benchmark.evaluation import submission
from longibench.benchmark.evaluation.predictions import DEFORMATION, find_predictions
from longibench.benchmark.evaluation.score_table import SCHEMA
from longibench.benchmark.evaluation.submission import Submission


def test_a_volume_without_a_deformation_has_none_in_the_kept_list(tmp_path: Path) -> None:
    """Not the path of the folder, which no field can be read from."""
    mine, place = tmp_path / "mine", tmp_path / "kept"
    mine.mkdir()
    place.mkdir()
    for name in ("y1.nii.gz", "y2.nii.gz", "y1_xfm.nii.gz"):
        nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)), mine / name)
    (mine / MANIFEST).write_text(
        "subject,visit,generated,deformation\na,y1,y1.nii.gz,y1_xfm.nii.gz\na,y2,y2.nii.gz,\n"
    )
    made = Submission(find_predictions(mine), "mine")
    pairs = pd.DataFrame({"subject": ["a", "a"], "visit": ["y1", "y2"]})
    scores = pd.DataFrame(columns=list(SCHEMA.columns))
    submission._write(place, made, pairs, scores)
    kept = find_predictions(place).table
    assert kept[DEFORMATION].tolist() == [str(mine.resolve() / "y1_xfm.nii.gz"), ""]
