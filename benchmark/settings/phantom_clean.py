"""The first version of the simulated cohort, ``phantom:clean``: cleaner and more predictable."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from longibench.benchmark.settings.phantom import (
    LIMIT,
    Age,
    Rate,
    ScannerSettings,
    Spread,
    StudySettings,
    Volume,
    some_share,
)

Growth = tuple[Annotated[float, Field(gt=0, le=50)], Spread]
Enlargement = tuple[Annotated[float, Field(gt=0, le=5)], Spread]

SCANNER = ScannerSettings(bias=0.03, noise=0.008, contrast=0, shift_mm=0.2, turn_degrees=0.2)


class CleanGroup(BaseModel):
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


class CleanSettings(StudySettings):
    """The first version of the simulated cohort.

    Whole-brain atrophy: controls 0.5, MCI 1.2, AD 1.9 percent per year (Sluimer et al.,
    Radiology 2008; 248:590). Ventricle-to-brain ratio: 4.3 percent per year without and 15.6 with
    probable AD (Bradley et al., Br J Radiol 2002; 75:506); MCI is between (Nestor et al., Brain
    2008; 131:2443). ``ventricle_growth`` is set so that the simulated ratio grows as published;
    large ventricles grow somewhat faster than set.

    Attributes:
        irregular: As in ``StudySettings``.
        brain_ml: Mean brain volume (grey and white matter) of women and men, before atrophy.
        brain_spread: Relative standard deviation of brain volume within a sex.
        groups: The diagnostic groups by name.
        scanner: The scanner of the plain phantom; ``noise`` is the same at every voxel size.
    """

    irregular: float = Field(0.2, ge=0, le=1)
    brain_ml: tuple[Volume, Volume] = (1210.0, 1365.0)
    brain_spread: float = Field(0.06, ge=0, le=0.15)
    groups: dict[str, CleanGroup] = Field(
        {
            "CN": CleanGroup(
                share=0.4,
                age=(74.0, 5.0),
                brain_loss=(0.5, 0.2),
                ventricle_growth=(3.6, 0.9),
                enlargement=(1.6, 0.25),
            ),
            "MCI": CleanGroup(
                share=0.35,
                age=(74.0, 6.0),
                brain_loss=(1.2, 0.35),
                ventricle_growth=(7.0, 1.3),
                enlargement=(1.9, 0.3),
            ),
            "AD": CleanGroup(
                share=0.25,
                age=(75.0, 6.0),
                brain_loss=(1.9, 0.45),
                ventricle_growth=(11.3, 1.9),
                enlargement=(2.2, 0.35),
            ),
        }
    )
    scanner: ScannerSettings = SCANNER

    _some_share = field_validator("groups")(some_share)
