import pytest

from longibench.benchmark.core.figure_text import drawable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("$x^", "$x^"),
        ("é ± ↓ Δ\nε", "é ± ↓ Δ\nε"),
        ("中\x1b\x00", r"\u4e2d\u001b\u0000"),
        ("\U0001f9e0", r"\ud83e\udde0"),
    ],
)
def test_only_what_the_font_has_is_drawn(text: str, shown: str) -> None:
    assert drawable(text) == shown
