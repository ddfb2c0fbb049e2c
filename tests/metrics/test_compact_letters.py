"""Compact letters: known answers, and random relations checked by brute force."""

from itertools import combinations

import numpy as np
import pytest

from longibench.metrics.compact_letters import compact_letters


def test_letters_of_r_on_six_feeds() -> None:
    """R's chickwts by weight, pairwise Wilcoxon tests with Holm's correction, by multcompView.

    In order of the means: sunflower, casein, meatmeal, soybean, linseed, horsebean.
    """
    not_different = {(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5)}
    different = set(combinations(range(6), 2)) - not_different
    assert compact_letters(6, different) == ["a", "a", "ab", "b", "bc", "c"]


def test_steps_of_piephos_algorithm() -> None:
    """Insertion of 1-4: {1,2,3}, {2,3,4}; of 1-3: {1,2}, {2,3} absorbed by {2,3,4}."""
    assert compact_letters(4, [(0, 3)]) == ["a", "ab", "ab", "b"]
    assert compact_letters(4, [(0, 3), (0, 2)]) == ["a", "ab", "b", "b"]


@pytest.mark.parametrize(
    ("count", "different", "letters"),
    [
        (0, [], []),
        (1, [], ["a"]),
        (3, [], ["a", "a", "a"]),
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (3, [(0, 2)], ["a", "ab", "b"]),  # not transitive
        (3, [(1, 2)], ["ab", "a", "b"]),  # the best may be in two groups
        (4, [(0, 2), (0, 3), (1, 3)], ["a", "ab", "bc", "c"]),
    ],
)
def test_known_answers(count: int, different: list[tuple[int, int]], letters: list[str]) -> None:
    assert compact_letters(count, different) == letters


@pytest.mark.parametrize("seed", range(40))
def test_two_share_a_letter_exactly_if_they_do_not_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 9))
    pairs = list(combinations(range(count), 2))
    different = {pair for pair in pairs if rng.random() < rng.random()}
    order = list(different)
    rng.shuffle(order)
    letters = compact_letters(count, [(int(one), int(other)) for one, other in order])
    for one, other in pairs:
        assert bool(set(letters[one]) & set(letters[other])) == ((one, other) not in different)
    assert letters == compact_letters(count, sorted(different))  # whatever the order of insertion
    assert {"a"} <= set(letters[0])
    assert _groups(letters) == _largest_groups(count, different)


def test_no_group_is_absorbed_and_letters_never_end() -> None:
    apart = list(combinations(range(60), 2))
    letters = compact_letters(60, apart)
    assert len(set(letters)) == 60
    assert (letters[25], letters[26], letters[52]) == ("z", "A", "a.")


def _groups(letters: list[str]) -> set[frozenset[int]]:
    every = set("".join(letters))
    return {frozenset(item for item, its in enumerate(letters) if one in its) for one in every}


def _largest_groups(count: int, different: set[tuple[int, int]]) -> set[frozenset[int]]:
    """By trying every subset: those without a difference that are within no other."""
    fine = [
        frozenset(group)
        for size in range(1, count + 1)
        for group in combinations(range(count), size)
        if not different & set(combinations(group, 2))
    ]
    return {group for group in fine if not any(group < other for other in fine)}
