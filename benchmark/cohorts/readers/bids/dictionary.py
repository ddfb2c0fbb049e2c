"""The JSON file next to a table, which describes its columns: units of ages, meaning of codes."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import MONTHS, YEAR
from longibench.benchmark.cohorts.parsing.tables import number_of, plain
from longibench.benchmark.core.found_files import is_present

UNITS = {  # how many of them a year has
    1.0: ("", "year", "years", "yr", "yrs", "y", "a"),
    float(MONTHS): ("month", "months", "mo"),
    YEAR / 7: ("week", "weeks", "wk"),
    YEAR: ("day", "days", "d"),
}


@dataclass
class DataDictionary:
    """Descriptions of a table's columns.

    Attributes:
        name: The table, as notes name it.
        problems: What cannot be used of it, as notes.
    """

    name: str
    problems: set[str] = field(default_factory=set)
    _columns: dict[str, dict[str, object]] = field(default_factory=dict)

    def extended(self, path: Path) -> "DataDictionary":
        """With the descriptions of a JSON file, if there is one, which overrule the others."""
        if not is_present(path):
            return self
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            self.problems.add(f"{self.name}: its JSON file cannot be read: units are BIDS's own")
            return self
        added = {plain(name): text for name, text in content.items() if isinstance(text, dict)}
        return DataDictionary(self.name, self.problems, {**self._columns, **added})

    def per_year(self, column: str) -> float:
        """How many units of a column of ages a year has: 1, as in BIDS, unless it is described."""
        unit = str(self._columns.get(column, {}).get("Units") or "").strip().lower()
        known = next((count for count, names in UNITS.items() if unit in names), None)
        if known is None:
            self.problems.add(
                f"{self.name}, column {column}: its unit '{unit}' is not known; read as years"
            )
        return known or 1.0

    def meaning(self, column: str, cell: str) -> str | None:
        """The level that a code stands for, None if it is not described."""
        levels = self._columns.get(column, {}).get("Levels")
        for code, level in levels.items() if isinstance(levels, dict) else ():
            same = number_of(code) is not None and number_of(code) == number_of(cell)
            if same or code.strip().lower() == cell.strip().lower():
                text = level.get("Description") if isinstance(level, dict) else level
                return str(text) if text else None
        return None
