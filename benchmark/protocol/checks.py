"""Checks of the data's settings before a cohort is simulated or read."""

from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.open_cohort import SIMULATED, check_spec, phantom_of
from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.preparation.steps.brain import check_tool
from longibench.benchmark.protocol.splits.partitions import read_partitions
from longibench.benchmark.protocol.splits.split import split_subjects
from longibench.benchmark.settings.schema import Settings


def check_data(settings: Settings) -> None:
    """Check cohorts, readers and the tool of brain extraction by name.

    Raises:
        UserError: One of them does not exist or has a wrong setting.
    """
    for spec in filter(None, (settings.cohort, settings.test_cohort)):
        check_spec(spec, settings)
    if settings.preparation.brain not in ("auto", "none"):
        check_tool(settings.preparation.brain)


def check_split(settings: Settings) -> None:
    """Check what can be checked of the split without the cohort.

    Raises:
        UserError: A file of partitions that cannot be used, or a split that the phantom cannot
            have, whose subjects are known before it is simulated.
    """
    split = settings.split
    if isinstance(split.test, str):
        read_partitions(Path(split.test))
    elif settings.cohort in SIMULATED and not (split.stratify or split.leave_out):
        count = phantom_of(settings.cohort, settings).subjects
        names = [canonical_subject(f"{number:04d}") for number in range(1, count + 1)]
        split_subjects(pd.DataFrame(index=names), split)
