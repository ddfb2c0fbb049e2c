"""What can be chosen about the simulated cohort; ``docs/phantom.md`` has the published numbers."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from longibench.benchmark.settings.limits import MOST_SEED, MOST_YEARS
from longibench.benchmark.settings.phantom_raw import RawSettings

SIMULATION = 2  # raise it whenever the same settings give other files
LEAST_YEARS = 0.085  # between visits: sessions are named after their month
WIDEST = {"size": 0.65, "rate": 1.0}  # standard deviation of a group relative to its mean
LIMIT = 2.0  # standard deviations between participants: no outliers that leave the grid

Spread = Annotated[float, Field(ge=0, le=50)]  # a standard deviation
Age = tuple[Annotated[float, Field(ge=0, le=120)], Spread]
Rate = tuple[Annotated[float, Field(ge=-50, le=50)], Spread]  # percent per year
Loss = tuple[Annotated[float, Field(gt=0, le=20)], Annotated[float, Field(gt=0, le=20)]]
Volume = Annotated[float, Field(ge=500, le=2500)]  # ml: adults have 900 to 1800
Part = tuple[Annotated[float, Field(ge=1, le=100)], Annotated[float, Field(gt=0, le=50)]]  # ml
Displacement = Annotated[float, Field(ge=0, le=10)]  # mm
Years = Annotated[float, Field(gt=0, le=MOST_YEARS)]
Correlation = Annotated[float, Field(ge=0, le=0.9)]


class GroupSettings(BaseModel):
    """One diagnostic group; every pair is (mean, standard deviation between participants).

    Attributes:
        share: Share of the cohort, 0 to 1.
        age: Age at the first visit, years.
        ventricle_ml: Lateral ventricles at the first visit.
        hippocampus_ml: Both hippocampi at the first visit.
        brain_ml: Grey and white matter at the first visit, of women and men together.
        ventricle_growth: Growth of the lateral ventricles, ml a year.
        brain_loss: Whole-brain atrophy, percent of the first visit's brain a year.
        hippocampus_loss: Percent of the first visit's hippocampi a year.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(ge=0, le=1)
    age: Age
    ventricle_ml: Part
    hippocampus_ml: Part
    brain_ml: Volume
    ventricle_growth: Loss
    brain_loss: Loss
    hippocampus_loss: Loss

    @field_validator("ventricle_ml", "hippocampus_ml")
    @classmethod
    def _no_tiny_size(cls, values: tuple[float, float]) -> tuple[float, float]:
        return _within(values, WIDEST["size"])

    @field_validator("ventricle_growth", "brain_loss", "hippocampus_loss")
    @classmethod
    def _no_tiny_rate(cls, values: tuple[float, float]) -> tuple[float, float]:
        return _within(values, WIDEST["rate"])


def _within(values: tuple[float, float], widest: float) -> tuple[float, float]:
    """A group's mean and standard deviation; a wider one would give sizes and rates near 0."""
    mean, deviation = values
    if deviation > widest * mean:
        raise ValueError(f"the standard deviation must be at most {widest:g} of the mean")
    return values


class ScannerSettings(BaseModel):
    """What the scanner adds at each visit.

    Attributes:
        gain: Standard deviation of the overall brightness, relative.
        bias: Largest deviation of the smooth bias field from 1.
        noise: Standard deviation of the noise, relative to white matter, of a scan with voxels of
            1 mm; it falls with the voxel's volume ^ -1/2, as resampling averages it.
        contrast: Standard deviation between visits of the logarithm of the exponent on the
            intensities: how dark grey matter is against white.
        shift_mm: Standard deviation of the head's position along each axis.
        turn_degrees: Standard deviation of the head's rotation about each axis.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gain: float = Field(0.05, ge=0, le=0.2)
    bias: float = Field(0.15, ge=0, le=0.3)
    noise: float = Field(0.06, ge=0, le=0.5)
    contrast: float = Field(0.08, ge=0, le=0.5)
    shift_mm: float = Field(0.33, ge=0, le=1.25)
    turn_degrees: float = Field(0.33, ge=0, le=2)


class StudySettings(BaseModel):
    """What both versions of the simulated cohort have.

    Attributes:
        subjects: Participants; the first n of a larger cohort are the same as a cohort of n.
        spacing_mm: Isotropic voxel size of the scans; raw ones have that of their protocol.
        seed: All random values are derived from it.
        follow_ups: Planned follow-up visits, about one year apart.
        missed: Chance that a planned follow-up is missed.
        dropout: Chance of leaving the study before each follow-up.
        irregular: Share of follow-ups further than a quarter of a year from their anniversary.
        follow_up_years: All participants are scanned at the first visit and at exactly these years
            after it, regardless of the four settings above; ascending.
        shape_mm: Root mean square displacement between participants along each axis, for the
            coarse and the fine part of anatomy.
        labels: Write label maps of every visit at 1.5 mm.
        futures: How many other futures of each first visit are simulated, for the row
            ``expected-change``; 0 for none.
        scattered: Write raw heads, with skull and scalp, instead of aligned, stripped ones.
        raw: The scanner of the scattered phantom.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subjects: int = Field(96, ge=1, le=9999)
    spacing_mm: float = Field(5.0, ge=1.0, le=8.0)
    seed: int = Field(0, ge=0, le=MOST_SEED)
    follow_ups: int = Field(5, ge=1, le=10)
    missed: float = Field(0.08, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    irregular: float = Field(0.5, ge=0, le=1)
    follow_up_years: tuple[Years, ...] | None = Field(None, min_length=1, max_length=20)
    shape_mm: tuple[Displacement, Displacement] = (3.2, 1.3)
    labels: bool = False
    futures: int = Field(0, ge=0, le=200)
    scattered: bool = False
    raw: RawSettings = RawSettings()

    @field_validator("follow_up_years")
    @classmethod
    def _ascending(cls, years: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if years and any(later - earlier < LEAST_YEARS for earlier, later in pairwise((0, *years))):
            raise ValueError("must ascend from above 0, each by a month or more")
        return years

    @model_validator(mode="after")
    def _of_plain_scans(self) -> Self:
        if self.scattered and (self.labels or self.futures):
            raise ValueError("labels and futures are of plain scans: leave scattered out, or them")
        return self


def some_share(groups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that somebody can be sampled: a group with a name and a share above 0."""
    if not all(groups) or not any(group.share for group in groups.values()):
        raise ValueError("needs a group with a name and a share above 0")
    return groups


class PhantomSettings(StudySettings):
    """The simulated cohort; the sources of all numbers are in ``docs/phantom.md``.

    Attributes:
        sex_ml: Difference of the mean brain volumes of men and women.
        brain_spread: Relative standard deviation of brain volume within a sex.
        growth_on_size: Correlation, within a group, of the ventricles' growth in ml a year with
            their volume at the first visit; like the next one, of the normal deviates behind them.
        rates_together: Correlation, within a group, of the rates of ventricles, brain and
            hippocampi with each other.
        groups: The diagnostic groups by name.
        scanner: The scanner of the plain phantom.
    """

    sex_ml: float = Field(110.0, ge=0, le=400)
    brain_spread: float = Field(0.075, ge=0, le=0.15)
    growth_on_size: Correlation = 0.45
    rates_together: Correlation = 0.5
    groups: dict[str, GroupSettings] = Field(
        {
            "CN": GroupSettings(
                share=0.4,
                age=(77.0, 5.1),
                ventricle_ml=(35.0, 19.0),
                hippocampus_ml=(7.3, 0.9),
                brain_ml=1030.0,
                ventricle_growth=(1.4, 1.2),
                brain_loss=(0.5, 0.5),
                hippocampus_loss=(1.4, 1.3),
            ),
            "MCI": GroupSettings(
                share=0.35,
                age=(76.0, 7.2),
                ventricle_ml=(42.0, 23.0),
                hippocampus_ml=(6.4, 1.1),
                brain_ml=1020.0,
                ventricle_growth=(2.8, 2.0),
                brain_loss=(1.2, 0.9),
                hippocampus_loss=(2.7, 2.1),
            ),
            "AD": GroupSettings(
                share=0.25,
                age=(76.5, 7.4),
                ventricle_ml=(49.0, 25.0),
                hippocampus_ml=(5.7, 1.0),
                brain_ml=980.0,
                ventricle_growth=(4.8, 2.6),
                brain_loss=(1.9, 0.9),
                hippocampus_loss=(4.7, 2.3),
            ),
        }
    )
    scanner: ScannerSettings = ScannerSettings()

    _some_share = field_validator("groups")(some_share)

    @model_validator(mode="after")
    def _possible_correlations(self) -> Self:
        on_size, together = self.growth_on_size, self.rates_together
        if on_size**2 * (1 + together) >= (1 - together) * (1 + 2 * together):
            raise ValueError(
                f"growth_on_size={on_size:g} and rates_together={together:g} cannot both hold: "
                "lower one of them"
            )
        return self
