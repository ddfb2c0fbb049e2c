import numpy as np

from longibench.reports.figures.overlay import EDGE_COLOUR, FINER, edges, grey, strip


def ball(shape: tuple[int, int, int] = (20, 24, 22), radius: float = 7) -> np.ndarray:
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    inside = sum(axis**2 for axis in axes) < radius**2
    return np.where(inside, 0.5, -1).astype(np.float32)


def test_planes_show_front_up_and_left_on_the_left() -> None:
    volume = np.full((10, 12, 14), -1, np.float32)
    volume[1, 10, 7] = 1  # left, front, in the axial plane
    volume[1, 6, 12] = 1  # left, top, in the coronal plane
    volume[5, 10, 12] = 1  # front, top, in the sagittal plane
    found = strip(volume)
    assert found.shape == (14, 10 + 10 + 12)
    rows, columns = np.nonzero(found > 0)
    axial, coronal, sagittal = sorted(zip(columns, rows, strict=True))
    assert axial == (1, 1 + 1)  # one row of padding above 12 rows
    assert coronal == (10 + 1, 1)
    assert sagittal == (20 + 10, 1)


def test_edges_run_along_the_border_and_nowhere_else() -> None:
    volume = ball()
    lines = edges(volume)
    assert lines.shape[:2] == grey(volume).shape == tuple(FINER * s for s in strip(volume).shape)
    drawn = lines[..., 3] > 0
    assert {tuple(pixel) for pixel in lines[drawn][:, :3]} == {EDGE_COLOUR}
    rows, columns = np.nonzero(drawn[:, : 20 * FINER])
    middle = np.array([rows.mean(), columns.mean()])
    distance = np.hypot(rows - middle[0], columns - middle[1]) / FINER
    assert np.abs(distance - 7).max() < 2


def test_an_empty_volume_has_no_edges() -> None:
    assert not edges(np.full((8, 8, 8), -1, np.float32)).any()
