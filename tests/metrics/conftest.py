"""A made-up brain, and instruments that measure it by arithmetic instead of networks."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from longibench.metrics.instruments import Instruments
from longibench.metrics.scan import Scan, Truth

SHAPE = (20, 22, 18)
SPACING = (1.0, 1.25, 2.0)  # mm, all three unlike: a swapped axis would show
RANGES = {  # intensities in [-1, 1]
    "ventricles": (-0.7, -0.5),
    "csf": (-0.5, -0.2),
    "grey": (-0.2, 0.3),
    "white": (0.3, 1.01),
    "brain": (-0.7, 1.01),
    "hippocampus": (0.1, 0.3),
}
LEFT_VENTRICLE, RIGHT_VENTRICLE = 4, 43  # FreeSurfer's codes
HIPPOCAMPUS = 17


class CountingInstruments(Instruments):
    """Tissue by intensity, so that volumes are known; features by a few filters, which is fast.

    Whatever holds of any instruments can be tested with these.
    """

    def volumes(self, scan: Scan) -> dict[str, float]:
        """Voxels in each range of intensities, in ml."""
        ml = float(np.prod(scan.spacing_mm)) / 1000
        return {
            name: float(np.sum((scan.voxels >= low) & (scan.voxels < high))) * ml
            for name, (low, high) in RANGES.items()
        }

    def feature_maps(self, scan: Scan) -> tuple[np.ndarray, ...]:
        """Smoothed intensities and their slopes, on a fine and a coarse scale."""
        orders = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
        return tuple(
            np.stack([ndimage.gaussian_filter(scan.voxels, sigma, order) for order in orders])
            for sigma in (0.7, 1.5)
        )

    def features(self, scan: Scan) -> np.ndarray:
        """Means and spreads of the maps, (16,)."""
        maps = np.concatenate(self.feature_maps(scan)).astype(np.float64)
        return np.concatenate([maps.mean(axis=(1, 2, 3)), maps.std(axis=(1, 2, 3))])


@pytest.fixture(scope="session")
def counting() -> Instruments:
    """Tissue by intensity, features by a few filters."""
    return CountingInstruments("random:0")


def make_brain(ventricles: int, seed: int = 0, *, real: bool = True) -> Scan:
    """An ellipsoid of white and grey matter with the requested number of ventricle voxels.

    Of its voxels nearest to the centre ``ventricles`` are dark. Label maps agree: they hold
    as many voxels of ventricle, and 40 - ventricles / 10 of hippocampus.
    """
    centre = (np.array(SHAPE) - 1) / 2
    grid = np.indices(SHAPE) - centre.reshape(3, 1, 1, 1)
    radius = np.sqrt(((grid / (centre - 2).reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    texture = np.random.default_rng(seed).normal(size=SHAPE)
    texture = 0.1 * np.clip(ndimage.gaussian_filter(texture, 1) * 5, -1, 1)
    voxels = np.select([radius < 0.7, radius < 0.9, radius < 1], [0.6, 0.1, -0.35], -1.0)
    voxels = np.where(voxels > -1, voxels + texture, -1)
    order = np.argsort(radius, axis=None, kind="stable")
    labels = np.zeros(SHAPE, np.int32)
    voxels.flat[order[:ventricles]] = -0.6
    labels.flat[order[: ventricles // 2]] = LEFT_VENTRICLE
    labels.flat[order[ventricles // 2 : ventricles]] = RIGHT_VENTRICLE
    labels.flat[order[ventricles : ventricles + 40 - ventricles // 10]] = HIPPOCAMPUS
    return Scan(voxels.astype(np.float32), SPACING, labels, real=real)


@pytest.fixture(scope="session")
def brain() -> Callable[..., Scan]:
    """Makes brains; see ``make_brain``."""
    return make_brain


@pytest.fixture(scope="session")
def noisy() -> Callable[[Scan, float], Scan]:
    """Adds Gaussian noise of a level to a scan, the same pattern at every level."""

    def add(scan: Scan, level: float) -> Scan:
        added = level * np.random.default_rng(1).normal(size=scan.shape)
        voxels = np.clip(scan.voxels + added, -1, 1).astype(np.float32)
        return Scan(voxels, scan.spacing_mm, scan.labels, real=False)

    return add


@pytest.fixture(scope="session")
def blurred() -> Callable[[Scan, float], Scan]:
    """Smooths a scan with a Gaussian of so many voxels."""

    def blur(scan: Scan, sigma: float) -> Scan:
        voxels = ndimage.gaussian_filter(scan.voxels, sigma)
        return Scan(voxels, scan.spacing_mm, scan.labels, real=False)

    return blur


@pytest.fixture(scope="session")
def score() -> Callable[..., float]:
    """Calls a pair metric; the source is the reference and one year has passed unless given."""

    def call(
        metric: Callable[..., float],
        generated: Scan,
        reference: Scan,
        source: Scan | None = None,
        years: float = 1.0,
    ) -> float:
        return metric(
            generated=generated,
            reference=reference,
            source=source or reference,
            interval_years=years,
        )

    return call


@pytest.fixture
def aging() -> tuple[Scan, Scan]:
    """A noisy source and the follow-up of a simulated brain whose ventricles grow.

    Everything is in [-0.9, 0.9], so that noise is never clipped. The truth of either has its
    anatomy without noise and true volumes.
    """
    source, later = (with_truth(make_brain(count), seed) for seed, count in enumerate((30, 180)))
    return source, later


def with_truth(scan: Scan, seed: int) -> Scan:
    """A noisy scan of an anatomy; its truth counts a fifth of a millilitre of ventricle more."""
    noise = np.random.default_rng(seed).normal(0, 0.05, SHAPE).clip(-0.1, 0.1)
    clean = (0.8 * scan.voxels).astype(np.float32)
    counted = CountingInstruments("random:0").volumes(Scan(clean, SPACING))
    volumes = {"ventricle": counted["ventricles"] + 0.2 * seed, "brain": counted["brain"]}
    truth = Truth(clean, volumes)
    return Scan((clean + noise).astype(np.float32), SPACING, truth=truth)


@pytest.fixture
def changed() -> Callable[[tuple[Scan, Scan], float], Scan]:
    """A generated follow-up: the source as it is and a share of the true change of anatomy."""

    def generate(pair: tuple[Scan, Scan], share: float) -> Scan:
        source, later = pair
        assert source.truth is not None
        assert later.truth is not None
        change = later.truth.clean - source.truth.clean
        return Scan(source.voxels + share * change, SPACING, real=False, truth=later.truth)

    return generate
