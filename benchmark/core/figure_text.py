"""Text in figures as it is: no formula in a name, and no character that the font lacks."""

from functools import cache
from typing import TYPE_CHECKING

from longibench.benchmark.core.text import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLAIN = {"text.parse_math": False}  # of matplotlib: what is between two $ is text
FONT, WEIGHTS = "DejaVu Sans", ("normal", "bold")  # ships with matplotlib


def make_inert(figure: "Figure") -> None:
    """Show all texts of a figure as they are, with escapes for what the font lacks."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text(drawable(text.get_text()))


def drawable(text: str) -> str:
    r"""Text with an escape, such as ``\u4e2d``, for each character that the font lacks."""
    if text.isascii() and text.isprintable():
        return text
    known = _characters()
    return "".join(c if c == "\n" or ord(c) in known else escaped(c) for c in text)


@cache
def _characters() -> frozenset[int]:
    """The characters that the font has in all weights in use."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    fonts = (get_font(findfont(FontProperties(family=FONT, weight=weight))) for weight in WEIGHTS)
    return frozenset.intersection(*(frozenset(font.get_charmap()) for font in fonts))
