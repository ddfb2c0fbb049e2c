"""The scores of docs/anatomy/, the figures and the tables of docs/anatomy.md."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
from marked_section import replace_section

from anatomy_training import figures, tables
from anatomy_training.held_out_segmentation import held_out_table
from anatomy_training.repeats import record, repeat_table
from anatomy_training.response_tables import atrophy, response_first, response_ratios
from anatomy_training.segmenting import change_table, dice_table, picture_table
from longibench.metrics.anatomy import NEWEST, RELEASES
from longibench.metrics.detectable import TABLE

END = "<!-- end -->"
LOG = RELEASES[NEWEST].path.with_name(f"anatomy_{NEWEST}_training.csv")

Scores = Mapping[str, pd.DataFrame]  # by the names of the files


def publish(
    folder: Path, docs: Path, digests: Mapping[int, str], log: Path, *, released: bool
) -> None:
    """Write scores, figures and the page's tables from what was measured.

    Args:
        folder: With the parts' files.
        docs: With the page.
        digests: First digits of the SHA256 of the weights, by version.
        log: Of the training.
        released: Whether the smallest detectable changes go to the metrics' own table.
    """
    place, images = docs / "anatomy", docs / "images"
    for each in (place, images):
        each.mkdir(exist_ok=True)
    measured = {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}
    for name, table in summaries(measured).items():
        table.to_csv(place / f"{name}.csv", index=False, float_format="%.4g")
    detectable = TABLE if released else place / "detectable.csv"
    if "people" in measured:
        for version, digest in digests.items():
            record(repeat_table(version, digest, measured["people"]), detectable)
    if log.exists():
        figures.draw_training(pd.read_csv(log), images / "anatomy_training")
    draw(read_scores(docs, log, detectable), images)
    if (folder / "anatomy_real.png").exists():
        shutil.copy(folder / "anatomy_real.png", images)
    write_page(docs / "anatomy.md", read_scores(docs, log, detectable))


def summaries(measured: Scores) -> dict[str, pd.DataFrame]:
    """The scores that are kept, by file."""
    found = {name: measured[name] for name in ("response", "real", "speed") if name in measured}
    if "people" in measured:
        rows = measured["people"]
        found["change"], found["dice"] = change_table(rows), dice_table(rows)
        found["people"] = picture_table(rows)
    if "held_out" in measured:
        found["held_out"] = held_out_table(measured["held_out"])
    return found


def read_scores(docs: Path, log: Path = LOG, detectable: Path = TABLE) -> dict[str, pd.DataFrame]:
    """All scores that exist."""
    paths = {path.stem: path for path in sorted((docs / "anatomy").glob("*.csv"))}
    paths |= {"detectable": detectable, "training": log}
    return {name: pd.read_csv(path) for name, path in paths.items() if path.exists()}


def draw(scores: Scores, images: Path) -> None:
    """Draw the figures of scores."""
    if "people" in scores:
        figures.draw_change(scores["people"], images / "anatomy_change")
    if "response" in scores:
        figures.draw_response(scores["response"], images / "anatomy_response")


def write_page(page: Path, scores: Scores) -> None:
    """Replace the page's tables."""
    for name, text in sections(scores).items():
        replace_section(page, begin(name), END, f"\n{text}")


def begin(name: str) -> str:
    """The mark before a section."""
    return f"<!-- {name} -->"


def sections(scores: Scores) -> dict[str, str]:
    """The page's generated text by section; empty where nothing was measured."""
    return {name: _section(name, scores) for name in SECTIONS}


def _section(name: str, scores: Scores) -> str:
    file, render = SECTIONS[name]
    if file not in scores:
        return ""
    picture = ["", PICTURES[name]] if name in PICTURES else []
    return "".join(f"{line}\n" for line in [*render(scores[file]), *picture])


# Section: the file of its scores, and what renders it.
SECTIONS: dict[str, tuple[str, Callable[[pd.DataFrame], Iterator[str]]]] = {
    "training": ("training", tables.training),
    "change": ("change", tables.change),
    "hippocampi": ("change", tables.hippocampi),
    "dice": ("dice", tables.dice),
    "detectable": ("detectable", tables.detectable),
    "held out": ("held_out", tables.held_out),
    "first seen": ("response", response_first),
    "response": ("response", response_ratios),
    "atrophy": ("response", atrophy),
    "real": ("real", tables.real),
    "speed": ("speed", tables.speed),
}
PICTURES = {
    "training": "![Losses](images/anatomy_training.png)",
    "change": "![Found against true change](images/anatomy_change.png)",
    "response": "![FID against damage](images/anatomy_response.png)",
    "real": "![Two visits; red: lateral ventricles, blue: other fluid, green: hippocampi]"
    "(images/anatomy_real.png)",
}
