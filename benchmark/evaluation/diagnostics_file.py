"""The content of ``diagnostics.json``: what was measured of one trained method, without ids."""

import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.workspace import DIAGNOSTICS


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class NoisePoint(_Facts):
    """Error of the estimate at one noise level, given the true noisy input.

    Attributes:
        ratio: sqrt((1 - abar) / abar).
        rmse: Of what is diffused.
    """

    ratio: float
    rmse: float


class Denoising(_Facts):
    """Whether a method uses its noisy input.

    Attributes:
        curve: By rising noise; at the last level the input is pure noise.
        from_noise: e0, the error from pure noise.
        ratio: That of the level nearest e0 / 2.
        given_input: The error there, given the true noisy input.
        scaled_input: The smallest error there that the noisy input times a number can have.
        predicts_noise: Whether a network that learned nothing copies its input.
    """

    curve: tuple[NoisePoint, ...]
    from_noise: float
    ratio: float
    given_input: float
    scaled_input: float
    predicts_noise: bool


class Samples(_Facts):
    """The error of one sample, and the root mean square between two."""

    rmse: float
    between_seeds: float

    @property
    def diversity(self) -> float:
        """The one over the other: 1 for samples of the truth's distribution; may be infinite."""
        return self.between_seeds / self.rmse if self.rmse else math.inf


class Sources(_Facts):
    """A generated volume against the subject's own follow-up and against others'.

    ``share`` is that of the subjects whose SSIM to their own is the larger one.
    """

    ssim_own: float
    ssim_others: float
    rmse_own: float
    rmse_others: float
    share: float


class Intervals(_Facts):
    """Root mean square between volumes generated for two intervals in years."""

    years: tuple[float, float]
    rms: float


class Diagnostics(_Facts):
    """What was measured of one method, settings and training seed.

    Attributes:
        identity: Digest of everything that it depends on.
        subjects: Whose pair was used.
        few: Those of them on whom the network was evaluated many times.
        stochastic: Whether the method promises volumes that differ between seeds.
        conditions_on: What else it promises to use.
        denoising: None if it does not denoise; of the few subjects.
        samples: Of the few subjects.
        intervals: None if it does not condition on the interval; of the few subjects.
        sources: None with one subject, or volumes too small for SSIM.
        quantities: The method's own, by name.
    """

    identity: str
    subjects: int
    few: int
    stochastic: bool
    conditions_on: tuple[str, ...]
    denoising: Denoising | None = None
    samples: Samples
    intervals: Intervals | None = None
    sources: Sources | None = None
    quantities: dict[str, float] = {}


def read_diagnostics(folder: Path) -> Diagnostics | None:
    """The diagnostics in a folder of predictions; None if it has none.

    Raises:
        DamagedFileError: They have changed since they were written.
    """
    path = folder / DIAGNOSTICS
    return read_json(path, Diagnostics) if path.is_file() else None
