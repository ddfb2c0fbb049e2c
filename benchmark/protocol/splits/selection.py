"""Select subjects by a keyed hash of their ids: a share or a fold, optionally stratified."""

import hashlib
from collections.abc import Sequence

import pandas as pd

from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.protocol.splits.subjects import levels
from longibench.benchmark.settings.schema import SplitSettings


def hash_position(subject: str, key: str) -> float:
    """Position of a subject in [0, 1): uniform, fixed for a key, independent of other subjects."""
    raw = hashlib.sha256(f"{key}:{subject}".encode()).digest()
    return int.from_bytes(raw[:8], "big") / 2**64


def select_share(
    subjects: pd.DataFrame, setting: str, amount: float, settings: SplitSettings
) -> tuple[set[str], str]:
    """Select a share of the subjects.

    Args:
        subjects: One row per subject, indexed by id.
        setting: Name of the setting of the amount, for errors.
        amount: A number of subjects, or a fraction in (0, 1).
        settings: Key of the hash, and whether to stratify.

    Returns:
        The selected subjects, and the rule in words.

    Raises:
        UserError: More subjects than there are, or an unusable column to stratify by.
    """
    ids, key = list(subjects.index), settings.key
    if isinstance(amount, int) and amount >= len(ids):
        if len(ids) < 2:
            raise UserError(f"split.{setting}={amount}: one subject is not enough for two parts")
        raise UserError(
            f"split.{setting}={amount}: needs to be between 1 and {len(ids) - 1}, such as --set "
            f"split.{setting}={max(1, len(ids) // 5)}"
        )
    if settings.stratify:
        strata = _strata(subjects, settings)
        count = amount if isinstance(amount, int) else round(amount * len(ids))
        share = f"{amount} subjects" if isinstance(amount, int) else f"{amount:.6g}"
        rule = f"{share}, evenly from each {strata.name}, by hash, key '{key}'"
        return _evenly(_by_stratum(strata, key), count), rule
    if isinstance(amount, int):
        ranked = sorted(ids, key=lambda subject: (hash_position(subject, key), subject))
        return set(ranked[:amount]), f"{amount} subjects of lowest hash, key '{key}'"
    below = {subject for subject in ids if hash_position(subject, key) < amount}
    return below, f"hash below {amount:.6g}, key '{key}'"


def select_fold(subjects: pd.DataFrame, settings: SplitSettings) -> tuple[set[str], str]:
    """Select the fold that is held out; the folds are disjoint and contain all subjects.

    Args:
        subjects: One row per subject, indexed by id.
        settings: Number of folds, which one, key of the hash, and whether to stratify.

    Returns:
        The members of the fold, and the rule in words.

    Raises:
        UserError: An unusable column to stratify by.
    """
    folds, fold, key = settings.folds, settings.fold, settings.key
    rule = f"fold {fold} of 0 to {folds - 1} by hash, key '{key}'"
    if settings.stratify:
        strata = _strata(subjects, settings)
        return set(_by_stratum(strata, key)[fold::folds]), f"{rule}, evenly from each {strata.name}"
    return {s for s in subjects.index if int(hash_position(s, key) * folds) == fold}, rule


def _strata(subjects: pd.DataFrame, settings: SplitSettings) -> pd.Series:
    column = settings.stratify if isinstance(settings.stratify, str) else "group"
    if column not in subjects:
        raise unknown("column of split.stratify", column, map(str, subjects.columns))
    strata = levels(subjects[column])
    if strata.nunique() > len(strata) / 2:
        raise UserError(
            f"split.stratify={column}: {strata.nunique()} different values among {len(strata)} "
            "subjects are no strata; name a column with few levels, such as group"
        )
    return strata


def _by_stratum(strata: pd.Series, key: str) -> list[str]:
    """Subjects in the order of their stratum's hash and then of their own.

    A stratum is contiguous in this order, so that evenly spaced positions select from each stratum
    in proportion to its size, to within one subject, for any sizes.
    """
    order = {
        subject: (hash_position(level, key), level, hash_position(subject, key), subject)
        for subject, level in zip(map(str, strata.index), strata, strict=True)
    }
    return sorted(order, key=lambda subject: order[subject])


def _evenly(ordered: Sequence[str], count: int) -> set[str]:
    """Exactly ``count`` of a sequence, evenly spaced."""
    places = range(len(ordered))
    total = len(ordered)
    return {ordered[i] for i in places if (i + 1) * count // total > i * count // total}
