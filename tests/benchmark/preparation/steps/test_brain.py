from pathlib import Path

import numpy as np
import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.reading.problems import DamagedScanError
from longibench.benchmark.preparation.reading.raw_scan import Scan, read_scan
from longibench.benchmark.preparation.steps import brain
from longibench.benchmark.preparation.steps.brain import check_brain, extract_brain
from longibench.benchmark.preparation.steps.quality import dice

SHAPE = (48, 56, 48)


def ball(radius_mm: float, middle: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    axes = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * 4 for n in SHAPE], indexing="ij")
    return sum((axis - m) ** 2 for axis, m in zip(axes, middle, strict=True)) < radius_mm**2


def scan(data: np.ndarray) -> Scan:
    return Scan(data.astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))


WRONG = {
    "nothing was found": np.zeros(SHAPE, bool),
    "in pieces": ball(55, (-40, 0, 0)) | ball(25, (60, 0, 0)),
    "0.27 litres": ball(40),
    "2.[6-9]. litres": ball(86),
    "border cuts it": ball(75, (0, 0, 70)),
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_mask_that_cannot_be_a_brain_is_refused(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(brain.TOOLS, "wrong", lambda _: WRONG[reason])
    with pytest.raises(DamagedScanError, match=f"brain extraction failed: .*{reason}"):
        extract_brain(scan(np.ones(SHAPE)), "wrong")


def test_specks_next_to_a_brain_are_dropped() -> None:
    specks = ball(65)
    specks[1, 1, 1] = True
    assert np.array_equal(check_brain(specks, scan(specks)), ball(65))


def test_a_tool_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Scan) -> np.ndarray:
        raise AssertionError("Not enough foreground")

    monkeypatch.setitem(brain.TOOLS, "broken", fail)
    with pytest.raises(DamagedScanError, match="broken failed: Not enough foreground"):
        extract_brain(scan(np.ones(SHAPE)), "broken")


def test_unknown_and_absent_tools_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="Did you mean 'deepbet'"):
        extract_brain(scan(np.ones(SHAPE)), "deepbed")
    monkeypatch.setitem(__import__("sys").modules, "brainextractor", None)
    with pytest.raises(UserError, match="pip install brainextractor"):
        extract_brain(scan(np.ones(SHAPE)), "brainextractor")


def test_the_background_of_a_stripped_scan_gives_its_brain() -> None:
    data = np.where(ball(65), 500.0, 0.0)
    data[24, 28, 24] = 0  # a hole inside is brain
    assert np.array_equal(extract_brain(scan(data), "background"), ball(65))
    noisy = data + np.random.default_rng(0).uniform(1, 9, SHAPE)
    with pytest.raises(DamagedScanError, match="no exact background"):
        extract_brain(scan(noisy), "background")


@pytest.mark.slow
def test_the_default_tool_finds_a_real_brain(real_data: Path) -> None:
    paths = sorted(real_data.glob("sub-01/ses-01/anat/*_T1w.nii.gz"))
    found = read_scan(paths[0])
    first = extract_brain(found, "deepbet")
    dimmed = Scan(found.data * np.float32(0.1), found.affine)
    second = extract_brain(dimmed, "deepbet")
    assert 0.9 < first.sum() * np.prod(found.voxel_mm) / 1e6 < 1.7
    assert dice(first, second) > 0.995
