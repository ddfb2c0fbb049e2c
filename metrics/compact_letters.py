"""Compact letters: which methods a family of tests distinguishes.

The relation is not transitive: A may differ from C while B differs from neither. Ranks cannot
show that, letters can: two methods that share a letter do not differ.
"""

from collections.abc import Collection, Iterable
from string import ascii_letters


def compact_letters(count: int, different: Iterable[tuple[int, int]]) -> list[str]:
    """Letters for items in their order, by insert and absorb.

    Piepho 2004, Journal of Computational and Graphical Statistics 13(2):456,
    doi:10.1198/1061860043515. Each letter is a largest possible group of items of which no two
    differ, so that none can be absorbed by another.

    Args:
        count: Number of items, ordered from the best.
        different: Pairs of items that differ, as numbers from 0.

    Returns:
        The letters of each item, such as ``["a", "ab", "b"]``: two items share a letter if and
        only if they do not differ. The groups of the first item have the first letters.
    """
    groups = [frozenset(range(count))] if count else []
    for one, other in different:
        split = [
            part
            for group in groups
            for part in ([group - {one}, group - {other}] if {one, other} <= group else [group])
        ]
        groups = _absorbed(split)
    groups.sort(key=sorted)
    return [
        "".join(_letter(place) for place, group in enumerate(groups) if item in group)
        for item in range(count)
    ]


def _absorbed(groups: Collection[frozenset[int]]) -> list[frozenset[int]]:
    """The groups without those that are within another."""
    distinct = dict.fromkeys(groups)
    return [group for group in distinct if not any(group < other for other in distinct)]


def _letter(place: int) -> str:
    """The letter of a group: a to z, A to Z, then the same with dots."""
    again, letter = divmod(place, len(ascii_letters))
    return ascii_letters[letter] + "." * again
