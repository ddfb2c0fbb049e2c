"""Which of several scans of a visit is taken."""

from dataclasses import dataclass
from typing import Literal

from pydantic import field_validator

from longibench.benchmark.cohorts.reader import ReaderSettings
from longibench.benchmark.cohorts.readers.adni.codes import Entry
from longibench.benchmark.cohorts.readers.adni.sequences import Sequence

UNUSABLE = 4  # of Mayo's series_quality, 1 (best) to 4
UNRATED = 3.5  # after every rated scan that may be used
PROCESSED = {"scaled": 0, "n3": 1, "partial": 2}
LATE_PHASES = ("ADNI3", "ADNI4")


class AdniSettings(ReaderSettings):
    """Which of several scans of a visit is taken.

    Attributes:
        prefer: ``clinica``: LONI's processed version in ADNI1, GO and 2 and the accelerated
            original in ADNI3 and 4; ``original`` or ``processed``: that one in every phase.
        field: ``protocol``: 1.5 T in ADNI1, 3 T later; ``1.5`` or ``3``: that one if there is a
            choice.
        repeats: Whether a session's second scan (MPR-R, REPEAT) comes ``last`` or is ``never``
            taken.
    """

    prefer: Literal["clinica", "original", "processed"] = "clinica"
    field: Literal["protocol", "1.5", "3"] = "protocol"
    repeats: Literal["last", "never"] = "last"

    @field_validator("field", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """``--set readers.adni.field=3`` is parsed as a number."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value) if isinstance(value, int | float) else value


@dataclass(frozen=True)
class Candidate:
    """What the choice depends on.

    Attributes:
        sequence: How the image was made.
        phase: ``ADNI1`` to ``ADNI4``.
        entry: Whether the visit's code is that of screening or baseline.
        tesla: Field strength, None if unknown.
        selected: Whether the quality table marks the series as the session's chosen one.
        quality: Mayo's rating, 1 (best) to 4 (unusable), None if unknown.
        series: Series id, infinite if unknown.
        image: Image id, infinite if unknown.
    """

    sequence: Sequence
    phase: str
    entry: Entry
    tesla: float | None
    selected: bool
    quality: float | None
    series: float
    image: float


def preference(scan: Candidate, settings: AdniSettings) -> tuple[float, ...]:
    """Sort key of a scan within its visit; the smallest is taken.

    After Clinica's converter (``clinica convert adni-to-bids``), in this order, each
    criterion deciding only if all previous ones tie:

    1. the requested field strength: a change of it between visits looks like a change of the brain;
    2. screening before baseline: ADNI's first scan is usually made at screening;
    3. corrected for the gradients' distortion rather than not (``_ND``);
    4. the version: see ``AdniSettings.prefer``;
    5. the series that the quality table selected, then its better rating;
    6. the first scan of the session rather than its repeat;
    7. the lower series number, then the lower image number.

    Clinica uses the field strength after the version; the two differ only if a visit has one
    version at one field strength and the other at another.
    """
    return (
        float(scan.tesla is not None and scan.tesla != _asked(scan, settings)),
        float(scan.entry == "baseline"),
        float(scan.sequence.uncorrected),
        float(_version(scan, settings)),
        float(not scan.selected),
        UNRATED if scan.quality is None else scan.quality,
        float(scan.sequence.repeat),
        scan.series,
        scan.image,
    )


def _asked(scan: Candidate, settings: AdniSettings) -> float:
    if settings.field != "protocol":
        return float(settings.field)
    return 1.5 if scan.phase == "ADNI1" else 3.0


def _version(scan: Candidate, settings: AdniSettings) -> int:
    """Rank of the version: originals 0 and 1 or processed ones 0 to 2, the other kind last."""
    late = scan.phase in LATE_PHASES
    processed = PROCESSED.get(scan.sequence.processing)
    rank = int(scan.sequence.accelerated != late) if processed is None else processed
    if settings.prefer == "clinica":
        wanted = late == (processed is None)
    else:
        wanted = (settings.prefer == "processed") == (processed is not None)
    if processed == PROCESSED["partial"]:
        return 10 + rank if settings.prefer != "processed" else rank  # Clinica takes none
    return rank if wanted else 5 + rank
