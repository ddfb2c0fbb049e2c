"""An external test cohort must share no person and no scan with the training cohort."""

import pandas as pd

from longibench.benchmark.cohorts.subject_ids import is_worldwide
from longibench.benchmark.core.errors import UserError


def refuse_same_subjects(seen: pd.DataFrame, test: pd.DataFrame) -> None:
    """Refuse an external test cohort with subjects used for training or validation.

    Labels such as ``sub-01`` recur in every dataset and identify no one; an id of ADNI or OASIS is
    one person.

    Args:
        seen: Visits of the training and validation parts.
        test: Visits of the test cohort.
    """
    both = {
        subject for subject in set(seen["subject"]) & set(test["subject"]) if is_worldwide(subject)
    }
    if both:
        raise UserError(f"--test-cohort: subject {min(both)} is in the training cohort too")


def refuse_same_scans(seen: pd.DataFrame, test: pd.DataFrame) -> None:
    """Refuse a scan of the training cohort under another name.

    Args:
        seen: Visits of the training and validation parts; ``content`` identifies a scan.
        test: Visits of the test cohort, likewise.
    """
    shared = test[test["content"].isin(set(seen["content"]))]
    if not shared.empty:
        raise UserError(f"--test-cohort: {shared['path'].iloc[0]} is a scan of the training cohort")
