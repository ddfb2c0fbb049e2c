import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.options import names, whole_numbers


def test_names_and_numbers_with_commas() -> None:
    assert names("--methods", " a, b,,c ") == ("a", "b", "c")
    assert names("--methods", "") == ()
    assert whole_numbers("--seeds", "2, 0,10", 10) == (2, 0, 10)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "write whole numbers"),
        ("1,x", "write whole numbers"),
        ("-1", "write whole numbers"),
        ("\u0663", "write whole numbers"),
        ("11", "11 is too large, 10 is the largest"),
        ("2,2", "2 is listed twice"),
        ("2,02", "2 is listed twice"),
    ],
)
def test_other_numbers_are_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        whole_numbers("--seeds", text, 10)


def test_a_name_is_listed_once() -> None:
    with pytest.raises(UserError, match="--methods: b is listed twice; list it once"):
        names("--methods", "a,b, b")
