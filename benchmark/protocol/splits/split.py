"""Subject-level split by rule: it can be published as a rule and a digest, without any id."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.protocol.splits.leave_out import left_out, mark_left_out
from longibench.benchmark.protocol.splits.partitions import PARTITIONS, read_partitions
from longibench.benchmark.protocol.splits.selection import select_fold, select_share
from longibench.benchmark.protocol.splits.subjects import subject_table
from longibench.benchmark.settings.schema import SplitSettings


@dataclass(frozen=True)
class Split:
    """Disjoint sets of canonical subject ids, and the rule that made them.

    Attributes:
        train: Subjects that methods are trained on.
        validation: Subjects for model selection during training; taken from the training part.
        test: Subjects that are held out for evaluation.
        rule: How subjects were assigned, in words; names no subject.

    Raises:
        UserError: One person in two parts, in any spelling.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    rule: str

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part, members in self.parts.items():
            for subject in members:
                known = seen.setdefault(canonical_subject(subject), part)
                if known != part:
                    raise UserError(f"split: subject {subject} is in {known} and in {part}")

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The members of each part, by the part's full name."""
        return {"training": self.train, "validation": self.validation, "evaluation": self.test}

    @property
    def digest(self) -> str:
        """Digest of the rule and of the assignment; equal for every layout of one cohort."""
        members = {part: sorted(members) for part, members in self.parts.items()}
        return digest({"rule": self.rule, **members})


def split_cohort(table: pd.DataFrame, settings: SplitSettings) -> Split:
    """Divide the subjects of a visit table; see ``split_subjects``.

    With ``leave_out``, a subject with one scan at a left-out value is evaluated: nothing from there
    is trained on, regardless of the subject's other scans.
    """
    subjects = subject_table(table)
    return split_subjects(mark_left_out(subjects, table, settings), settings)


def split_subjects(subjects: pd.DataFrame, settings: SplitSettings) -> Split:
    """Divide subjects into training, validation and evaluation.

    Args:
        subjects: One row per subject, indexed by canonical id: the covariates known at the first
            visit. The order of the rows does not matter.
        settings: What divides them; see ``SplitSettings``.

    Raises:
        UserError: A duplicate subject, an empty part, more subjects requested than there are, an
            unknown column or value, a damaged file.
    """
    subjects = _sorted(subjects)
    split = _evaluation_apart(subjects, settings)
    if settings.validation and not split.validation:
        split = _validation_apart(split, subjects, settings)
    for part in ("training", "evaluation", *(["validation"] if settings.validation else [])):
        if not split.parts[part]:
            raise UserError(
                f"split: no subject for {part} among {len(subjects)} ({split.rule}); "
                "set split.test to a number of subjects or another fraction"
            )
    return split


def _sorted(subjects: pd.DataFrame) -> pd.DataFrame:
    """The subjects by id, each in one spelling."""
    ordered = subjects.sort_index()
    canonical = pd.Series([canonical_subject(str(label)) for label in ordered.index])
    if canonical.duplicated().any():
        raise UserError(f"split: duplicate subject {canonical[canonical.duplicated()].iloc[0]}")
    return ordered


def _evaluation_apart(subjects: pd.DataFrame, settings: SplitSettings) -> Split:
    if isinstance(settings.test, str):
        return _from_file(list(subjects.index), Path(settings.test), settings)
    if settings.leave_out:
        held_out, rule = left_out(subjects, settings)
    elif settings.folds:
        held_out, rule = select_fold(subjects, settings)
    else:
        held_out, rule = select_share(subjects, "test", settings.test, settings)
    return Split(_others(subjects, held_out), (), tuple(sorted(held_out)), rule)


def _validation_apart(split: Split, subjects: pd.DataFrame, settings: SplitSettings) -> Split:
    """Split off the validation part; its own key leaves the evaluation part unchanged."""
    training = subjects.loc[list(split.train)]
    own = settings.model_copy(update={"key": f"{settings.key}/validation"})
    chosen, rule = select_share(training, "validation", settings.validation, own)
    return replace(
        split,
        train=_others(training, chosen),
        validation=tuple(sorted(chosen)),
        rule=f"{split.rule}; validation, of the rest: {rule}",
    )


def _others(subjects: pd.DataFrame, chosen: set[str]) -> tuple[str, ...]:
    return tuple(subject for subject in subjects.index if subject not in chosen)


def _from_file(subjects: list[str], path: Path, settings: SplitSettings) -> Split:
    listed = read_partitions(path)
    missing = sorted(set(subjects) - set(listed))
    if missing:
        raise UserError(
            f"{path}: {len(missing)} subjects are not listed, the first is {missing[0]}"
        )
    train, validation, test = (
        tuple(subject for subject in subjects if listed[subject] == part) for part in PARTITIONS
    )
    if validation and settings.validation:
        raise UserError(f"{path} lists validation subjects: drop split.validation")
    return Split(train, validation, test, rule="file")
