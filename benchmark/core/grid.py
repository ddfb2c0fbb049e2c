"""The benchmark's grid: what every prepared and every generated volume is sampled on."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_SIDE = 1024  # voxels: 0.25 mm over a head
MOST_SPACING_MM = 20.0  # a brain has then ten voxels a side
LEAST_SPACING_MM = 0.1

Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]


class Grid(BaseModel):
    """Shape (X, Y, Z) in voxels and isotropic spacing in mm; axes run right, anterior, superior."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shape: tuple[Side, Side, Side]
    spacing_mm: float = Field(ge=LEAST_SPACING_MM, le=MOST_SPACING_MM)
