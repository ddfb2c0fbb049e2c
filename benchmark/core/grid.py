"""The benchmark's grid: what every prepared and every generated volume is sampled on."""

from pydantic import BaseModel, ConfigDict, Field


class Grid(BaseModel):
    """Shape (X, Y, Z) in voxels and isotropic spacing in mm; axes run right, anterior, superior."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shape: tuple[int, int, int]
    spacing_mm: float = Field(gt=0)
