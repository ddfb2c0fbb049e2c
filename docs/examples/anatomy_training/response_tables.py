"""The tables of docs/anatomy.md about the response of FID."""

from collections.abc import Iterator

import pandas as pd

from anatomy_training.damage import DAMAGES
from anatomy_training.response import ATROPHY
from anatomy_training.tables import head, line
from longibench.metrics.anatomy import NEWEST

STEPS = (1, 2, 3, 4)
SOON = 2  # steps by which damage should be seen
SEEN, OTHERS = f"version {NEWEST}", ("version 1", "random")


def response_first(table: pd.DataFrame) -> Iterator[str]:
    """The first strength that is seen, by damage and grid."""
    grids = table["spacing_mm"].unique()
    yield from head("damage", *(f"{spacing:g} mm" for spacing in grids))
    for damage in DAMAGES:
        some = table[(table["damage"] == damage.name) & (table["step"] > 0)]
        cells = [_first(some[some["spacing_mm"] == spacing]) for spacing in grids]
        yield line(f"{damage.name}, {damage.unit}", *cells)


def _first(rows: pd.DataFrame) -> str:
    first = {name: _seen_from(some) for name, some in rows.groupby("extractor")}
    strengths = rows.drop_duplicates("step").set_index("step")["strength"]
    step = first[SEEN]
    text = f"{strengths[step]:g}" if step in strengths.index else "none"
    if step <= SOON:
        return text
    others = [f"{name} {strengths[first[name]]:g}" for name in OTHERS if first[name] <= SOON]
    return f"{text} ({', '.join(others) or 'no other'})"


def _seen_from(rows: pd.DataFrame) -> int:
    """The step from which on damage is seen; one too many where the last is not."""
    unseen = rows.loc[rows["difference"] <= rows["standard_error"], "step"]
    return int(unseen.max()) + 1 if len(unseen) else int(rows["step"].min())


def response_ratios(table: pd.DataFrame) -> Iterator[str]:
    """FID over that of undamaged scans, and the mean's share."""
    yield f"{table['people'].max()} people."
    yield ""
    yield from head("damage", "mm", *map(str, STEPS), f"the mean's share at step {SOON}, %")
    for damage in DAMAGES:
        some = table[table["damage"] == damage.name]
        strengths = ", ".join(f"{strength:g}" for strength in damage.strengths)
        for spacing, rows in some.groupby("spacing_mm", sort=False):
            cells = rows.set_index(["extractor", "step"])
            shown = [_ratios(cells, step) for step in STEPS]
            soon = cells.loc[(SEEN, SOON)]
            share = f"{100 * soon['mean'] / soon['fid']:.0f}"
            yield line(f"{damage.name} {strengths}", f"{spacing:g}", *shown, share)


def _ratios(cells: pd.DataFrame, step: int) -> str:
    newest, *others = (_digits(cells.loc[(name, step), "ratio"]) for name in (SEEN, *OTHERS))
    row = cells.loc[(SEEN, step)]
    unseen = "" if row["difference"] > row["standard_error"] else "*"
    return f"{newest}{unseen} ({', '.join(others)})"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 3 else f"{value:.1f}" if value < 20 else f"{value:.0f}"


def atrophy(table: pd.DataFrame) -> Iterator[str]:
    """FID five years later over that of a second scan, and the difference over its error."""
    names = (SEEN, *OTHERS)
    yield from head("mm", *(f"{name}: {what}" for name in names for what in ("ratio", "z")))
    some = table[table["damage"] == ATROPHY]
    for spacing, rows in some.groupby("spacing_mm", sort=False):
        cells = rows.set_index("extractor")
        shown = []
        for name in names:
            row = cells.loc[name]
            shown += [_digits(row["ratio"]), f"{row['difference'] / row['standard_error']:.1f}"]
        yield line(f"{spacing:g}", *shown)
