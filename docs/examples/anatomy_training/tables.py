"""The tables of docs/anatomy.md about volumes, overlap, real scans and speed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from anatomy_training.segmenting import SIZES, TRUE
from longibench.metrics.detectable import NORMAL_95

NAMES = {"csf": "fluid", "hippocampus": "hippocampi"}
NOTHING = "—"


def training(log: pd.DataFrame) -> Iterator[str]:
    """How long the training took."""
    last = log.iloc[-1]
    yield f"{last['iteration']:.0f} optimizer steps took {last['seconds'] / 60:.0f} minutes."


def change(table: pd.DataFrame) -> Iterator[str]:
    """Agreement of volumes and changes."""
    people = table.loc[table["group"] == "all", "people"].max()
    yield f"{people} people."
    yield ""
    groups = [name for name in table["group"].unique() if name != "all"]
    yield from head(
        "mm", "structure", "version", "slope", *groups, "correlation", "found / true",
        "of the totals", "true change, % a year", "error of it", "absolute error",
    )  # fmt: skip
    for key, some in table.groupby(["spacing_mm", "structure", "version"], sort=False):
        by_group = some.set_index("group")
        row = by_group.loc["all"]
        yield line(
            f"{key[0]:g}", shown_name(key[1]), key[2],
            *(f"{by_group.loc[group, 'slope']:.2f}" for group in ("all", *groups)),
            f"{row['correlation']:.3f}", f"{row['ratio']:.3f} ± {row['ratio_sd']:.3f}",
            f"{row['total']:.3f}", f"{row['rate']:.2f}", f"{row['error']:+.2f}",
            f"{row['absolute_error']:.2f}",
        )  # fmt: skip


def hippocampi(table: pd.DataFrame) -> Iterator[str]:
    """What is found of the hippocampi."""
    yield from head(
        "mm", "error of the volume, %", "its correlation with the true one",
        "true change, % a year", "found",
    )  # fmt: skip
    rows = table[(table["structure"] == "hippocampus") & (table["group"] == "all")]
    for row in rows.to_dict("records"):
        yield line(
            f"{row['spacing_mm']:g}", f"{row['volume_error']:.0f}",
            f"{row['volume_correlation']:.2f}", f"{row['rate']:.1f}",
            f"{row['rate'] + row['error']:.1f}",
        )  # fmt: skip


def dice(table: pd.DataFrame) -> Iterator[str]:
    """Overlap by tissue, and of the ventricles by size."""
    sized = table[table["structure"] == "ventricles"].groupby("size")[["least_ml", "most_ml"]]
    ends = sized.agg({"least_ml": "min", "most_ml": "max"})
    columns = [
        f"{size} ventricles, {ends.loc[size, 'least_ml']:.0f} to {ends.loc[size, 'most_ml']:.0f} ml"
        for size in SIZES
    ]
    yield from head("mm", "version", *map(shown_name, TRUE), *columns)
    for (spacing, version), some in table.groupby(["spacing_mm", "version"], sort=False):
        cells = some.set_index(["structure", "size"])["dice"]
        keys = [(name, "all") for name in TRUE] + [("ventricles", size) for size in SIZES]
        shown = [f"{cells[key]:.2f}" if key in cells.index else NOTHING for key in keys]
        yield line(f"{spacing:g}", version, *shown)


def detectable(table: pd.DataFrame) -> Iterator[str]:
    """The smallest detectable change, %."""
    table = table.sort_values(["spacing_mm", "version"], ascending=False, kind="stable")
    yield from head("mm", "version", *map(shown_name, TRUE))
    for (spacing, version), some in table.groupby(["spacing_mm", "version"], sort=False):
        cells = NORMAL_95 * some.set_index("structure")["sd_percent"]
        shown = [f"{cells[name]:.1f}" if name in cells.index else NOTHING for name in TRUE]
        yield line(f"{spacing:g}", version, *shown)


def held_out(table: pd.DataFrame) -> Iterator[str]:
    """Overlap and errors of volume on held-out heads."""
    yield f"{table['heads'].max()} heads of each template."
    yield ""
    tissues = [name for name in TRUE if name != "brain"]
    errors = ("ventricles", "brain")
    yield from head(
        "mm",
        "template",
        "contrast",
        *map(shown_name, tissues),
        *(f"{n}, % too large" for n in errors),
    )
    for key, some in table.groupby(["spacing_mm", "template", "contrast"], sort=False):
        cells = some.set_index(["structure", "version"])
        overlap = [_both(cells["dice"], name, "{:.2f}") for name in tissues]
        error = [_both(cells["error"], name, "{:+.0f}") for name in errors]
        yield line(f"{key[0]:g}", *key[1:], *overlap, *error)


def _both(cells: pd.Series, name: str, form: str) -> str:
    """The newest version's value, and the older ones' in brackets."""
    found = cells[name].sort_index(ascending=False)
    shown = [form.format(value) for value in found]
    return shown[0] if len(shown) == 1 else f"{shown[0]} ({', '.join(shown[1:])})"


def real(table: pd.DataFrame) -> Iterator[str]:
    """Volumes of the prepared pair, ml."""
    shown = [name for name in TRUE if name in table]
    yield from head("visit", "version", "deepbet's mask", *map(shown_name, shown))
    for row in table.to_dict("records"):
        cells = [NOTHING if pd.isna(row[name]) else f"{row[name]:.1f}" for name in shown]
        yield line(row["visit"], row["version"], f"{row['mask']:.0f}", *cells)


def speed(table: pd.DataFrame) -> Iterator[str]:
    """Seconds per volume."""
    yield from head("volume", "mm", "network", "features, s", "with tissue, s")
    for row in table.to_dict("records"):
        seconds = (f"{row[name]:.2f}" for name in ("features", "tissue"))
        yield line(row["volume"], f"{row['spacing_mm']:g}", row["extractor"], *seconds)


def shown_name(structure: str) -> str:
    """A structure's name in tables."""
    return NAMES.get(structure, structure)


def head(*names: str) -> Sequence[str]:
    """The first two lines of a Markdown table."""
    return line(*names), "|" + "---|" * len(names)


def line(*cells: object) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"
