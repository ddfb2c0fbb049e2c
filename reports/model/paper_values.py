"""The paper's published values, and why values measured here may not be comparable.

Dao, Yang, Kim, "Conditional Diffusion Model for Longitudinal Medical Image Generation",
arXiv:2411.05860: Table I, and section IV.A for the cohort.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

CITATION = "Dao, Yang, Kim, arXiv:2411.05860, Table I"
COHORT = "ADNI"
TEST_SUBJECTS = 114

PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "fid": MappingProxyType({"vae": 201.32, "med-ddpm": 39.28, "ours": 33.75}),
        "ssim": MappingProxyType({"vae": 0.2662, "med-ddpm": 0.2314, "ours": 0.2774}),
    }
)
DECIMALS: Mapping[str, int] = MappingProxyType({"fid": 2, "ssim": 4})

# What the paper leaves open about each metric, so that no value is comparable.
UNSTATED: Mapping[str, str] = MappingProxyType(
    {
        "fid": "the paper names no feature extractor",
        "ssim": "the paper states neither SSIM's window nor its range",
    }
)


def differences(protocol: Mapping[str, Any]) -> list[str]:
    """Reasons why the published values are not comparable with those of a protocol.

    Args:
        protocol: The facts in ``protocol.json``.

    Returns:
        One phrase per reason; an empty list means that the values may be compared.
    """
    reasons = []
    cohort = str(protocol["cohort"]["name"])
    if COHORT.lower() not in cohort.lower():
        reasons.append(f"the cohort is {cohort}, the paper's {COHORT}")
    subjects = int(protocol["pairs"]["subjects"])
    if subjects != TEST_SUBJECTS:
        reasons.append(f"evaluated on {subjects}, the paper on {TEST_SUBJECTS} subjects")
    return [*reasons, *UNSTATED.values()]
