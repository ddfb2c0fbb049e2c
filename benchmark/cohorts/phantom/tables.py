"""The tables and descriptions of the simulated BIDS dataset."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.cohorts.phantom.person import YEAR, Person
from benchmark.cohorts.phantom.settings import PhantomSettings

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
    people: Sequence[Person],
    visits: pd.DataFrame,
) -> None:
    """Write everything that describes the dataset as a whole, and the truth about it.

    Args:
        folder: The dataset.
        truth: Where the truth lies, relative to ``folder``.
        settings: What made it.
        people: The participants.
        visits: The truth about every visit, one row each.
    """
    _json(folder / "dataset_description.json", _description("raw", settings))
    _json(folder / truth / "dataset_description.json", _description("derivative", settings))
    _text(folder / "README", README)
    _text(folder / truth / "README", TRUTH_README)
    _text(folder / truth / ".bidsignore", "truth.tsv\ntruth.json\nvelocity-*\n**/*_xfm.nii.gz\n")
    _json(folder / "T1w.json", {"SkullStripped": True, "Modality": "MR"})
    columns = {"participant_id": [f"sub-{person.label}" for person in people]}
    told = pd.DataFrame({**columns, **_fields(people, "age", "sex", "group")})
    _table(folder / "participants.tsv", told)
    _json(folder / "participants.json", PARTICIPANTS)
    _json(folder / "sessions.json", SESSIONS)
    hidden = ("size", "brain_loss", "ventricle_growth", "years_before")
    rates = pd.DataFrame({**columns, **_fields(people, *hidden)})
    rates["tilt_right"], rates["tilt_front"] = zip(
        *(person.tilts for person in people), strict=True
    )
    _table(folder / truth / "participants.tsv", rates.round(6))
    _json(folder / truth / "participants.json", RATES)
    _table(folder / truth / "truth.tsv", visits.round(4))
    _json(folder / truth / "truth.json", TRUTH_COLUMNS)


def write_sessions(folder: Path, person: Person) -> None:
    """Write one participant's ``sessions.tsv``."""
    rows = pd.DataFrame(
        {
            "session_id": [f"ses-{session_label(days)}" for days in person.days],
            "days_since_first": person.days,
        }
    )
    _table(folder / f"sub-{person.label}_sessions.tsv", rows)


def _fields(people: Sequence[Person], *names: str) -> dict[str, list[Any]]:
    rows = [asdict(person) for person in people]
    return {name: [row[name] for row in rows] for name in names}


def _description(kind: str, settings: PhantomSettings) -> dict[str, Any]:
    return {
        "Name": "longibench phantom: a simulated longitudinal T1 cohort",
        "BIDSVersion": BIDS,
        "DatasetType": kind,
        "License": MNI_LICENCE,
        "Authors": ["The longibench authors"],
        "ReferencesAndLinks": [MNI_PAPER],
        "GeneratedBy": [
            {"Name": "longibench phantom", "Description": settings.model_dump_json()},
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


README = """\
A simulated longitudinal T1 cohort: no person was scanned for it.

Every participant is a smooth deformation of the MNI152 template whose ventricles widen and whose
cortex thins with time. The head is skull-stripped; the background is exactly zero. What is true of
every scan lies in derivatives/truth. docs/phantom.md of longibench describes the simulation.
"""

TRUTH_README = """\
What is true of the simulated scans.

truth.tsv           one row a visit: volumes, smallest Jacobian, the scanner's accidents
participants.tsv    rates of atrophy
velocity-*.nii.gz   the modes of atrophy: velocity fields in the template's space, mm
sub-*/anat/*_xfm    the map from a participant's space to the template's before any atrophy:
                    displacement in mm

A visit's map is the anatomy's map followed by the flow back through atrophy_years years of
ventricle_growth * ventricles + brain_loss * (brain + tilt_right * left-right
+ tilt_front * front-back).
"""

PARTICIPANTS: dict[str, Any] = {
    "age": {"Description": "Age at the first visit", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "group": {
        "Description": "Diagnosis at the first visit",
        "Levels": {
            "CN": "cognitively normal",
            "MCI": "mild cognitive impairment",
            "AD": "Alzheimer's disease",
        },
    },
}

SESSIONS: dict[str, Any] = {
    "days_since_first": {
        "Description": "Time elapsed since the participant's first scan",
        "Units": "day",
    }
}

RATES: dict[str, Any] = {
    "size": {"Description": "Volume of the head before any atrophy, relative to the template's"},
    "brain_loss": {"Description": "Loss of grey and white matter a year, relative"},
    "ventricle_growth": {
        "Description": "Growth of the ventricles a year, relative to the template's ventricles"
    },
    "years_before": {
        "Description": "Years of the same atrophy before the first visit",
        "Units": "year",
    },
    "tilt_right": {"Description": "How far the cortex's loss leans to the right"},
    "tilt_front": {"Description": "How far the cortex's loss leans to the front"},
}

TRUTH_COLUMNS: dict[str, Any] = {
    "years": {"Description": "Time since the first scan", "Units": "year"},
    "brain_ml": {"Description": "Grey and white matter", "Units": "mL"},
    "grey_ml": {"Description": "Grey matter", "Units": "mL"},
    "white_ml": {"Description": "White matter", "Units": "mL"},
    "ventricle_ml": {"Description": "Lateral ventricles", "Units": "mL"},
    "smallest_jacobian": {"Description": "Smallest Jacobian of the map to the template, in tissue"},
    "atrophy_years": {"Description": "Years of atrophy since the template", "Units": "year"},
    "gain": {"Description": "Factor on all intensities"},
    "shift_x_mm": {"Description": "Position of the head to the right", "Units": "mm"},
    "shift_y_mm": {"Description": "Position of the head to the front", "Units": "mm"},
    "shift_z_mm": {"Description": "Position of the head to the top", "Units": "mm"},
    "turn_x_degrees": {"Description": "Rotation about x", "Units": "degree"},
    "turn_y_degrees": {"Description": "Rotation about y", "Units": "degree"},
    "turn_z_degrees": {"Description": "Rotation about z", "Units": "degree"},
}
