"""The tables in one subject's folder, each read once, as each of its folders is listed once."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from longibench.benchmark.cohorts.parsing.tables import Row, read_rows
from longibench.benchmark.core.found_files import is_present, names_in


@dataclass
class SubjectTables:
    """Tables of a subject.

    Attributes:
        folder: The subject's folder, ``sub-*``.
        unread: (session label, reason, detail) of files that would have been read.
    """

    folder: Path
    unread: list[tuple[str, str, str]] = field(default_factory=list)
    _scans: dict[Path, dict[Path, dict[str, Row]]] = field(default_factory=dict)
    _names: dict[Path, frozenset[str]] = field(default_factory=dict)

    def names(self, folder: Path) -> frozenset[str]:
        """Names of what may be data in a folder of the subject; none if it cannot be listed."""
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(names_in(folder))
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]

    @property
    def sessions_path(self) -> Path:
        """Path of ``sub-*_sessions.tsv``, which may not exist."""
        return self.folder / f"{self.folder.name}_sessions.tsv"

    @cached_property
    def sessions(self) -> dict[str, Row]:
        """Rows of ``sub-*_sessions.tsv`` by session label without ``ses-``; empty without one."""
        if not is_present(self.sessions_path):
            return {}
        rows: dict[str, Row] = {}
        for name, row in read_rows(self.sessions_path, "session_id").items():
            rows.setdefault(name.removeprefix("ses-"), row)
        return rows

    def scans(self, session: Path) -> dict[Path, dict[str, Row]]:
        """Rows by file name of each ``*_scans.tsv`` in a session's folder."""
        if session not in self._scans:
            tables = sorted(n for n in self.names(session) if n.endswith("_scans.tsv"))
            self._scans[session] = {
                session / name: read_rows(session / name, "filename") for name in tables
            }
        return self._scans[session]

    def scan(self, path: Path) -> Row:
        """The row of a scan in ``*_scans.tsv``; empty if there is none."""
        name = f"{path.parent.name}/{path.name}"
        for rows in self.scans(path.parent.parent).values():
            if name in rows:
                return rows[name]
        return Row()
