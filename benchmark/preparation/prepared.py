"""The result of preparing a cohort: usable scans, and scans that were left out, with reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.arrays import Affine
from longibench.benchmark.preparation.reading.problems import ONLY_ONE
from longibench.benchmark.preparation.steps.plan import NOTHING, Plan
from longibench.benchmark.preparation.steps.traits import ScanTraits, Traits, cohort_traits
from longibench.benchmark.preparation.store.store import Record, Store
from longibench.benchmark.preparation.work import Visit

CASES = 3  # cases of each reason in a summary


@dataclass(frozen=True)
class Prepared:
    """A cohort on the grid.

    Attributes:
        table: The visit table with ``content`` (SHA256 of the scan's bytes), ``volume`` (path of
            the prepared NIfTI in [-1, 1]) and the scans' quality in columns ``quality_*``, NaN if
            a step was not done (see ``benchmark.preparation.steps.quality``).
        left_out: The cohort's ``left_out`` and the damaged scans, each with its reason.
        traits: Properties of the scans.
        plan: The steps that were done.
        transforms: By path of the prepared volume: the grid's world mm to the scan's, (4, 4).
    """

    table: pd.DataFrame
    left_out: pd.DataFrame
    traits: Traits
    plan: Plan = NOTHING
    transforms: Mapping[str, Affine] = field(default_factory=dict)


def gather(
    cohort: Cohort,
    outcomes: Sequence[tuple[Visit, Record]],
    store: Store,
    plan: Plan,
    console: Console,
) -> Prepared:
    """Keep the usable scans: undamaged, of subjects with at least two of them.

    Raises:
        UserError: No subject has two usable scans.
    """
    counts = Counter(visit.subject for visit, record in outcomes if record.traits)
    left_out: list[tuple[str, str, str, str]] = []
    kept: list[tuple[Visit, Record, ScanTraits]] = []
    for visit, record in outcomes:
        if record.traits is not None and counts[visit.subject] > 1:
            kept.append((visit, record, record.traits))
            continue
        reason = record.kind or ONLY_ONE
        detail = f"{visit.path}: {record.reason or 'a pair needs two'}"
        left_out.append((visit.subject, visit.visit, reason, detail))
        if record.kind:
            console.warn(
                f"left out: {visit.path}: {reason}{': ' * bool(record.reason)}{record.reason}"
            )
    if not kept:
        first = f"; {left_out[0][2]}: {left_out[0][3]}" if left_out else ""
        raise UserError(f"cohort {cohort.name}: no subject has two usable scans{first}")
    more = pd.DataFrame(left_out, columns=list(LEFT_OUT))
    table = _table(cohort, [(visit, record) for visit, record, _ in kept], store)
    matrices = [np.array(record.transform) for _, record, _ in kept]
    return Prepared(
        table=table,
        left_out=pd.concat([cohort.left_out, more], ignore_index=True),
        traits=cohort_traits([traits for *_, traits in kept]),
        plan=plan,
        transforms=dict(zip(table["volume"], matrices, strict=True)),
    )


def report_failures(left_out: pd.DataFrame, console: Console) -> None:
    """Print the number of left-out scans by reason, and the first cases."""
    if left_out.empty:
        return
    console.say(f"{len(left_out)} visits are left out:")
    for reason, rows in left_out.groupby("reason", sort=False):
        cases = [f"{row.subject} {row.visit}" for row in rows.head(CASES).itertuples()]
        more = ", ..." if len(rows) > CASES else ""
        console.say(f"{len(rows):6d}  {reason}: {', '.join(cases)}{more}")


def _table(cohort: Cohort, kept: Sequence[tuple[Visit, Record]], store: Store) -> pd.DataFrame:
    table = cohort.visits.loc[[visit.row for visit, _ in kept]].reset_index(drop=True)
    table["content"] = [visit.content for visit, _ in kept]
    table["volume"] = [str(store.volume(visit.content, visit.source)) for visit, _ in kept]
    quality = pd.DataFrame([asdict(record.quality) for _, record in kept], dtype=float)
    return table.join(quality.add_prefix("quality_"))
