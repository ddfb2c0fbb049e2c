"""The tables and descriptions of the simulated BIDS dataset."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from longibench.benchmark.cohorts.phantom.labels import LABELS
from longibench.benchmark.cohorts.phantom.person import YEAR, Person
from longibench.benchmark.cohorts.phantom.texts import (
    CLEAN_FLOW,
    CLEAN_RATES,
    COMMON_RATES,
    FLOW,
    PARTICIPANTS,
    PLAIN_TRUTH_README,
    RATES,
    RAW_README,
    RAW_TRUTH_README,
    README,
    SESSIONS,
    TRUTH_COLUMNS,
    TRUTH_README,
)
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings
from longibench.benchmark.settings.preparation import Step

BIDS = "1.9.0"
MNI_LICENCE = (
    "Simulated from the MNI152 (ICBM 2009a nonlinear symmetric) template. Copyright (C) 1993-2004 "
    "Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill "
    "University. Permission to use, copy, modify, and distribute this software and its "
    "documentation for any purpose and without fee is hereby granted, provided that the above "
    "copyright notice appear in all copies. The authors and McGill University make no "
    "representations about the suitability of this software for any purpose. It is provided "
    '"as is" without express or implied warranty. The authors are not responsible for any data '
    "loss, equipment damage, property loss, or injury to subjects or patients resulting from the "
    "use or misuse of this software package."
)
MNI_PAPER = (
    "Fonov V, Evans AC, McKinstry RC, Almli CR, Collins DL. Unbiased nonlinear average "
    "age-appropriate brain templates from birth to adulthood. NeuroImage 2009; 47:S102."
)


def session_label(days: int) -> str:
    """BIDS label of a session, its months since the first: M000, M012."""
    return f"M{round(days / YEAR * 12):03d}"


def write_cohort(
    folder: Path,
    truth: Path,
    settings: PhantomSettings | CleanSettings,
    persons: Sequence[Person],
    visits: pd.DataFrame,
) -> None:
    """Write everything that describes the dataset as a whole, and its ground truth.

    Args:
        folder: The dataset.
        truth: Folder of the ground truth, relative to ``folder``.
        settings: Settings of the simulation.
        persons: The participants.
        visits: Ground truth of every visit, one row each.
    """
    _describe(folder, truth, settings)
    columns = {"participant_id": [f"sub-{person.label}" for person in persons]}
    participants = pd.DataFrame({**columns, **_fields(persons, "age", "sex", "group")})
    _table(folder / "participants.tsv", participants)
    _json(folder / "participants.json", PARTICIPANTS)
    _json(folder / "sessions.json", SESSIONS)
    rates = pd.DataFrame({**columns, **_hidden(persons)})
    rates["tilt_right"], rates["tilt_front"] = zip(
        *(person.tilts for person in persons), strict=True
    )
    known = CLEAN_RATES if isinstance(settings, CleanSettings) else RATES
    _table(folder / truth / "participants.tsv", rates.round(6))
    _json(folder / truth / "participants.json", COMMON_RATES | known)
    _table(folder / truth / "truth.tsv", visits.round(4))
    _json(folder / truth / "truth.json", {name: TRUTH_COLUMNS[name] for name in visits.columns[2:]})


def _describe(folder: Path, truth: Path, settings: PhantomSettings | CleanSettings) -> None:
    """Write the descriptions of the dataset and of its ground truth."""
    raw, labelled = settings.scattered, settings.scattered or settings.labels
    done = {"LongibenchPreparation": [] if raw else list(get_args(Step))}
    _json(folder / "dataset_description.json", _description("raw", settings) | done)
    _json(folder / truth / "dataset_description.json", _description("derivative", settings))
    _text(folder / "README", RAW_README if raw else README)
    flow = CLEAN_FLOW if isinstance(settings, CleanSettings) else FLOW
    kind = RAW_TRUTH_README if raw else PLAIN_TRUTH_README
    _text(folder / truth / "README", TRUTH_README + flow + kind)
    ignored = ["truth.tsv", "truth.json", "velocity-*", "**/*_xfm.nii.gz"]
    if raw:
        ignored.append("**/*_xfm.json")
    if labelled:
        names = pd.DataFrame({"index": LABELS.values(), "name": LABELS.keys()})
        _table(folder / truth / "dseg.tsv", names)
    _text(folder / truth / ".bidsignore", "\n".join([*ignored, ""]))
    sidecar = {"SkullStripped": not raw, "Modality": "MR"}
    _json(folder / "T1w.json", sidecar)
    if not raw:
        _json(folder / truth / "T1w.json", sidecar)  # of the clean volumes


def write_sessions(folder: Path, person: Person) -> None:
    """Write one participant's ``sessions.tsv``."""
    rows = pd.DataFrame(
        {
            "session_id": [f"ses-{session_label(days)}" for days in person.days],
            "days_since_first": person.days,
        }
    )
    _table(folder / f"sub-{person.label}_sessions.tsv", rows)


def _fields(persons: Sequence[Person], *names: str) -> dict[str, list[Any]]:
    rows = [asdict(person) for person in persons]
    return {name: [row[name] for row in rows] for name in names}


def _hidden(persons: Sequence[Person]) -> dict[str, list[Any]]:
    """Size and rates, which are known of simulated people only."""
    public = {"number", "group", "sex", "age", "days", "tilts"}
    return _fields(persons, *(f.name for f in fields(persons[0]) if f.name not in public))


def _description(kind: str, settings: PhantomSettings | CleanSettings) -> dict[str, Any]:
    # Settings that do not affect a plain phantom are omitted.
    unused = None if settings.scattered else {"scattered", "raw"}
    name = "phantom:clean" if isinstance(settings, CleanSettings) else "phantom"
    made_with = settings.model_dump_json(exclude=unused, exclude_none=True)
    return {
        "Name": "longibench phantom: a simulated longitudinal T1 cohort",
        "BIDSVersion": BIDS,
        "DatasetType": kind,
        "License": MNI_LICENCE,
        "Authors": ["The longibench authors"],
        "ReferencesAndLinks": [MNI_PAPER],
        "GeneratedBy": [
            {"Name": f"longibench {name}", "Description": made_with},
        ],
        "LongibenchShareable": True,
    }


def _table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def _json(path: Path, value: dict[str, Any]) -> None:
    _text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
