"""What can be chosen about the raw scans of the scattered phantom."""

from pydantic import BaseModel, ConfigDict, Field


class SliceProtocol(BaseModel):
    """A way of acquiring a volume.

    Attributes:
        in_plane_mm: Voxel size within a slice, along both axes.
        slice_mm: Distance between slices, and their thickness.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_plane_mm: float = Field(ge=0.7, le=10)
    slice_mm: float = Field(ge=0.7, le=20)


class RawSettings(BaseModel):
    """The acquisition effects that preparation has to remove from a raw scan.

    Attributes:
        gain: Standard deviation of the overall brightness between visits, of its logarithm.
        bias: Largest weight of each term of the bias field's logarithm, a polynomial of second
            order over the field of view; the brain's extremes deviate about as far from its median.
        noise: Standard deviation of the noise of each channel of the magnitude image, relative to
            white matter.
        shift_mm: Largest displacement of the head along each axis, sampled for each visit.
        turn_degrees: Largest rotation of the head about each axis, sampled for each visit.
        centring_mm: Largest distance of the middle of the field of view from where it should be.
        protocols: Each visit is acquired by one of these, along a random axis. The defaults are
            those of an MPRAGE for morphometry, of an older spoiled gradient echo, of a fast
            isotropic sequence, and of a clinic's thick slices.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gain: float = Field(0.3, ge=0, le=1)
    bias: float = Field(0.25, ge=0, le=0.5)
    noise: float = Field(0.02, ge=0, le=0.2)
    shift_mm: float = Field(15.0, ge=0, le=40)
    turn_degrees: float = Field(12.0, ge=0, le=25)
    centring_mm: float = Field(4.0, ge=0, le=10)
    protocols: tuple[SliceProtocol, ...] = Field(
        (
            SliceProtocol(in_plane_mm=1.0, slice_mm=1.2),
            SliceProtocol(in_plane_mm=0.94, slice_mm=1.5),
            SliceProtocol(in_plane_mm=1.2, slice_mm=1.2),
            SliceProtocol(in_plane_mm=1.0, slice_mm=3.0),
        ),
        min_length=1,
    )
