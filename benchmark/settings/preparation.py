"""How a raw scan is resampled to the grid, and which steps were already applied to its cohort."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from longibench.benchmark.settings.limits import MOST_PARALLEL

Step = Literal["bias", "brain", "registration"]

AXES = re.compile(r"(?=.*[LR])(?=.*[AP])(?=.*[SI])[LRAPSI]{3}")


class PreparationSettings(BaseModel):
    """The steps of preparation; ``auto`` does what was not yet applied to the cohort.

    Attributes:
        bias: Bias field correction: ``n4``, or ``none``.
        brain: Brain extraction: the name of a tool (see ``benchmark.preparation.steps.brain``), or
            ``none``.
        registration: Every visit rigidly to the subject's first one, and that one to MNI152 by an
            ``affine`` transform (head size is normalised, its factor stored; change is not) or a
            ``rigid`` one (head size is kept); or ``none``.
        axes: Voxel orientation of files without it (Analyze, or NIfTI with neither sform nor
            qform), such as ``ASL``: to the front, up, to the left. If empty, they are refused,
            because left and right cannot be distinguished in an image.
        percentiles: Of the intensities inside the brain; they become -1 and 1.
        workers: Processes; 0 means one per core, as far as memory allows. Changes no result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bias: Literal["auto", "n4", "none"] = "auto"
    brain: str = "auto"
    registration: Literal["auto", "affine", "rigid", "none"] = "auto"
    axes: str = ""
    percentiles: tuple[float, float] = (1.0, 99.5)
    workers: int = Field(0, ge=0, le=MOST_PARALLEL)

    @field_validator("percentiles")
    @classmethod
    def _ascend(cls, percentiles: tuple[float, float]) -> tuple[float, float]:
        low, high = percentiles
        if not 0 <= low < high <= 100:
            raise ValueError("needs two ascending numbers from 0 to 100, such as [1, 99.5]")
        return percentiles

    @field_validator("axes")
    @classmethod
    def _three_directions(cls, axes: str) -> str:
        return check_axes(axes)


def check_axes(axes: str) -> str:
    """Return axis directions unchanged if they are empty or name all three.

    Raises:
        ValueError: They do not.
    """
    if axes and not AXES.fullmatch(axes):
        raise ValueError("needs three of L R, A P, S I, one of each, such as ASL")
    return axes
