"""The interface of a reader of a layout, and its result: all scans found, with covariates."""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from longibench.benchmark.core.errors import unknown
from longibench.benchmark.core.names import check_name
from longibench.benchmark.settings.preparation import Step

Covariates = dict[str, float | str | None]

# Reasons that several readers share, for common counts.
LISTED_TWICE = "listed twice"
NOT_ON_DISK = "listed but not on disk"
NOT_TAKEN = "another scan of the visit was taken"
SAME_DAY = "another visit on the same day was taken"
ONLY_SCAN = "the subject's only usable scan: a pair needs two"


@dataclass(frozen=True)
class FoundScan:
    """One scan as a reader found it.

    Attributes:
        subject: Canonical id (``canonical_subject``).
        visit: Label of the visit; two scans of one subject and visit compete.
        path: Image file, or folder of one DICOM series.
        days: Time of the scan, on any clock of the subject (a date's ordinal, days from entry);
            only differences count.
        preference: Order among the scans of a visit; the smallest is taken.
        covariates: Covariates of the subject at this visit; names from ``visit_table.COVARIATES``.
        labels: A label map of the scan, in the scan's own world coordinates, if there is one.
    """

    subject: str
    visit: str
    path: Path
    days: float
    preference: tuple[float | str, ...] = ()
    covariates: Covariates = field(default_factory=dict)
    labels: Path | None = None


@dataclass(frozen=True)
class LeftOut:
    """Something found or listed that is not used.

    Attributes:
        subject: Canonical id, empty if unknown.
        visit: Label of the visit, empty if unknown.
        reason: One of a few kinds that are counted, such as "listed but not on disk".
        detail: Which file or row, and what to do.
    """

    subject: str
    visit: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Listing:
    """Everything that a reader found.

    Attributes:
        scans: All usable scans, possibly several per visit.
        left_out: What was found or listed and cannot be used.
        done: Steps of preparation that were already applied to the scans.
        space: ``"MNI152"`` if they are in the template's world coordinates already.
        axes: Voxel orientation of files that do not specify it, such as ``"ASL"``; empty if
            unknown.
        shareable: Whether images of its participants may leave the machine.
        notes: Notes for the user, such as which table the dates are from.
    """

    scans: list[FoundScan]
    left_out: list[LeftOut] = field(default_factory=list)
    done: frozenset[Step] = frozenset()
    space: Literal["", "MNI152"] = ""
    shareable: bool = False
    notes: tuple[str, ...] = ()
    axes: str = ""


class ReaderSettings(BaseModel):
    """Settings of a reader: ``--set readers.NAME.KEY=VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reader(ABC):
    """Reads one layout; a subclass in a new file of ``benchmark/cohorts/readers`` is a new one.

    A reader opens tables and lists folders, never a volume.
    """

    registry: ClassVar[dict[str, type["Reader"]]] = {}
    name: ClassVar[str]
    summary: ClassVar[str]  # the layout in a line, for --help and errors
    Settings: ClassVar[type[ReaderSettings]] = ReaderSettings

    def __init_subclass__(cls, name: str) -> None:
        """Register the reader under the name that precedes the colon."""
        cls.name = check_name(name, "reader", f"{cls.__module__}.{cls.__qualname__}")
        Reader.registry[cls.name] = cls

    def __init__(self, settings: Any) -> None:
        """Args: an object of the class's ``Settings``."""
        self.settings = settings

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> str:
        """Why a path looks like this layout, from a few names in it; empty if it does not."""

    @abstractmethod
    def read(self, path: Path) -> Listing:
        """List all scans.

        Raises:
            UserError: No such path, another layout, or a table that cannot be used.
        """


def load_readers() -> dict[str, type[Reader]]:
    """Import every module in ``readers`` and return all readers by name."""
    from longibench.benchmark.cohorts import readers

    for module in pkgutil.iter_modules(readers.__path__):
        importlib.import_module(f"{readers.__name__}.{module.name}")
    return dict(sorted(Reader.registry.items()))


def find_reader(name: str) -> type[Reader]:
    """A reader by name.

    Raises:
        UserError: There is none with that name.
    """
    known = load_readers()
    if name not in known:
        raise unknown("cohort reader", name, ["phantom", "auto", *known])
    return known[name]
