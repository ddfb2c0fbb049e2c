"""Summary of one method's scores for the terminal: each metric with its interval."""

from pathlib import Path

from longibench.reports.model.caption import count
from longibench.reports.model.detectable import detectable
from longibench.reports.model.estimates import estimate
from longibench.reports.model.formats import interval, number
from longibench.reports.model.metric_facts import MetricFacts
from longibench.reports.model.results import Entry, Results, read_results


def summary(protocol: Path, method: str) -> str:
    """The newest scores of a method as lines of text.

    Args:
        protocol: The protocol's folder.
        method: Name of the method.

    Returns:
        One line per metric: name, value, 95% interval over subjects, direction; or why it is
        missing. Then the smallest detectable change of their structures.
    """
    results = read_results(protocol)
    entry = results.newest(method)
    assert entry is not None  # it has just been scored
    facts = results.protocol["pairs"]
    head = f"{method}: {count(facts['count'], 'pair')} of {count(facts['subjects'], 'subject')}"
    lines = [_line(results, entry, metric) for metric in results.metrics]
    width = max(len(title) for title, _ in lines)
    values = [f"  {title:<{width}}  {text}" for title, text in lines]
    return "\n".join([head, *values, *detectable(results, results.metrics)])


def _line(results: Results, entry: Entry, metric: MetricFacts) -> tuple[str, str]:
    found = estimate(results, entry, metric)
    title = f"{found.title or metric.title} {metric.arrow}"
    if not found.volumes:
        return title, f"not available: {found.note}"
    within = interval(found.interval, metric.decimals)
    text = f"{number(found.value, metric.decimals)} {metric.unit}".rstrip()
    return title, f"{text} ({within})" if within else text
