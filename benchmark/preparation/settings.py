"""How a raw scan is brought onto the grid, and which steps its cohort has behind it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Step = Literal["bias", "brain", "registration"]


class PreparationSettings(BaseModel):
    """The steps of preparation; ``auto`` does what the cohort does not have yet.

    Attributes:
        bias: Bias field correction: ``n4``, or ``none``.
        brain: Brain extraction: the name of a tool (see ``benchmark.preparation.brain``), or
            ``none``.
        registration: Every visit rigidly to the subject's first one, and that one to MNI152 by an
            ``affine`` transform (head size is normalised, its factor stored; change is not) or a
            ``rigid`` one (head size is kept); or ``none``.
        percentiles: Of the intensities inside the brain; they become -1 and 1.
        workers: Processes; 0 takes one a core, as far as memory goes. Changes no result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bias: Literal["auto", "n4", "none"] = "auto"
    brain: str = "auto"
    registration: Literal["auto", "affine", "rigid", "none"] = "auto"
    percentiles: tuple[float, float] = (1.0, 99.5)
    workers: int = Field(0, ge=0)
