from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from longibench.benchmark.cohorts.subject_ids import canonical_subject
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol.splits.selection import hash_position
from longibench.benchmark.protocol.splits.split import Split, split_cohort, split_subjects
from longibench.benchmark.protocol.splits.subjects import subject_table
from longibench.benchmark.settings.schema import PAPER_TEST_FRACTION, SplitSettings

IDS = [f"{site:03d}_S_{number:04d}" for site in range(2, 42) for number in range(100, 150)]
PARTS = ("train", "validation", "test")


def people_with(ids: list[str]) -> pd.DataFrame:
    """People with a group, a site, an age and an education that is not always known."""
    rng = np.random.default_rng(len(ids))
    columns = {
        "group": rng.choice(["CN", "MCI", "AD"], len(ids), p=[0.5, 0.4, 0.1]),
        "site": [canonical_subject(label)[:3] for label in ids],
        "age": rng.normal(75, 7, len(ids)).round(1),
        "level": rng.choice(["low", "high", None], len(ids), p=[0.3, 0.6, 0.1]),
    }
    return pd.DataFrame(columns, index=pd.Index(ids, name="subject"))


PEOPLE = people_with(IDS)

RULES: dict[str, SplitSettings] = {
    "fraction": SplitSettings(test=0.3),
    "count": SplitSettings(test=37),
    "validation": SplitSettings(test=0.2, validation=0.1),
    "validation-count": SplitSettings(test=37, validation=11),
    "stratified": SplitSettings(test=0.2, validation=0.1, stratify=True),
    "fold": SplitSettings(folds=5, fold=3),
    "stratified-fold": SplitSettings(folds=5, fold=3, stratify="level", validation=9),
    "left-out": SplitSettings(leave_out="site=011,023", validation=0.1),
}


@pytest.fixture(params=RULES.values(), ids=RULES.keys())
def settings(request: pytest.FixtureRequest) -> SplitSettings:
    return request.param


def test_every_spelling_of_one_cohort_gives_one_digest(settings: SplitSettings) -> None:
    bids = PEOPLE.set_axis([f"sub-ADNI{label.replace('_', '')}" for label in IDS])[::-1]
    read = bids.set_axis([canonical_subject(label) for label in bids.index])
    assert split_subjects(read, settings).digest == split_subjects(PEOPLE, settings).digest


def test_the_order_of_the_people_does_not_matter_but_the_key_does(settings: SplitSettings) -> None:
    split = split_subjects(PEOPLE, settings)
    assert split_subjects(PEOPLE.sample(frac=1, random_state=0), settings) == split
    other = split_subjects(PEOPLE, settings.model_copy(update={"key": "another"}))
    if not settings.leave_out or settings.validation:
        assert other.digest != split.digest


def test_everyone_is_in_one_part(settings: SplitSettings) -> None:
    split = split_subjects(PEOPLE, settings)
    assert sorted([*split.train, *split.validation, *split.test]) == sorted(IDS)
    assert bool(split.validation) == bool(settings.validation)
    assert not any(label in split.rule for label in IDS)


@pytest.mark.parametrize(
    "settings",
    [
        SplitSettings(),
        SplitSettings(test=0.2, validation=0.1),
        SplitSettings(folds=5, fold=2, validation=0.2),
        SplitSettings(leave_out="site=011", validation=0.2),
    ],
)
def test_nobody_moves_when_the_cohort_grows(settings: SplitSettings) -> None:
    before = split_subjects(PEOPLE[:500], settings)
    after = split_subjects(PEOPLE[:550], settings)
    for part in PARTS:
        assert set(getattr(before, part)) <= set(getattr(after, part))
    assert before.digest != after.digest


def test_the_papers_proportion_by_default() -> None:
    split = split_subjects(PEOPLE, SplitSettings())
    spread = (PAPER_TEST_FRACTION * (1 - PAPER_TEST_FRACTION) / len(PEOPLE)) ** 0.5
    assert abs(len(split.test) / len(PEOPLE) - PAPER_TEST_FRACTION) < 3 * spread
    assert len(split.test) + len(split.train) == len(PEOPLE)


@pytest.mark.parametrize("stratify", [False, True])
def test_the_papers_numbers_by_count(stratify: bool) -> None:
    split = split_subjects(PEOPLE[:1239], SplitSettings(test=114, stratify=stratify))
    assert (len(split.train), len(split.validation), len(split.test)) == (1125, 0, 114)


def test_a_count_is_exact_and_takes_the_lowest_hashes() -> None:
    split = split_subjects(PEOPLE[:100], SplitSettings(test=17))
    assert len(split.test) == 17
    positions = {person: hash_position(person, "longibench") for person in IDS[:100]}
    assert max(positions[p] for p in split.test) < min(positions[p] for p in split.train)


@pytest.mark.parametrize("validation", [0.1, 0.3, 60])
@pytest.mark.parametrize("base", ["fraction", "count", "stratified", "fold", "left-out"])
def test_validation_is_carved_from_training_only(base: str, validation: float) -> None:
    without = RULES[base].model_copy(update={"validation": 0, "stratify": RULES[base].stratify})
    plain = split_subjects(PEOPLE, without)
    split = split_subjects(PEOPLE, without.model_copy(update={"validation": validation}))
    assert split.test == plain.test
    assert set(split.train) | set(split.validation) == set(plain.train)
    expected = validation if validation >= 1 else validation * len(plain.train)
    assert abs(len(split.validation) - expected) <= (0 if validation >= 1 else 70)
    assert split.digest != plain.digest


def test_validation_has_a_hash_of_its_own() -> None:
    """With the key of the evaluation, the lowest of the rest would lie just above it."""
    split = split_subjects(PEOPLE, SplitSettings(test=0.5, validation=0.2))
    positions = [hash_position(label, "longibench") for label in split.validation]
    assert max(positions) > 0.9


@pytest.mark.parametrize("column", ["group", "site", "level"])
@pytest.mark.parametrize("test", [0.092, 0.5, 114])
def test_strata_give_their_share_to_within_one_subject(column: str, test: float) -> None:
    people = PEOPLE[:1239]
    split = split_subjects(people, SplitSettings(test=test, stratify=column))
    share = test / len(people) if test >= 1 else round(test * len(people)) / len(people)
    strata = people[column].fillna("n/a")
    taken = strata.loc[list(split.test)].value_counts()
    for level, size in strata.value_counts().items():
        assert abs(taken.get(level, 0) - size * share) < 1


def test_a_missing_value_is_a_stratum() -> None:
    assert PEOPLE["level"].isna().sum() > 100
    split = split_subjects(PEOPLE, SplitSettings(test=0.5, stratify="level"))
    unknown = PEOPLE["level"].isna()
    assert abs(unknown.loc[list(split.test)].sum() - unknown.sum() / 2) < 1


def test_single_member_strata_are_as_likely_as_others() -> None:
    """Over many keys, a subject alone in a stratum is selected as often as any other."""
    people = PEOPLE[:40].assign(group=[*["alone-a", "alone-b", "alone-c"], *["many"] * 37])
    selected = [
        split_subjects(people, SplitSettings(test=10, stratify=True, key=str(key))).test
        for key in range(300)
    ]
    counts = [sum(label in test for test in selected) for label in IDS[:3]]
    spread = (300 * 0.25 * 0.75) ** 0.5
    assert all(abs(count - 75) < 4 * spread for count in counts)


@pytest.mark.parametrize("stratify", [False, True, "site"])
def test_folds_partition_everyone(stratify: bool | str) -> None:
    splits = [
        split_subjects(PEOPLE, SplitSettings(folds=5, fold=fold, stratify=stratify))
        for fold in range(5)
    ]
    assert sorted(label for split in splits for label in split.test) == sorted(IDS)
    assert len({split.digest for split in splits}) == 5
    if stratify:
        column = "group" if stratify is True else stratify
        for level, members in PEOPLE.groupby(column):
            shares = [(PEOPLE.loc[list(s.test), column] == level).sum() for s in splits]
            assert all(abs(share - len(members) / 5) < 1 for share in shares)


def test_leave_site_out() -> None:
    split = split_subjects(PEOPLE, SplitSettings(leave_out="site=023, 041"))
    assert set(PEOPLE.loc[list(split.test), "site"]) == {"023", "041"}
    assert not {"023", "041"} & set(PEOPLE.loc[list(split.train), "site"])
    swapped = split_subjects(PEOPLE, SplitSettings(leave_out="site=041,023"))
    assert swapped.digest == split.digest


def visits(rows: list[tuple[str, float, float | None]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["subject", "years", "field_tesla"])
    return table.assign(visit=table["years"].astype(str), path="", group="CN")


FIELDS = [
    ("a", 1.0, 3.0),
    ("a", 0.0, 1.5),
    ("b", 0.0, 1.5),
    ("b", 1.0, None),
    ("c", 0.0, 3.0),
    ("c", 1.0, 1.5),
    ("d", 0.0, 1.5),
]


def test_people_are_what_the_first_visit_knows() -> None:
    people = subject_table(visits(FIELDS).assign(content="x", quality_overlap=1.0))
    assert list(people.columns) == ["field_tesla", "group", "visits", "follow_up_years"]
    assert list(people.index) == ["a", "b", "c", "d"]
    assert people["field_tesla"].tolist() == [1.5, 1.5, 3.0, 1.5]
    assert people["visits"].tolist() == [2, 2, 2, 1]
    assert people["follow_up_years"].tolist() == [1, 1, 1, 0]


def test_one_scan_at_a_left_out_value_is_enough() -> None:
    split = split_cohort(visits(FIELDS[:3] + FIELDS[4:]), SplitSettings(leave_out="field_tesla=3"))
    assert (split.train, split.test) == (("b", "d"), ("a", "c"))


def test_who_may_belong_to_what_is_left_out_does_not_train() -> None:
    table = visits([*FIELDS, ("e", 0.0, None)])
    with pytest.raises(UserError, match=r"not known for 2 subjects, the first is b.*=3,n/a"):
        split_cohort(table, SplitSettings(leave_out="field_tesla=3"))
    split = split_cohort(table, SplitSettings(leave_out="field_tesla=3,n/a"))
    assert (split.train, split.test) == (("d",), ("a", "b", "c", "e"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"leave_out": "sit=023"}, r"unknown column 'sit'. Did you mean 'site'(.|\n)*group: AD \("),
        ({"leave_out": "site=23"}, r"no subject has site 23; site: 002 \(50\), 003 \(50\)"),
        ({"leave_out": "label=x1"}, "label differs in every subject"),
        ({"stratify": "grup"}, "unknown column of split.stratify 'grup'. Did you mean 'group'"),
        ({"stratify": "label"}, "2000 different values among 2000 subjects are no strata"),
        (
            {"validation": 1600, "test": 400},
            "split.validation=1600: needs to be between 1 and 1599",
        ),
        ({"validation": 1e-9}, "no subject for validation"),
    ],
)
def test_what_cannot_be_done_is_named(settings: dict[str, object], message: str) -> None:
    people = PEOPLE.assign(label=[f"x{number}" for number in range(len(PEOPLE))])
    with pytest.raises(UserError, match=message):
        split_subjects(people, SplitSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 5, "leave_out": "site=1"}, "two splits: drop one"),
        ({"folds": 5, "test": "split.csv"}, "split.csv decides: drop split.folds"),
        ({"leave_out": "site=1", "test": "split.csv"}, "decides: drop split.leave_out"),
        ({"leave_out": "site=1", "stratify": True}, "nothing to stratify"),
        ({"test": "split.csv", "stratify": True}, "nothing to stratify"),
        ({"folds": 5, "fold": 5}, "fold 5 of 5"),
        ({"fold": 1}, "fold 1 of 0"),
        ({"folds": 1}, "there must be two folds"),
        ({"leave_out": "023"}, "column=value"),
        ({"leave_out": "site="}, "column=value"),
        ({"validation": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SplitSettings.model_validate(settings)


def nobody_known(*ids: str) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(ids))


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "split.csv"
        path.write_text(text)
        return str(path)

    return write


def test_a_file_decides(tmp_path: Path) -> None:
    path = tmp_path / "split.tsv"
    path.write_text(
        "\ufeffsubject\tpartition\nsub-ADNI002S0295\ttest\nb\ttrain\nabsent\ttrain\nc\tvalidation\n"
    )
    split = split_subjects(nobody_known("002_S_0295", "b", "c"), SplitSettings(test=str(path)))
    assert (split.train, split.validation, split.test) == (("b",), ("c",), ("002_S_0295",))


def test_a_file_of_excel_decides_too(tmp_path: Path) -> None:
    """Semicolons in UTF-16, spaces, an index column."""
    path = tmp_path / "split.csv"
    path.write_text(";subject; partition\n0;a; test\n1;b; train\n", encoding="utf-16")
    split = split_subjects(nobody_known("a", "b"), SplitSettings(test=str(path), validation=0))
    assert (split.train, split.test) == (("b",), ("a",))


def test_validation_is_carved_from_the_files_training_part(listed: Callable[[str], str]) -> None:
    rows = "".join(f"{label},{'test' if i < 9 else 'train'}\n" for i, label in enumerate(IDS[:50]))
    given = listed(f"subject,partition\n{rows}")
    split = split_subjects(PEOPLE[:50], SplitSettings(test=given, validation=5))
    assert split.test == tuple(IDS[:9])
    assert len(split.validation) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,train\nsub-a,test\nb,test\n", "row 3: subject a is in train and in test"),
        (
            "002_S_0295,train\nb,test\nsub-ADNI002S0295,test\n",
            "row 4: subject 002_S_0295 is in train and in test",
        ),
        ("a,validation\na,train\n", "row 3: subject a is in validation and in train"),
        ("a,train\nb,dev\n", "row 3: partition 'dev' is not one of train, validation, test"),
        ("a,train\n,test\n", "row 3: the subject is missing"),
        ("a,train\nb,\n", "row 3: partition ''"),
        ("a,train\n", "1 subjects are not listed, the first is b"),
        ("a,train\nb,train\n", "no subject for evaluation"),
        ("a,validation\nb,test\n", "no subject for training"),
    ],
)
def test_a_broken_file_is_refused(listed: Callable[[str], str], text: str, message: str) -> None:
    given = listed(f"subject,partition\n{text}")
    with pytest.raises(UserError, match=message):
        split_subjects(nobody_known("a", "b"), SplitSettings(test=given))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,part\na,train\n", "needs the columns subject and partition"),
        ("", "cannot be read as a table"),
        ('subject,partition\n"a', "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_refused(listed: Callable[[str], str], text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_subjects(nobody_known("a", "b"), SplitSettings(test=listed(text)))


def test_a_file_that_lists_validation_leaves_nothing_to_carve(
    listed: Callable[[str], str],
) -> None:
    given = listed("subject,partition\na,train\nb,test\nc,validation\n")
    with pytest.raises(UserError, match="lists validation subjects: drop split"):
        split_subjects(nobody_known("a", "b", "c"), SplitSettings(test=given, validation=1))


def test_a_list_of_parts_that_is_not_on_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "parts.csv").symlink_to(".git/annex/objects/x/parts.csv")
    with pytest.raises(UserError, match=r"git annex get parts\.csv"):
        split_subjects(nobody_known("a", "b"), SplitSettings(test=str(tmp_path / "parts.csv")))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (2, "between 1 and 1"),
        (1e-9, "no subject for evaluation"),
        ("nowhere.csv", "neither a number nor an existing file"),
    ],
)
def test_what_leaves_nobody_is_refused(test: float | str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_subjects(nobody_known("a", "b"), SplitSettings(test=test))


def test_one_person_under_two_spellings_is_refused() -> None:
    with pytest.raises(UserError, match="duplicate subject 002_S_0295"):
        split_subjects(nobody_known("002_S_0295", "x", "sub-ADNI002S0295"), SplitSettings(test=1))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((("a", "b"), (), ("b",)), "subject b is in training and in evaluation"),
        ((("a",), ("a",), ("b",)), "subject a is in training and in validation"),
        ((("a",), ("b",), ("b",)), "subject b is in validation and in evaluation"),
        ((("002_S_0295",), (), ("sub-ADNI002S0295",)), "is in training and in evaluation"),
    ],
)
def test_a_subject_in_two_parts_is_refused(
    parts: tuple[tuple[str, ...], ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Split(*parts, rule="by hand")
