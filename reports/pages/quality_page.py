"""The quality page of a prepared cohort: images of every scan, the most suspicious first."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.files import sweep, write_text
from longibench.benchmark.preparation.outliers import Suspicion, suspicions
from longibench.benchmark.preparation.prepare import Prepared
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.metrics.metric import Volume
from longibench.reports.figures.overlay import edges, grey, save
from longibench.reports.model.public_text import public_facts
from longibench.reports.pages.html import render_html

PICTURES = "pictures"
BANNER = "Shows participants: this page must not leave the machine"
NUMBERS = {  # text of each column
    "quality_overlap": "overlap {:.3f}",
    "quality_similarity": "similarity {:.2f}",
    "quality_brain_ml": "brain {:.0f} ml",
    "quality_jump_mm": "moved {:.0f} mm",
    "quality_turn_degrees": "turned {:.0f}°",
    "quality_scale": "size x {:.2f}",
}


@dataclass(frozen=True)
class ScanPicture:
    """A scan on the page: addresses of its images, and its quality measures."""

    title: str
    picture: str
    edges: str
    numbers: str
    odd: bool


@dataclass(frozen=True)
class SubjectPictures:
    """A participant on the page."""

    label: str
    reason: str
    score: float
    odd: bool
    scans: list[ScanPicture]


def write_quality(
    prepared: Prepared, name: str, folder: Path, template: Volume | None, console: Console
) -> Path:
    """Write the page and its images; existing images are not drawn again.

    Args:
        prepared: The cohort on the grid.
        name: The cohort's name, for the title.
        folder: Folder of the page; inside the workspace, because it shows participants.
        template: The registration target of the sources, on the grid; None if not registered.
        console: For progress.

    Returns:
        Path of ``index.html``.
    """
    pictures = folder / PICTURES
    sweep(pictures)
    if template is not None:
        save(edges(template), pictures / "template.png")
    table = prepared.table
    groups = list(
        table.assign(rating=pd.Series(suspicions(table), index=table.index)).groupby(
            "subject", sort=False
        )
    )
    subjects = [
        _subject(str(subject), rows, pictures, template is not None)
        for subject, rows in console.track(groups, "quality pictures", len(groups))
    ]
    subjects.sort(key=lambda subject: -subject.score)
    values = {
        "name": name,
        "banner": BANNER,
        "subjects": subjects,
        "scans": len(table),
        "odd": sum(subject.odd for subject in subjects),
        "failures": [_failure(row) for row in prepared.left_out.to_dict("records")],
        "lines": _lines(template is not None),
    }
    write_text(folder / "index.html", render_html("quality.html", values))
    return folder / "index.html"


def _failure(row: dict[Any, Any]) -> dict[Any, Any]:
    """A scan that was left out: the page holds ids, but no path."""
    return {**row, **public_facts({name: row[name] for name in ("reason", "detail")})}


def _lines(registered: bool) -> str:
    follow_ups = "of the source over its follow-ups"
    return f"of the template over the source, and {follow_ups}" if registered else follow_ups


def _subject(
    subject: str, rows: pd.DataFrame, pictures: Path, has_template: bool
) -> SubjectPictures:
    worst: Suspicion = max(rows["rating"], key=lambda rating: rating.score)
    source = Path(rows["volume"].iloc[0]).stem
    scans = []
    for number, row in enumerate(rows.to_dict("records")):
        _draw(Path(row["volume"]), pictures, with_edges=number == 0)
        over = f"{source}-edges.png" if number else "template.png" if has_template else ""
        scans.append(_scan(row, f"{PICTURES}/{over}" if over else ""))
    return SubjectPictures(subject, worst.reason, worst.score, worst.odd, scans)


def _draw(volume: Path, pictures: Path, with_edges: bool) -> None:
    plain, lines = pictures / f"{volume.stem}.png", pictures / f"{volume.stem}-edges.png"
    if plain.is_file() and (lines.is_file() or not with_edges):
        return
    values = read_volume(str(volume))
    if with_edges:
        save(edges(values), lines)
    save(grey(values), plain)


def _scan(row: dict[Any, Any], over: str) -> ScanPicture:
    numbers = [
        words.format(row[column])
        for column, words in NUMBERS.items()
        if column in row and pd.notna(row[column])
    ]
    rating: Suspicion = row["rating"]
    return ScanPicture(
        title=f"{row['visit']}, {row['years']:.2f} years"
        if row["years"]
        else f"{row['visit']}, source",
        picture=f"{PICTURES}/{Path(row['volume']).stem}.png",
        edges=over,
        numbers=" · ".join(numbers + [rating.reason] * rating.odd),
        odd=rating.odd,
    )
