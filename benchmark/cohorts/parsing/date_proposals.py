"""Which format a column of dates may have, and the option that sets it."""

from longibench.benchmark.cohorts.parsing.dates import (
    EXCEL_DAY,
    FORMATS,
    fitting_styles,
    parse_date,
)
from longibench.benchmark.cohorts.parsing.problems import Problems, option
from longibench.benchmark.cohorts.parsing.tables import Row


def propose_style(
    column: str, cells: dict[str, Row], wrong: dict[str, Row], problems: Problems, key: str
) -> dict[str, Row]:
    """Report the formats that fit most cells of a column.

    Args:
        column: Its name.
        cells: Its different cells, each with its first row.
        wrong: Those of them that are no dates in the default formats.
        problems: Where the formats are reported.
        key: Section of the settings.

    Returns:
        The cells that do not fit the proposed formats; ``wrong`` if none is proposed.
    """
    name = f"column {column}"
    first, row = next(iter(wrong.items()))
    if all(EXCEL_DAY.fullmatch(cell) for cell in wrong):
        problems.add(
            f"{name}: '{first}' in row {row.number} is Excel's number of a day; format the "
            f"column as dates in Excel, or count days: {option(f'{key}.unit', 'days')}"
        )
        return {}
    fitting = {
        style: [cell for cell in cells if fitting_styles([cell], style)] for style in FORMATS
    }
    most = max(len(fit) for fit in fitting.values())
    if most <= len(cells) - len(wrong):
        return wrong
    styles = [style for style, fit in fitting.items() if len(fit) == most]
    shown = fitting[styles[0]][0]
    options = [
        f"{option(f'{key}.date_format', style)} makes it {parse_date(shown, style)}"
        for style in styles
    ]
    how = "needs its format" if len(styles) == 1 else f"has {len(styles)} possible formats"
    problems.add(
        f"{name}: '{shown}' {how}, which fit{'s' * (len(styles) == 1)} {most} of "
        f"{len(cells)} different dates: {', or '.join(options)}"
    )
    return {cell: row for cell, row in cells.items() if cell not in fitting[styles[0]]}
