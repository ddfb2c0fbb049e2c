"""Subject-level split by rule: publishable as a rule and a digest, without a single id."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.cohorts.subjects import canonical_subject
from benchmark.errors import UserError
from benchmark.files import digest
from benchmark.settings import SplitSettings


@dataclass(frozen=True)
class Split:
    """Disjoint sets of canonical subject ids, and the rule that made them."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    rule: str

    def __post_init__(self) -> None:
        both = set(self.train) & set(self.test)
        if both:
            raise UserError(f"split: subject {min(both)} stands in training and in evaluation")

    @property
    def digest(self) -> str:
        """Digest of the rule and of who is where; equal for every layout of one cohort."""
        return digest({"rule": self.rule, "train": sorted(self.train), "test": sorted(self.test)})


def hash_position(subject: str, key: str) -> float:
    """Where a subject falls in [0, 1): uniform, fixed for a key, unrelated to anybody else."""
    raw = hashlib.sha256(f"{key}:{subject}".encode()).digest()
    return int.from_bytes(raw[:8], "big") / 2**64


def split_subjects(subjects: Sequence[str], settings: SplitSettings) -> Split:
    """Divide subjects into training and evaluation.

    Args:
        subjects: Canonical ids.
        settings: A fraction, a count or a file; see ``SplitSettings``.

    Raises:
        UserError: An empty part, more subjects asked for than there are, a broken file.
    """
    if isinstance(settings.test, str):
        split = _from_file(sorted(subjects), Path(settings.test))
    else:
        split = _by_hash(sorted(subjects), settings.test, settings.key)
    for part, members in (("training", split.train), ("evaluation", split.test)):
        if not members:
            raise UserError(
                f"split: no subject for {part} among {len(subjects)} ({split.rule}); "
                "set split.test to a number of subjects or another fraction"
            )
    return split


def _by_hash(subjects: list[str], test: float, key: str) -> Split:
    if isinstance(test, int):
        if not 0 < test < len(subjects):
            raise UserError(f"split.test={test}: needs to be between 1 and {len(subjects) - 1}")
        ranked = sorted(subjects, key=lambda subject: (hash_position(subject, key), subject))
        held_out, rule = set(ranked[:test]), f"{test} subjects of lowest hash, key '{key}'"
    else:
        if not 0 < test < 1:
            raise UserError(f"split.test={test}: a fraction lies between 0 and 1")
        held_out = {subject for subject in subjects if hash_position(subject, key) < test}
        rule = f"hash below {test:.6g}, key '{key}'"
    train = tuple(subject for subject in subjects if subject not in held_out)
    return Split(train=train, test=tuple(sorted(held_out)), rule=rule)


def _from_file(subjects: list[str], path: Path) -> Split:
    listed = _read_partitions(path)
    missing = sorted(set(subjects) - set(listed))
    if missing:
        raise UserError(
            f"{path}: {len(missing)} subjects are not listed, the first is {missing[0]}"
        )
    parts = {name: tuple(s for s in subjects if listed[s] == name) for name in ("train", "test")}
    return Split(train=parts["train"], test=parts["test"], rule="file")


def _read_partitions(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise UserError(f"split.test={path}: neither a number nor an existing file")
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str)
    except ValueError as error:  # also what pandas raises on a file that is no table
        raise UserError(f"{path}: cannot be read as a table: {error}") from error
    if not {"subject", "partition"} <= set(table.columns):
        raise UserError(f"{path}: needs the columns subject and partition (train or test)")
    listed: dict[str, str] = {}
    for row, (label, part) in enumerate(zip(table["subject"], table["partition"], strict=True), 2):
        subject = canonical_subject(str(label))
        if part not in ("train", "test"):
            raise UserError(f"{path}, row {row}: partition '{part}' is neither train nor test")
        if listed.setdefault(subject, part) != part:
            raise UserError(f"{path}, row {row}: subject {subject} stands in train and in test")
    return listed
