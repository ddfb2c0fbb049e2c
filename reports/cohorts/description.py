"""Describes a cohort from its tables: never opens a volume."""

import os
from collections.abc import Iterable
from typing import get_args

import pandas as pd

from longibench.benchmark.cohorts.reader import find_reader
from longibench.benchmark.cohorts.visit_table import COVARIATES, Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.preparation.steps.plan import CUT_OUT, resolve
from longibench.benchmark.protocol.splits.balance import balance, imbalances
from longibench.benchmark.protocol.splits.split import Split, split_cohort
from longibench.benchmark.protocol.splits.subjects import MISSING, levels, subject_table
from longibench.benchmark.protocol.table_checks import Refusal
from longibench.benchmark.settings.preparation import PreparationSettings, Step
from longibench.benchmark.settings.schema import Settings, SplitSettings
from longibench.reports.cohorts.facts import (
    Description,
    Known,
    Parts,
    Reason,
    Refused,
    StepState,
)
from longibench.reports.cohorts.intervals import (
    describe_intervals,
    describe_pairs,
    sorted_counts,
    spread,
)

CASES = 3  # per reason, listed in full
NUMBERS = ("age", "education", "mmse")  # the other covariates are levels
PHANTOM = "the simulated cohort that comes with the benchmark"


def describe_cohort(
    cohort: Cohort, settings: Settings, refusals: Iterable[Refusal] = ()
) -> Description:
    """Describe a cohort and how the settings would split, pair and prepare it.

    For a split or steps of preparation that cannot be made, the problem is part of the description.

    Args:
        cohort: The cohort as read.
        settings: Whose split, pairs and preparation apply.
        refusals: Everything for which ``run`` would refuse it.
    """
    visits = cohort.visits
    split, parts = _split(visits, settings.split)
    kind = cohort.name.partition(":")[0]
    return Description(
        name=cohort.name,
        reader=kind,
        layout=PHANTOM if kind == "phantom" else find_reader(kind).summary,
        preset=settings.preset,
        notes=cohort.notes,
        shareable=cohort.shareable,
        digest=visits_digest(visits),
        subjects=len(cohort.subjects),
        scans=len(visits),
        visits=sorted_counts(visits["subject"].value_counts()),
        intervals=describe_intervals(visits),
        pairs=describe_pairs(visits, settings.pairs, split),
        covariates=tuple(_known(visits, name) for name in COVARIATES if name in visits),
        field_changes=_field_changes(visits),
        left_out=_reasons(cohort),
        steps=_steps(settings.preparation, cohort),
        parts=parts,
        refused=tuple(Refused(its.check, str(its.error)) for its in refusals),
    )


def visits_digest(visits: pd.DataFrame) -> str:
    """Digest of subjects, visits and times, independent of the paths of the scans."""
    rows = zip(*(visits[name].tolist() for name in ("subject", "visit", "years")), strict=True)
    return digest([[subject, visit, round(years, 4)] for subject, visit, years in rows])


def _known(visits: pd.DataFrame, name: str) -> Known:
    covariate = COVARIATES[name]
    first = visits.drop_duplicates("subject")[name]
    values = first if covariate.at_source else visits[name]
    known = int((levels(values) != MISSING).sum())
    if name in NUMBERS:
        return Known(name, covariate.at_source, covariate.meaning, known, spread=spread(first))
    counts = {str(level): int(count) for level, count in levels(values).value_counts().items()}
    return Known(name, covariate.at_source, covariate.meaning, known, counts)


def _field_changes(visits: pd.DataFrame) -> int:
    if "field_tesla" not in visits:
        return 0
    return int((visits.groupby("subject")["field_tesla"].nunique() > 1).sum())


def _reasons(cohort: Cohort) -> tuple[Reason, ...]:
    place = f"{os.path.expanduser(cohort.name.partition(':')[2])}/"
    reasons = [
        Reason(
            reason=str(reason),
            scans=len(rows),
            subjects=int(rows.loc[rows["subject"] != "", "subject"].nunique()),
            cases=tuple(_case(row).replace(place, "") for _, row in rows.head(CASES).iterrows()),
        )
        for reason, rows in cohort.left_out.groupby("reason")
    ]
    return tuple(sorted(reasons, key=lambda reason: (-reason.scans, reason.reason)))


def _case(row: pd.Series) -> str:
    who = " ".join(filter(None, (row["subject"], row["visit"])))
    return ": ".join(filter(None, (who, row["detail"])))


def _steps(settings: PreparationSettings, cohort: Cohort) -> tuple[StepState, ...]:
    try:
        plan = resolve(settings, cohort)
    except UserError:  # one of the refusals
        return ()
    to_do = {
        "bias": "n4" if plan.bias else "",
        "brain": "" if plan.brain == CUT_OUT else plan.brain,
        "registration": plan.registration if plan.registers else "",
    }
    return tuple(StepState(step, step in cohort.done, to_do[step]) for step in get_args(Step))


def _split(visits: pd.DataFrame, settings: SplitSettings) -> tuple[Split | None, Parts]:
    try:
        split = split_cohort(visits, settings)
    except UserError as error:
        return None, Parts(problem=str(error))
    comparisons = balance(subject_table(visits), split)
    return split, Parts(
        rule=split.rule,
        digest=split.digest,
        sizes={part: len(members) for part, members in split.parts.items()},
        comparisons=tuple(comparisons),
        warnings=tuple(imbalances(comparisons)),
    )
