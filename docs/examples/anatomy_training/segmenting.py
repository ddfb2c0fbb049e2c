"""What versions of the embedded segmentation find in people with known volumes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from anatomy_training.overlap import overlaps
from anatomy_training.people import Subject
from longibench.metrics.anatomy import Network, read

# Structures by their names in ``truth.tsv``; fluid has no true volume there.
TRUE = {
    "ventricles": "ventricle_ml",
    "brain": "brain_ml",
    "grey": "grey_ml",
    "white": "white_ml",
    "csf": "",
    "hippocampus": "hippocampus_ml",
}
GROUPS = ("CN", "MCI", "AD")
SIZES = ("small", "middle", "large")  # thirds of the people by their ventricles

Row = dict[str, object]


def person_rows(networks: Mapping[int, Network], person: Subject) -> list[Row]:
    """A row for each grid, version and structure: true and found volumes in ml, and Dice."""
    rows = []
    for spacing, scans in person.scans.items():
        side = (spacing, spacing, spacing)
        for version, network in networks.items():
            first = read(network, scans.first, side)
            again, later = (
                read(network, each, side).volumes for each in (scans.again, scans.later)
            )
            agreement = overlaps(first.probabilities, first.tissues, scans.tissue)
            for structure in (name for name in TRUE if name in first.volumes):
                name = TRUE[structure]
                rows.append(
                    {
                        "person": person.number,
                        "group": person.group,
                        "years": person.years,
                        "spacing_mm": spacing,
                        "version": version,
                        "structure": structure,
                        "true": person.before.get(name, np.nan),
                        "true_later": person.after.get(name, np.nan),
                        "found": first.volumes[structure],
                        "found_again": again[structure],
                        "found_later": later[structure],
                        "dice": agreement[structure],
                    }
                )
    return rows


def change_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Agreement of volumes and of change by grid, version, structure and group.

    Args:
        rows: Of ``person_rows``.

    Returns:
        ``slope`` of found on true change in ml, its ``correlation``; ``ratio`` of found to true
        volume of the first scan, its standard deviation, and that of the ``total``; mean absolute
        ``volume_error`` in % and ``volume_correlation``; mean ``rate`` of true change, % a year,
        mean and mean absolute ``error`` of it.
    """
    known = rows.dropna(subset=["true"])
    found = []
    for key, some in known.groupby(["spacing_mm", "version", "structure"], sort=False):
        names = dict(zip(("spacing_mm", "version", "structure"), key, strict=True))
        found.append({**names, "group": "all", **_agreement(some)})
        for group in GROUPS:
            found.append({**names, "group": group, **_agreement(some[some["group"] == group])})
    return pd.DataFrame(found)


def _agreement(rows: pd.DataFrame) -> Row:
    true, found = rows["true_later"] - rows["true"], rows["found_later"] - rows["found"]
    rates = [
        100 * change / first / rows["years"]
        for change, first in ((true, rows["true"]), (found, rows["found"]))
    ]
    error, ratio = rates[1] - rates[0], rows["found"] / rows["true"]
    return {
        "people": len(rows),
        "slope": slope(true, found),
        "correlation": true.corr(found),
        "ratio": ratio.mean(),
        "ratio_sd": ratio.std(),
        "total": rows["found"].sum() / rows["true"].sum(),
        "volume_error": 100 * (ratio - 1).abs().mean(),
        "volume_correlation": rows["true"].corr(rows["found"]),
        "rate": rates[0].mean(),
        "error": error.mean(),
        "absolute_error": error.abs().mean(),
    }


def slope(x: pd.Series, y: pd.Series) -> float:
    """Of the regression of y on x."""
    return float(x.cov(y) / x.var())


def dice_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and worst Dice by grid, version and structure; ventricles also by their true size.

    Args:
        rows: Of ``person_rows``.
    """
    keys = ["spacing_mm", "version", "structure", "size"]
    ventricles = rows[rows["structure"] == "ventricles"]
    sizes = pd.qcut(ventricles["true"], len(SIZES), labels=list(SIZES)).astype(str)
    both = pd.concat([rows.assign(size="all"), ventricles.assign(size=sizes)])
    groups = both.groupby(keys, sort=False)
    return groups.agg(
        dice=("dice", "mean"),
        worst=("dice", "min"),
        least_ml=("true", "min"),
        most_ml=("true", "max"),
    ).reset_index()


def picture_table(rows: pd.DataFrame) -> pd.DataFrame:
    """True and found change in ml of ventricles and brain: a row a person, grid and structure."""
    some = rows[rows["structure"].isin(["ventricles", "brain"])]
    some = some.assign(
        true=some["true_later"] - some["true"], found=some["found_later"] - some["found"]
    )
    keys = ["person", "group", "spacing_mm", "structure", "true"]
    wide = some.pivot(index=keys, columns="version", values="found")
    return wide.rename(columns=lambda version: f"version_{version}").reset_index()
