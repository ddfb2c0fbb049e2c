"""A cohort's description for programs."""

import json
import math
from dataclasses import asdict
from typing import Any

from longibench.benchmark.protocol.splits.subjects import MISSING
from longibench.reports.cohorts.facts import Description, Known, Parts, Reason, Spread
from longibench.reports.tables.strata_kinds import FEWEST, OTHER

SCHEMA = 1  # incremented when a key changes its meaning or is removed, not for a new key


def cohort_json(description: Description, ids: bool = False) -> str:
    """Write a description as one JSON object.

    Without ``ids`` it contains only counts and distributions: no id, no path, no smallest or
    largest value of a single subject. Keys:

    - ``schema``: version of this list; ``reader``, ``layout``, ``preset``, ``shareable``;
      ``digest`` of subjects and times
    - ``subjects``, ``scans``; ``visits``: subjects by their number of visits
    - ``intervals``: ``elapsed_half_years`` and ``gap_half_years`` (follow-ups by the middle of a
      half-year bin), ``follow_up_years`` (a spread)
    - ``pairs``: ``rule``, ``count``, ``by_year``, ``by_part``, ``unpaired_subjects``
    - ``covariates``: by name ``at_source``, ``meaning``, ``known``, and ``levels`` (counts) or
      ``spread``
    - ``field_changes``: subjects scanned at several field strengths
    - ``left_out``: a list of ``reason``, ``scans``, ``subjects``
    - ``preparation``: by step ``done`` (bool) and ``to_do`` (what, or null)
    - ``split``: ``rule``, ``digest``, ``sizes``, ``comparisons`` (a list of ``covariate``,
      ``part``, ``training``, ``other``, ``test``, ``p``, ``corrected_p``, ``difference``),
      ``warnings``; null if there can be no split
    - ``refused``: a list of everything for which ``run`` with these settings would refuse the
      cohort: ``check``, such as ``pairs of training``

    A spread is ``known``, ``mean``, ``sd``, ``median``. Values that are not finite are null.

    Args:
        description: The description.
        ids: Add what only the user may see: ``name``, ``notes``, ``cases`` of what was left out,
            ``split_problem``, the ``reason`` of what is refused, ``minimum`` and ``maximum`` of
            each spread.
    """
    intervals = description.intervals
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "reader": description.reader,
        "layout": description.layout,
        "preset": description.preset,
        "shareable": description.shareable,
        "digest": description.digest,
        "subjects": description.subjects,
        "scans": description.scans,
        "visits": description.visits,
        "intervals": {
            "elapsed_half_years": intervals.elapsed,
            "gap_half_years": intervals.gaps,
            "follow_up_years": _spread(intervals.follow_up, ids),
        },
        "pairs": {
            "rule": description.pairs.rule,
            "count": description.pairs.count,
            "by_year": description.pairs.by_year,
            "by_part": description.pairs.by_part,
            "unpaired_subjects": description.pairs.unpaired,
        },
        "covariates": {known.name: _known(known, ids) for known in description.covariates},
        "field_changes": description.field_changes,
        "left_out": [_reason(reason, ids) for reason in description.left_out],
        "preparation": {
            s.step: {"done": s.done, "to_do": s.to_do or None} for s in description.steps
        },
        "split": _split(description.parts),
        "refused": [
            {"check": its.check, **({"reason": its.reason} if ids else {})}
            for its in description.refused
        ],
    }
    if ids:
        document |= {
            "name": description.name,
            "notes": list(description.notes),
            "split_problem": description.parts.problem or None,
        }
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)


def _spread(values: Spread, ids: bool) -> dict[str, float]:
    extremes = {"minimum": values.minimum, "maximum": values.maximum} if ids else {}
    return {
        "known": values.known,
        "mean": values.mean,
        "sd": values.sd,
        "median": values.median,
        **extremes,
    }


def _known(known: Known, ids: bool) -> dict[str, Any]:
    levels = known.levels if ids else _without_ids(known)
    values = {"levels": levels} if known.spread is None else {"spread": _spread(known.spread, ids)}
    return {
        "at_source": known.at_source,
        "meaning": known.meaning,
        "known": known.known,
        **values,
    }


def _without_ids(known: Known) -> dict[str, int]:
    """The levels; those of a column in which each value occurs once, such as ids, as "other"."""
    counts = {level: count for level, count in known.levels.items() if level != MISSING}
    if len(counts) < FEWEST or max(counts.values()) > 1:
        return known.levels
    unknown = {MISSING: known.levels[MISSING]} if MISSING in known.levels else {}
    return {OTHER: len(counts), **unknown}


def _reason(reason: Reason, ids: bool) -> dict[str, Any]:
    cases = {"cases": list(reason.cases)} if ids else {}
    return {
        "reason": reason.reason,
        "scans": reason.scans,
        "subjects": reason.subjects,
        **cases,
    }


def _split(parts: Parts) -> dict[str, Any] | None:
    if parts.problem:
        return None
    return {
        "rule": parts.rule,
        "digest": parts.digest,
        "sizes": parts.sizes,
        "comparisons": [asdict(comparison) for comparison in parts.comparisons],
        "warnings": list(parts.warnings),
    }


def _finite(value: Any) -> Any:
    """The value with null for every number that JSON cannot represent."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
