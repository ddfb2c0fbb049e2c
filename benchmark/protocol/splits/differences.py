"""How much two groups differ: tests and standardised differences."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEAST_EXPECTED = 5  # per cell; below it the chi-square distribution does not hold (Cochran 1954)
TABLES = 1999  # random tables used instead


def standardised(difference: float, sd: float, other_sd: float) -> float:
    """Difference of two means over the root mean square of the standard deviations.

    Austin 2009, Statistics in Medicine 28:3083. Infinite if neither part varies.
    """
    scale = float(np.sqrt((sd**2 + other_sd**2) / 2))
    if scale:
        return difference / scale
    return float(np.sign(difference) * np.inf) if difference else 0.0


def independence(counts: NDArray) -> tuple[str, float]:
    """Test whether two rows of counts come from one distribution.

    The chi-square test; if a cell expects fewer than 5, the same statistic among random tables with
    the same margins, as in Fisher's exact test: exact up to the number of tables.

    Args:
        counts: Shape (2, levels), each level present in at least one row.

    Returns:
        Name of the test, and its p value.
    """
    if counts.shape[1] < 2:
        return "chi-square", 1.0
    expected = stats.contingency.expected_freq(counts)
    if expected.min() >= LEAST_EXPECTED:
        return "chi-square", float(stats.chi2_contingency(counts, correction=False).pvalue)
    method = stats.MonteCarloMethod(n_resamples=TABLES, rng=np.random.default_rng(0))
    found = stats.chi2_contingency(counts, correction=False, method=method)
    return f"chi-square, {TABLES} random tables", float(found.pvalue)


def multinomial_distance(a: NDArray, b: NDArray) -> float:
    """Standardised difference of two distributions over levels.

    Yang and Dalton, "A unified approach to measuring the effect size between two groups using
    SAS", SAS Global Forum 2012, paper 335: the Mahalanobis distance between the shares.

    Args:
        a: Shares of the levels, adding up to one.
        b: The same levels' shares in the other part.

    Returns:
        The distance, not negative; infinite for parts with no level in common.
    """
    difference = (b - a)[1:]  # the shares add up to one
    spread = sum((np.diag(s[1:]) - np.outer(s[1:], s[1:]) for s in (a, b)), np.zeros(())) / 2
    weights = np.linalg.pinv(spread) @ difference
    if not np.allclose(spread @ weights, difference):  # no level in common
        return float("inf")
    return float(np.sqrt(max(difference @ weights, 0)))
