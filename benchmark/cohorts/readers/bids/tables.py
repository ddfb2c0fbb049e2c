"""The tables in one subject's folder, each read once, as each of its folders is listed once."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from longibench.benchmark.cohorts.parsing.dates import TIME_COLUMNS
from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows
from longibench.benchmark.cohorts.parsing.study_files import find_folders
from longibench.benchmark.cohorts.parsing.study_tables import in_another_form
from longibench.benchmark.cohorts.parsing.tables import Row, read_records
from longibench.benchmark.cohorts.parsing.values import PARTICIPANT, SESSION
from longibench.benchmark.cohorts.readers.bids.dictionary import DataDictionary
from longibench.benchmark.cohorts.subject_ids import canonical_subject, canonical_visit
from longibench.benchmark.core.found_files import is_present, names_in

SESSION_FOLDER = re.compile("ses-.+", re.DOTALL)
SESSIONS = "sub-*_sessions.tsv"
NO_TSV = "a table that is not in BIDS's format"
AS_TSV = "is not read: save it as {name}, as text with tabs"
COLUMNS = frozenset(
    column
    for names in (*PARTICIPANT.values(), *SESSION.values(), *TIME_COLUMNS.values())
    for column in names
)
ENTITY = re.compile(r"(sub|ses)-([^_]+)_")


@dataclass(frozen=True)
class SessionTable:
    """Rows about the sessions of one subject.

    Attributes:
        what: The table, the same for every subject.
        path: Its file.
        rows: Rows by canonical label of the session.
        dictionary: The description of its columns.
    """

    what: str
    path: Path
    rows: dict[str, Row]
    dictionary: DataDictionary

    def row(self, visit: str) -> Row:
        """The row of a session; empty if there is none."""
        return self.rows.get(canonical_visit(visit), Row())


@dataclass
class SubjectTables:
    """Tables of a subject.

    Attributes:
        folder: The subject's folder, ``sub-*``.
        repeated: Makes one row of several about a session or a scan.
        dictionary: Description of the columns of all ``sub-*_sessions.tsv``.
        in_participants: The subject's rows of ``participants.tsv`` if it has one for each session.
        unread: (session label, reason, detail) of files that would have been read.
    """

    folder: Path
    repeated: RepeatedRows = field(default_factory=lambda: RepeatedRows(COLUMNS))
    dictionary: DataDictionary = field(default_factory=lambda: DataDictionary(SESSIONS))
    in_participants: SessionTable | None = None
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
    def sessions(self) -> SessionTable:
        """``sub-*_sessions.tsv``; no rows without one."""
        rows: dict[str, Row] = {}
        if is_present(self.sessions_path):
            listed = read_records(self.sessions_path, "session_id")[1]
            rows = self.repeated.by(listed, lambda row: canonical_visit(row["session_id"]))
        self._note_other_forms(self.sessions_path)
        described = self.dictionary.extended(self.sessions_path.with_suffix(".json"))
        return SessionTable(SESSIONS, self.sessions_path, rows, described)

    @property
    def session_tables(self) -> list[SessionTable]:
        """Tables with a row for each session, in order of reliability."""
        return [self.sessions, *([self.in_participants] if self.in_participants else [])]

    @cached_property
    def session_folders(self) -> list[Path]:
        """The folders ``ses-*``, by name."""
        return [*find_folders(self.folder, SESSION_FOLDER, depth=1)]

    def session_folder(self, visit: str) -> Path:
        """The folder of a session, for any spelling of its label; it may not exist."""
        label = canonical_visit(visit)
        same = (path for path in self.session_folders if canonical_visit(path.name) == label)
        return next(same, self.folder / f"ses-{visit}")

    def scans(self, session: Path) -> dict[Path, dict[str, Row]]:
        """Rows by ``scan_key`` of each ``*_scans.tsv`` in a session's folder."""
        if session not in self._scans:
            tables = sorted(n for n in self.names(session) if n.endswith("_scans.tsv"))
            if not tables:
                parts = [folder.name for folder in dict.fromkeys((self.folder, session))]
                self._note_other_forms(session / f"{'_'.join(parts)}_scans.tsv")
            self._scans[session] = {
                session / name: self.repeated.by(
                    read_records(session / name, "filename")[1],
                    lambda row: scan_key(row["filename"]),
                )
                for name in tables
            }
        return self._scans[session]

    def _note_other_forms(self, path: Path) -> None:
        for name in in_another_form(path, self.names(path.parent)):
            detail = f"{path.parent / name} {AS_TSV.format(name=path.name)}"
            self.unread.append(("", NO_TSV, detail))

    def scan(self, path: Path) -> Row:
        """The row of a scan in ``*_scans.tsv`` of the session or the subject; else an empty one."""
        folders = dict.fromkeys((path.parent.parent, self.folder))
        tables = [rows for folder in folders for rows in self.scans(folder).values()]
        wanted = scan_key(path.name) if tables else ""
        return next((rows[wanted] for rows in tables if wanted in rows), Row())


def scan_key(filename: str) -> str:
    """A scan's name in one form for all spellings of its path, subject, session and extension."""
    name = re.split(r"[/\\]", filename.strip())[-1].partition(".")[0]
    canonical = {"sub": canonical_subject, "ses": canonical_visit}
    return ENTITY.sub(lambda part: f"{part[1]}-{canonical[part[1]](part[2])}_", name)
