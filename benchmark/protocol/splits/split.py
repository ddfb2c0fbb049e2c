"""Subject-level split by rule: publishable as a rule and a digest, without a single id."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.files import digest
from longibench.benchmark.protocol.splits.draw import draw_fold, draw_share
from longibench.benchmark.protocol.splits.leave_out import left_out, mark_left_out
from longibench.benchmark.protocol.splits.partitions import PARTITIONS, read_partitions
from longibench.benchmark.protocol.splits.people import people_of
from longibench.benchmark.settings.schema import SplitSettings


@dataclass(frozen=True)
class Split:
    """Disjoint sets of canonical subject ids, and the rule that made them.

    Attributes:
        train: Whom methods learn from.
        validation: Whom choices during training may look at; carved from the training part.
        test: Who is held out for evaluation.
        rule: What decided, in words; names no subject.

    Raises:
        UserError: One person in two parts, under whatever spelling.
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
                    raise UserError(f"split: subject {subject} stands in {known} and in {part}")

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The members of each part, by its name for people."""
        return {"training": self.train, "validation": self.validation, "evaluation": self.test}

    @property
    def digest(self) -> str:
        """Digest of the rule and of who is where; equal for every layout of one cohort."""
        members = {part: sorted(members) for part, members in self.parts.items()}
        return digest({"rule": self.rule, **members})


def split_cohort(table: pd.DataFrame, settings: SplitSettings) -> Split:
    """Divide the subjects of a visit table; see ``split_subjects``.

    Under ``leave_out``, one scan at a value that is left out is enough to be evaluated: nothing
    from there is trained on, wherever the subject's other scans come from.
    """
    people = people_of(table)
    return split_subjects(mark_left_out(people, table, settings), settings)


def split_subjects(people: pd.DataFrame, settings: SplitSettings) -> Split:
    """Divide subjects into training, validation and evaluation.

    Args:
        people: One row a subject, indexed by canonical id: the covariates known at the first
            visit. The order of the rows does not matter.
        settings: What divides them; see ``SplitSettings``.

    Raises:
        UserError: A subject that stands twice, an empty part, more subjects asked for than there
            are, an unknown column or value, a broken file.
    """
    people = _sorted(people)
    split = _evaluation_apart(people, settings)
    if settings.validation and not split.validation:
        split = _validation_apart(split, people, settings)
    for part in ("training", "evaluation", *(["validation"] if settings.validation else [])):
        if not split.parts[part]:
            raise UserError(
                f"split: no subject for {part} among {len(people)} ({split.rule}); "
                "set split.test to a number of subjects or another fraction"
            )
    return split


def _sorted(people: pd.DataFrame) -> pd.DataFrame:
    """The people by id, each under one spelling."""
    ordered = people.sort_index()
    canonical = pd.Series([canonical_subject(str(label)) for label in ordered.index])
    if canonical.duplicated().any():
        raise UserError(f"split: subject {canonical[canonical.duplicated()].iloc[0]} stands twice")
    return ordered


def _evaluation_apart(people: pd.DataFrame, settings: SplitSettings) -> Split:
    if isinstance(settings.test, str):
        return _from_file(list(people.index), Path(settings.test), settings)
    if settings.leave_out:
        held_out, rule = left_out(people, settings)
    elif settings.folds:
        held_out, rule = draw_fold(people, settings)
    else:
        held_out, rule = draw_share(people, "test", settings.test, settings)
    return Split(_others(people, held_out), (), tuple(sorted(held_out)), rule)


def _validation_apart(split: Split, people: pd.DataFrame, settings: SplitSettings) -> Split:
    """Carve the validation part; its own key leaves the evaluation part as it is."""
    training = people.loc[list(split.train)]
    own = settings.model_copy(update={"key": f"{settings.key}/validation"})
    chosen, rule = draw_share(training, "validation", settings.validation, own)
    return replace(
        split,
        train=_others(training, chosen),
        validation=tuple(sorted(chosen)),
        rule=f"{split.rule}; validation, of the rest: {rule}",
    )


def _others(people: pd.DataFrame, chosen: set[str]) -> tuple[str, ...]:
    return tuple(subject for subject in people.index if subject not in chosen)


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
