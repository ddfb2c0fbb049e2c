"""``protocol.json``: what it must hold, and its reader."""

from pathlib import Path
from typing import (
    Any,
    NotRequired,  # pydantic needs this one before Python 3.12
)

from pydantic import ConfigDict
from typing_extensions import TypedDict

from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.workspace import PROTOCOL

FORMAT = 2  # of protocol.json and of files named by digests; see docs/identity.md
_MORE = ConfigDict(extra="allow")


class CohortFacts(TypedDict):
    """What is recorded of a cohort: no id, no path."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    name: str
    digest: str
    subjects: int
    visits: int


class SplitFacts(TypedDict):
    """What is recorded of a split."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    rule: str
    digest: str
    train_subjects: int
    test_subjects: int


class PairFacts(TypedDict):
    """What is recorded of the pairs."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    rule: str
    count: int
    subjects: int


class GridFacts(TypedDict):
    """The grid: sides in voxels, and the voxel size in mm."""

    shape: tuple[int, int, int]
    spacing_mm: float


class ProtocolFacts(TypedDict):
    """What is recorded of a protocol."""

    __pydantic_config__ = _MORE  # type: ignore[misc]
    format: NotRequired[int]
    protocol: str
    preset: str
    cohort: CohortFacts
    training_cohort: NotRequired[CohortFacts | None]
    split: SplitFacts
    pairs: PairFacts
    grid: GridFacts
    created: str


def read_protocol(folder: Path) -> dict[str, Any]:
    """The content of a protocol's ``protocol.json``.

    Raises:
        DamagedFileError: It is missing or damaged.
    """
    return dict(read_json(folder / PROTOCOL, ProtocolFacts))


def format_of(folder: Path) -> int | None:
    """Format of a protocol's folder, 1 if it is not recorded; None if the file is damaged."""
    try:
        return int(read_protocol(folder).get("format", 1))
    except UserError:
        return None


def require_current(folder: Path) -> None:
    """Check that this version may add to a protocol.

    Raises:
        UserError: Another version wrote it, or it is damaged.
    """
    found = int(read_protocol(folder).get("format", 1))
    if found != FORMAT:
        which = "an earlier" if found < FORMAT else "a later"
        raise UserError(
            f"{folder}: {which} version of longibench ran it, and nothing is added to it; run it "
            "again, which creates a new one next to it"
        )
