"""Which file has which pair's generated volume: a manifest, or names that match a pattern."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from longibench.benchmark.cohorts.parsing.path_templates import (
    AS_NIFTI,
    FOREIGN_VOLUMES,
    existing_name,
)
from longibench.benchmark.cohorts.parsing.study_tables import in_another_form
from longibench.benchmark.cohorts.parsing.tables import Row, parse_table
from longibench.benchmark.cohorts.parsing.values import code_of
from longibench.benchmark.cohorts.subject_ids import canonical_subject, canonical_visit, shown_visit
from longibench.benchmark.core.checked_files import read_bytes
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.folder_digests import AGAIN
from longibench.benchmark.core.found_files import files_below, is_present, names_in
from longibench.benchmark.core.names import check_name
from longibench.benchmark.core.workspace import FILE_DIGESTS, MANIFEST

KEYS = ["subject", "visit"]
COLUMNS = [*KEYS, "sample", "generated"]
DEFORMATION = "deformation"
OPTIONAL = ["labels", DEFORMATION, "sha256"]
ENDINGS = (".nii", ".nii.gz")
CHANGED = f"{AGAIN}; if it was changed on purpose, delete {FILE_DIGESTS} beside it"
FIELDS = ("subject", "visit", "sample")
SAMPLE = r"[0-9]{1,6}"
PATTERN = "sub-{subject}_{visit}.nii.gz"  # an example for messages


@dataclass(frozen=True)
class Predictions:
    """Generated volumes on disk.

    Attributes:
        where: The manifest or the folder, for messages.
        folder: Files are relative to it.
        table: Columns subject (canonical), visit, sample, generated; labels if there are label maps
            of the generated volumes; deformation if their method declares one; sha256 if the list
            has digests, in hexadecimal.
    """

    where: Path
    folder: Path
    table: pd.DataFrame

    def path(self, file: str) -> Path:
        """Path of a file of the table."""
        return self.folder / file


def find_predictions(place: Path, pattern: str = "") -> Predictions:
    """Find the volumes of a folder or a CSV file.

    Args:
        place: A folder with ``manifest.csv``, a folder of files named by a pattern, or a CSV file
            that names files relative to itself.
        pattern: Names of the files below the folder, with ``{subject}``, ``{visit}`` and optionally
            ``{sample}``, such as ``sub-{subject}_{visit}.nii.gz``.

    Raises:
        UserError: Nothing is found, there is neither manifest nor pattern, a volume is listed
            twice, the rule for names refuses a subject or a visit, or a file does not match the
            pattern.
    """
    if not place.is_dir():
        if not is_present(place):
            raise UserError(f"{place}: no such folder or CSV file")
        return _read_csv(place)
    if pattern:
        return _by_pattern(place, pattern)
    if not is_present(place / MANIFEST):
        if others := in_another_form(place / MANIFEST, names_in(place)):
            raise UserError(f"{place / MANIFEST}: no manifest; give {place / others[0]} itself")
        raise UserError(
            f"{place / MANIFEST}: no manifest; write one with the columns subject, visit, "
            f"generated, or give the names of the files: --pattern '{PATTERN}'"
        )
    return _read_csv(place / MANIFEST)


def _read_csv(path: Path) -> Predictions:
    """Read a list of volumes: columns subject, visit, generated; others are optional.

    Raises:
        UserError: No manifest, a missing column, no row, a volume that is listed twice.
    """
    table = parse_table(path, COLUMNS, read_bytes(path, CHANGED))
    needed = (*KEYS, "generated")
    missing = [column for column in needed if column not in table.columns]
    if missing:
        raise UserError(f"{path}: column {missing[0]} is missing; found {', '.join(table.columns)}")
    table.require(needed, path)
    if not table.rows:
        raise UserError(f"{path}: lists no volume; there is nothing to score")
    for row in table.rows:
        for column in needed:
            if not row[column]:
                raise UserError(f"{row.where}: column {column} is empty")
        row["generated"] = _volume(path.parent, row)
        for column in ("labels", DEFORMATION):
            if row.get(column):
                row[column] = existing_name(path.parent, row[column])
    rows = pd.DataFrame(table.rows, dtype=str)
    return Predictions(path, path.parent, _checked(rows, path, [row.where for row in table.rows]))


def _volume(folder: Path, row: Row) -> str:
    """The file that a row names.

    Raises:
        UserError: A format that is not read.
    """
    name = existing_name(folder, row["generated"])
    if name.lower().endswith(FOREIGN_VOLUMES):
        raise UserError(f"{row.where}: {name} is no NIfTI file; {AS_NIFTI}")
    return name


def _by_pattern(folder: Path, pattern: str) -> Predictions:
    expression = _expression(pattern)
    rows, unmatched = [], []
    for path in files_below(folder, ENDINGS):
        name = path.relative_to(folder).as_posix()
        match = expression.fullmatch(name)
        if match is None:
            unmatched.append(name)
        else:
            rows.append({**match.groupdict(), "generated": name})
    if not rows:
        found = f"; there is {unmatched[0]}" if unmatched else "; there is no other volume"
        raise UserError(f"{folder}: no file is named '{pattern}'{found}")
    if unmatched:
        raise UserError(
            f"{folder}: {len(unmatched)} volume(s) are not named '{pattern}', such as "
            f"{unmatched[0]}; move them away, or list the volumes to score in a manifest"
        )
    places = [str(folder / row["generated"]) for row in rows]
    return Predictions(folder, folder, _checked(pd.DataFrame(rows, dtype=str), folder, places))


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w*)\}", pattern)
    fields = parts[1::2]
    wrong = [field for field in fields if field not in FIELDS or fields.count(field) > 1]
    if wrong or not {"subject", "visit"} <= set(fields):
        raise UserError(
            f"--pattern '{pattern}': it needs {{subject}} and {{visit}} once each, and may have "
            f"{{sample}}, such as '{PATTERN}'"
        )
    texts = [re.escape(part) for part in parts[0::2]]
    named = [f"(?P<{field}>[^/]+?)" for field in fields] + [""]
    return re.compile("".join(text + name for text, name in zip(texts, named, strict=True)))


def _checked(table: pd.DataFrame, where: Path, places: list[str]) -> pd.DataFrame:
    """The table with names and samples as they are used; ``places`` names each row in errors."""
    if "sample" not in table:
        table["sample"] = "0"
    table["sample"] = table["sample"].map(code_of)
    odd = table[~table["sample"].str.fullmatch(SAMPLE)]
    if not odd.empty:
        raise UserError(
            f"{where}: sample '{odd['sample'].iloc[0]}' is not a whole number below a million"
        )
    table["sample"] = table["sample"].astype(int)
    table["subject"] = table["subject"].map(canonical_subject)
    table["visit"] = table["visit"].map(shown_visit)
    for column in KEYS:
        named = zip(table[column], places, strict=True)
        table[column] = [check_name(name, column, place) for name, place in named]
    labels = table.assign(visit=table["visit"].map(canonical_visit))
    twice = labels.duplicated([*KEYS, "sample"])
    if twice.any():
        row = table[twice].iloc[0]
        raise UserError(
            f"{where}: subject {row['subject']}, visit {row['visit']} is listed twice; several "
            "samples of one pair need a column sample"
        )
    return table[[*COLUMNS, *(name for name in OPTIONAL if name in table)]]


def spelled_as(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Volumes whose visits have the pairs' own spelling, as ``ses-M12`` for ``M012``."""
    spelling = {
        (subject, canonical_visit(visit)): visit
        for subject, visit in zip(pairs["subject"], pairs["visit"], strict=True)
    }
    named = zip(table["subject"], table["visit"], strict=True)
    visits = [spelling.get((subject, canonical_visit(visit)), visit) for subject, visit in named]
    return table.assign(visit=visits)


def join_pairs(predictions: Predictions, pairs: pd.DataFrame) -> pd.DataFrame:
    """The volumes with each pair's source, target and interval; exactly the protocol's pairs.

    Returns:
        One row a volume, sorted by subject, visit and sample.

    Raises:
        UserError: A pair without a volume, a volume without a pair, or with fewer samples.
    """
    table = spelled_as(predictions.table, pairs).merge(pairs, on=KEYS, how="outer", indicator=True)
    for side, problem in (
        ("right_only", "is missing"),
        ("left_only", "is not a pair of this protocol"),
    ):
        wrong = table[table["_merge"] == side]
        if not wrong.empty:
            row = wrong.iloc[0]
            raise UserError(
                f"{predictions.where}: {len(wrong)} volume(s) do not fit: "
                f"subject {row['subject']}, visit {row['visit']} {problem}{_hint(side, pairs, row)}"
            )
    _refuse_fewer_samples(table, predictions.where)
    return table.drop(columns="_merge").sort_values([*KEYS, "sample"], ignore_index=True)


def _hint(side: str, pairs: pd.DataFrame, row: pd.Series) -> str:
    """Names of existing pairs, for a volume without a pair."""
    if side == "right_only":
        return "; every pair needs a volume (evaluate --some scores the volumes that exist)"
    visits = pairs.loc[pairs["subject"] == row["subject"], "visit"].tolist()
    if not visits:
        return f"; one of its subjects is {pairs['subject'].iloc[0]}"
    return f"; the subject's visits are {', '.join(visits)}"


def _refuse_fewer_samples(table: pd.DataFrame, where: Path) -> None:
    """Refuse a pair with fewer samples than another: it would weigh less in a set metric."""
    counts = table.groupby(KEYS)["sample"].transform("count")
    fewer = table[counts < counts.max()]
    if not fewer.empty:
        row = fewer.iloc[0]
        raise UserError(
            f"{where}: subject {row['subject']}, visit {row['visit']} has fewer "
            f"samples than others; every pair needs {counts.max()}"
        )
