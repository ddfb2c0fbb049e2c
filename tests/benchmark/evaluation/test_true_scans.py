"""A simulated deformation that is damaged or gone: what to do."""

from pathlib import Path

import numpy as np
import pytest

from longibench.benchmark.cohorts.phantom.truth import WARP, truth_file
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.true_scans import truth_of_row
from longibench.benchmark.preparation.space import Space
from longibench.benchmark.preparation.store.volumes import write_volume


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_the_message_names_the_dataset(tmp_path: Path, content: bytes | None) -> None:
    warp = truth_file(tmp_path / "phantom-1", "a", "y1", WARP)
    warp.parent.mkdir(parents=True)
    if content is not None:
        warp.write_bytes(content)
    clean = tmp_path / "clean.nii"
    write_volume(clean, np.zeros((4, 4, 4), np.float32), np.eye(4))
    row = {"target_clean": str(clean), "target_warp": str(warp)}
    space = Space.read(clean)
    assert truth_of_row(row, "target", space) is not None  # read where it is needed alone
    advice = f"{warp}: the deformation cannot be read.*delete the folder {tmp_path / 'phantom-1'};"
    with pytest.raises(UserError, match=advice):
        truth_of_row(row, "target", space, deforms=True)
