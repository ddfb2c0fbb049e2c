from pathlib import Path

import pytest

from benchmark.cohorts.subjects import canonical_subject
from benchmark.errors import UserError
from benchmark.settings import PAPER_TEST_FRACTION, SplitSettings
from benchmark.split import Split, hash_position, split_subjects

PEOPLE = [f"{site:03d}_S_{number:04d}" for site in range(2, 42) for number in range(100, 150)]


def test_every_spelling_of_one_cohort_gives_one_digest() -> None:
    loni = PEOPLE[:200]
    bids = [f"sub-ADNI{person.replace('_', '')}" for person in reversed(loni)]
    digests = {
        split_subjects([canonical_subject(label) for label in labels], SplitSettings()).digest
        for labels in (loni, bids)
    }
    assert len(digests) == 1


def test_nobody_moves_when_the_cohort_grows() -> None:
    before = split_subjects(PEOPLE[:500], SplitSettings())
    after = split_subjects(PEOPLE[:550], SplitSettings())
    assert set(before.test) <= set(after.test)
    assert set(before.train) <= set(after.train)
    assert before.digest != after.digest


def test_the_papers_proportion_by_default() -> None:
    split = split_subjects(PEOPLE, SplitSettings())
    spread = (PAPER_TEST_FRACTION * (1 - PAPER_TEST_FRACTION) / len(PEOPLE)) ** 0.5
    assert abs(len(split.test) / len(PEOPLE) - PAPER_TEST_FRACTION) < 3 * spread
    assert len(split.test) + len(split.train) == len(PEOPLE)


def test_a_count_is_exact_and_takes_the_lowest_hashes() -> None:
    split = split_subjects(PEOPLE[:100], SplitSettings(test=17))
    assert len(split.test) == 17
    positions = {person: hash_position(person, "longibench") for person in PEOPLE[:100]}
    assert max(positions[p] for p in split.test) < min(positions[p] for p in split.train)


def test_the_order_of_the_subjects_does_not_matter_but_the_key_does() -> None:
    split = split_subjects(PEOPLE, SplitSettings(test=0.3))
    assert split_subjects(PEOPLE[::-1], SplitSettings(test=0.3)) == split
    assert split_subjects(PEOPLE, SplitSettings(test=0.3, key="another")).digest != split.digest


def test_a_file_decides(tmp_path: Path) -> None:
    path = tmp_path / "split.tsv"
    path.write_text("subject\tpartition\nsub-ADNI002S0295\ttest\nb\ttrain\nabsent\ttrain\n")
    split = split_subjects(["002_S_0295", "b"], SplitSettings(test=str(path)))
    assert (split.train, split.test) == (("b",), ("002_S_0295",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "subject,partition\na,train\nsub-a,test\nb,test\n",
            "row 3: subject a stands in train and",
        ),
        ("subject,partition\na,train\nb,validation\n", "row 3: partition 'validation'"),
        ("subject,partition\na,train\n", "1 subjects are not listed, the first is b"),
        ("person,part\na,train\n", "needs the columns subject and partition"),
        ("subject,partition\na,train\nb,train\n", "no subject for evaluation"),
        ("", "cannot be read as a table"),
        ('subject,partition\n"a', "cannot be read as a table"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        split_subjects(["a", "b"], SplitSettings(test=str(path)))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (2, "between 1 and 1"),
        (0, "between 1 and 1"),
        (1.5, "between 0 and 1"),
        (1e-9, "no subject for evaluation"),
        ("nowhere.csv", "neither a number nor an existing file"),
    ],
)
def test_what_leaves_nobody_is_refused(test: float | str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_subjects(["a", "b"], SplitSettings(test=test))


def test_a_subject_in_two_partitions_is_refused() -> None:
    with pytest.raises(UserError, match="subject b stands in training and in evaluation"):
        Split(train=("a", "b"), test=("b",), rule="by hand")
