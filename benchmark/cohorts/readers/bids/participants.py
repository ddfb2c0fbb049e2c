"""``participants.tsv``: a row for each participant, or one for each session."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path

from longibench.benchmark.cohorts.parsing.repeated_rows import RepeatedRows, grouped
from longibench.benchmark.cohorts.parsing.study_files import SUBJECT
from longibench.benchmark.cohorts.parsing.study_tables import in_another_form
from longibench.benchmark.cohorts.parsing.tables import Row, read_records, text_of
from longibench.benchmark.cohorts.parsing.values import PARTICIPANT
from longibench.benchmark.cohorts.readers.bids.dictionary import DataDictionary
from longibench.benchmark.cohorts.readers.bids.tables import AS_TSV, SessionTable
from longibench.benchmark.cohorts.subject_ids import canonical_subject, canonical_visit, loose_key
from longibench.benchmark.core.found_files import is_present, names_in

NAME = "participants.tsv"
SESSION_COLUMNS = ("session_id", "session", "visit_id", "visit", "timepoint", "time_point", "wave")
OR_STATUS = "ses"  # also socioeconomic status
FIXED = tuple(  # columns of what is the same at every session
    column for covariate in ("sex", "education", "apoe4") for column in PARTICIPANT[covariate]
)


@dataclass
class Participants:
    """The rows of ``participants.tsv``.

    Attributes:
        path: The table.
        present: Whether it exists.
        rows: Rows by canonical id.
        session: The column of sessions; empty if the rows are about participants.
        repeated: Makes one row of several.
        dictionary: The description of its columns.
        without_row: Participants and sessions that were asked for and are not in the table.
        in_another_form: Files such as ``participants.xlsx``, if there is no ``participants.tsv``.
    """

    path: Path
    present: bool
    rows: dict[str, list[Row]]
    session: str
    repeated: RepeatedRows
    dictionary: DataDictionary
    without_row: set[tuple[str, str]] = field(default_factory=set)
    in_another_form: list[str] = field(default_factory=list)
    _of_person: dict[str, Row] = field(default_factory=dict)
    _of_sessions: dict[str, SessionTable] = field(default_factory=dict)

    def at(self, subject: str, visit: str) -> Row:
        """What is known of a participant at a session.

        Of other sessions' rows only what does not change is taken: the age and the diagnosis of a
        follow-up are not known when the source is scanned. Of several rows without a session it is
        what they agree on.
        """
        always = self._always(subject)
        now = self._at_session(subject, visit)
        if self.present and not (now or (always and not self.session)):
            self.without_row.add((subject, canonical_visit(visit)))
        filled = {name: cell for name, cell in now.items() if text_of(cell) is not None}
        return Row({**now, **always, **filled}, now.where or always.where)

    def sessions(self, subject: str) -> SessionTable | None:
        """The rows of a participant by session; None if the rows are about participants."""
        if not self.session:
            return None
        if subject not in self._of_sessions:
            rows = self.repeated.by(
                self.rows.get(subject, []), lambda row: canonical_visit(row[self.session])
            )
            self._of_sessions[subject] = SessionTable(NAME, self.path, rows, self.dictionary)
        return self._of_sessions[subject]

    def notes(self) -> tuple[str, ...]:
        """Notes on participants and sessions without a row, and on the columns' description."""
        people = {subject for subject, _ in self.without_row if subject not in self.rows}
        visits = [subject for subject, _ in self.without_row if subject in self.rows]
        counts = ((len(people), "participants"), (len(visits), "sessions"))
        missing = [
            f"{NAME} has no row for {count} of the {kind} with scans: what it lists is not known "
            "of them"
            for count, kind in counts
            if count
        ]
        other = [f"{name} {AS_TSV.format(name=NAME)}" for name in self.in_another_form]
        return (*missing, *other, *sorted(self.dictionary.problems))

    def _at_session(self, subject: str, visit: str) -> Row:
        table = self.sessions(subject)
        return table.row(visit) if table else Row()

    def _always(self, subject: str) -> Row:
        """Cells that hold for every session of a participant."""
        if subject not in self._of_person:
            rows = self.rows.get(subject, [])
            of_sessions = [_only(FIXED, row) for row in rows] if self.session else rows
            self._of_person[subject] = self.repeated.one(of_sessions) if rows else Row()
        return self._of_person[subject]


def read_participants(root: Path, repeated: RepeatedRows) -> Participants:
    """Read ``participants.tsv`` and ``participants.json``; no rows without them."""
    path = root / NAME
    present = is_present(path)
    columns, listed = read_records(path, "participant_id") if present else ([], [])
    rows = grouped(listed, lambda row: canonical_subject(row["participant_id"]))
    names = names_in(root) if root.is_dir() else []
    _rename(rows, {canonical_subject(name) for name in names if SUBJECT.fullmatch(name)})
    dictionary = DataDictionary(NAME).extended(root / "participants.json")
    session = _session_column(columns, rows.values())
    participants = Participants(path, present, rows, session, repeated, dictionary)
    participants.in_another_form += in_another_form(path, names)
    return participants


def _session_column(columns: list[str], groups: Iterable[list[Row]]) -> str:
    """The column of sessions, also where each participant has one row: it may be a follow-up's."""
    names = [*SESSION_COLUMNS, *([OR_STATUS] if any(len(rows) > 1 for rows in groups) else [])]
    return next((name for name in names if name in columns), "")


def _rename(rows: dict[str, list[Row]], people: Set[str]) -> None:
    """Give rows their participants' ids if they differ in case and padding alone.

    Only if one participant and one id of the table remain that are equal so.
    """
    ids = grouped(rows.keys() - people, loose_key)
    for key, persons in grouped(people - rows.keys(), loose_key).items():
        if len(persons) == 1 and len(ids.get(key, [])) == 1:
            rows[persons[0]] = rows.pop(ids[key][0])


def _only(columns: Iterable[str], row: Row) -> Row:
    return Row(((name, row[name]) for name in columns if name in row), row.where)
