"""The tables and descriptions of the simulated BIDS dataset."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from longibench.benchmark.cohorts.phantom.labels import LABELS
from longibench.benchmark.cohorts.phantom.person import YEAR, Person
from longibench.benchmark.cohorts.phantom.texts import (
    LABEL_COLUMNS,
    PARTICIPANTS,
    RATES,
    RAW_README,
    RAW_TRUTH_README,
    README,
    SESSIONS,
    TRUTH_COLUMNS,
    TRUTH_README,
)
from longibench.benchmark.settings.phantom import PhantomSettings
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
    settings: PhantomSettings,
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
    hidden = ("size", "brain_loss", "ventricle_growth", "years_before")
    rates = pd.DataFrame({**columns, **_fields(persons, *hidden)})
    rates["tilt_right"], rates["tilt_front"] = zip(
        *(person.tilts for person in persons), strict=True
    )
    _table(folder / truth / "participants.tsv", rates.round(6))
    _json(folder / truth / "participants.json", RATES)
    _table(folder / truth / "truth.tsv", visits.round(4))
    labelled = LABEL_COLUMNS if settings.scattered else {}
    _json(folder / truth / "truth.json", TRUTH_COLUMNS | labelled)


def _describe(folder: Path, truth: Path, settings: PhantomSettings) -> None:
    """Write the descriptions of the dataset and of its ground truth."""
    raw = settings.scattered
    done = {"LongibenchPreparation": [] if raw else list(get_args(Step))}
    _json(folder / "dataset_description.json", _description("raw", settings) | done)
    _json(folder / truth / "dataset_description.json", _description("derivative", settings))
    _text(folder / "README", RAW_README if raw else README)
    _text(folder / truth / "README", TRUTH_README + (RAW_TRUTH_README if raw else ""))
    ignored = ["truth.tsv", "truth.json", "velocity-*", "**/*_xfm.nii.gz"]
    if raw:
        ignored.append("**/*_xfm.json")
        names = pd.DataFrame({"index": LABELS.values(), "name": LABELS.keys()})
        _table(folder / truth / "dseg.tsv", names)
    _text(folder / truth / ".bidsignore", "\n".join([*ignored, ""]))
    _json(folder / "T1w.json", {"SkullStripped": not raw, "Modality": "MR"})


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


def _description(kind: str, settings: PhantomSettings) -> dict[str, Any]:
    # Settings that do not affect a plain phantom are omitted.
    unused = None if settings.scattered else {"scattered", "raw"}
    made_with = settings.model_dump_json(exclude=unused, exclude_none=True)
    return {
        "Name": "longibench phantom: a simulated longitudinal T1 cohort",
        "BIDSVersion": BIDS,
        "DatasetType": kind,
        "License": MNI_LICENCE,
        "Authors": ["The longibench authors"],
        "ReferencesAndLinks": [MNI_PAPER],
        "GeneratedBy": [
            {"Name": "longibench phantom", "Description": made_with},
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
