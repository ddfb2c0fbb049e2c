"""Pages from templates, with a common style."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent


def render_html(template: str, values: dict[str, Any]) -> str:
    """Fill a template of this folder.

    Args:
        template: File name.
        values: Its values; text is escaped.

    Returns:
        A page with embedded style.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((_FOLDER / "page.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render({**values, "style": style})
