"""The steps of preparation for a cohort."""

from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any, Literal

from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.preparation.steps.brain import check_tool, tool_version
from longibench.benchmark.settings.preparation import PreparationSettings

VERSION = 2  # raise it whenever preparation gives other volumes
DEFAULT_TOOL = "deepbet"
CUT_OUT = "background"  # the tool for scans whose brain was cut out before

Registration = Literal["none", "affine", "rigid", "identity"]


@dataclass(frozen=True)
class Plan:
    """The steps that are done.

    Attributes:
        bias: Whether N4 corrects the bias field.
        brain: The tool of brain extraction; empty if no step needs the brain.
        registration: ``affine`` or ``rigid`` to the template; ``identity``: the scans are in the
            template's world; ``none``: the grid is placed over each head.
        percentiles: Of the intensities that become -1 and 1.
        axes: Orientation of files that have none; empty refuses such files.
    """

    bias: bool = False
    brain: str = ""
    registration: Registration = "none"
    percentiles: tuple[float, float] = (1.0, 99.5)
    axes: str = ""

    @property
    def cheap(self) -> bool:
        """Whether resampling is the only step: starting processes would take longer."""
        return not self.bias and not self.brain and self.registration in ("none", "identity")

    @property
    def registers(self) -> bool:
        """Whether visits are registered to each other."""
        return self.registration in ("affine", "rigid")

    @property
    def digest(self) -> str:
        """Short digest, equal for plans that give the same volumes."""
        return digest(self.describe())

    def describe(self) -> dict[str, Any]:
        """The steps as plain values, with the versions of the tools: both determine the volumes."""
        tools = {"brain_version": tool_version(self.brain)} if self.brain else {}
        if self.bias or self.registers:
            tools["simpleitk_version"] = metadata.version("simpleitk")
        return {"version": VERSION, **asdict(self), **tools}


NOTHING = Plan()


def resolve(settings: PreparationSettings, cohort: Cohort) -> Plan:
    """Choose the steps: ``auto`` does what the cohort lacks; other values are done as set.

    Raises:
        UserError: An unknown brain extraction tool, or steps that need a brain without one in the
            cohort or the settings.
    """
    bias = settings.bias == "n4" or (settings.bias == "auto" and "bias" not in cohort.done)
    registration = _registration(settings, cohort)
    needed = bias or registration in ("affine", "rigid")
    brain = settings.brain
    if brain == "auto":
        brain = "none" if "brain" in cohort.done else DEFAULT_TOOL
    if brain == "none":
        if needed and "brain" not in cohort.done:
            raise UserError(
                "preparation.brain=none: bias correction and registration need the brain's mask; "
                "choose a tool, or set preparation.bias=none and preparation.registration=none"
            )
        brain = CUT_OUT if needed else ""
    if brain:
        check_tool(brain)
    return Plan(bias, brain, registration, settings.percentiles, settings.axes or cohort.axes)


def resamples_only(settings: PreparationSettings) -> bool:
    """Whether ``resolve`` makes a cheap plan for a cohort that lacks nothing."""
    return (
        settings.bias != "n4"
        and settings.brain in ("auto", "none")
        and settings.registration in ("auto", "none")
    )


def _registration(settings: PreparationSettings, cohort: Cohort) -> Registration:
    if settings.registration != "auto":
        return settings.registration
    if "registration" not in cohort.done:
        return "affine"
    return "identity" if cohort.space == "MNI152" else "none"
