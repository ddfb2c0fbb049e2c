"""What can be chosen about the simulated cohort, and the published numbers behind the defaults."""

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from longibench.benchmark.settings.limits import MOST_SEED, MOST_YEARS
from longibench.benchmark.settings.phantom_raw import RawSettings

LEAST_YEARS = 0.085  # between visits: sessions are named after their month
LIMIT = 2.0  # standard deviations between participants: no outliers that leave the grid

Spread = Annotated[float, Field(ge=0, le=50)]  # a standard deviation
Age = tuple[Annotated[float, Field(ge=0, le=120)], Spread]
Rate = tuple[Annotated[float, Field(ge=-50, le=50)], Spread]  # percent per year
Growth = tuple[Annotated[float, Field(gt=0, le=50)], Spread]
Enlargement = tuple[Annotated[float, Field(gt=0, le=5)], Spread]
Volume = Annotated[float, Field(ge=500, le=2500)]  # ml: adults have 900 to 1800
Displacement = Annotated[float, Field(ge=0, le=10)]  # mm
Years = Annotated[float, Field(gt=0, le=MOST_YEARS)]


class GroupSettings(BaseModel):
    """One diagnostic group; every pair is (mean, standard deviation between participants).

    Attributes:
        share: Share of the cohort, 0 to 1.
        age: Age at the first visit, years.
        brain_loss: Whole-brain atrophy, percent of the first visit's brain per year.
        ventricle_growth: Ventricular enlargement, percent of the first visit's ventricles per year.
        enlargement: First visit's ventricles relative to the (young) template's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(ge=0, le=1)
    age: Age
    brain_loss: Rate
    ventricle_growth: Growth
    enlargement: Enlargement

    @field_validator("ventricle_growth", "enlargement")
    @classmethod
    def _above_zero(cls, values: tuple[float, float]) -> tuple[float, float]:
        mean, deviation = values
        if mean <= LIMIT * deviation:
            raise ValueError(f"the mean must exceed {LIMIT:g} standard deviations")
        return values


class ScannerSettings(BaseModel):
    """What the scanner adds at each visit.

    Attributes:
        gain: Standard deviation of the overall brightness, relative.
        bias: Largest deviation of the smooth bias field from 1.
        noise: Standard deviation of the noise, relative to white matter.
        shift_mm: Standard deviation of the head's position along each axis.
        turn_degrees: Standard deviation of the head's rotation about each axis.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gain: float = Field(0.05, ge=0, le=0.2)
    bias: float = Field(0.03, ge=0, le=0.3)
    noise: float = Field(0.008, ge=0, le=0.2)
    shift_mm: float = Field(0.2, ge=0, le=1.25)
    turn_degrees: float = Field(0.2, ge=0, le=2)


class PhantomSettings(BaseModel):
    """The simulated cohort.

    Whole-brain atrophy: controls 0.5, MCI 1.2, AD 1.9 percent per year (Sluimer et al.,
    Radiology 2008; 248:590). Ventricle-to-brain ratio: 4.3 percent per year without and 15.6 with
    probable AD (Bradley et al., Br J Radiol 2002; 75:506); MCI is between (Nestor et al., Brain
    2008; 131:2443). ``ventricle_growth`` is set so that the simulated ratio grows as published;
    large ventricles grow somewhat faster than set.

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
        brain_ml: Mean brain volume (grey and white matter) of women and men, before atrophy.
        brain_spread: Relative standard deviation of brain volume within a sex.
        shape_mm: Root mean square displacement between participants along each axis, for the
            coarse and the fine part of anatomy.
        groups: The diagnostic groups by name.
        scanner: The scanner of the plain phantom.
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
    irregular: float = Field(0.2, ge=0, le=1)
    follow_up_years: tuple[Years, ...] | None = Field(None, min_length=1, max_length=20)
    brain_ml: tuple[Volume, Volume] = (1210.0, 1365.0)
    brain_spread: float = Field(0.06, ge=0, le=0.15)
    shape_mm: tuple[Displacement, Displacement] = (3.2, 1.3)
    groups: dict[str, GroupSettings] = {
        "CN": GroupSettings(
            share=0.4,
            age=(74.0, 5.0),
            brain_loss=(0.5, 0.2),
            ventricle_growth=(3.6, 0.9),
            enlargement=(1.6, 0.25),
        ),
        "MCI": GroupSettings(
            share=0.35,
            age=(74.0, 6.0),
            brain_loss=(1.2, 0.35),
            ventricle_growth=(7.0, 1.3),
            enlargement=(1.9, 0.3),
        ),
        "AD": GroupSettings(
            share=0.25,
            age=(75.0, 6.0),
            brain_loss=(1.9, 0.45),
            ventricle_growth=(11.3, 1.9),
            enlargement=(2.2, 0.35),
        ),
    }
    scanner: ScannerSettings = ScannerSettings()
    scattered: bool = False
    raw: RawSettings = RawSettings()

    @field_validator("groups")
    @classmethod
    def _some_share(cls, groups: dict[str, GroupSettings]) -> dict[str, GroupSettings]:
        if not all(groups) or not any(group.share for group in groups.values()):
            raise ValueError("needs a group with a name and a share above 0")
        return groups

    @field_validator("follow_up_years")
    @classmethod
    def _ascending(cls, years: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if years and any(later - earlier < LEAST_YEARS for earlier, later in pairwise((0, *years))):
            raise ValueError("must ascend from above 0, each by a month or more")
        return years
