"""Seeds that depend on their purpose, never on the order of work."""

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed, uniform and fixed for its parts."""
    raw = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(raw[:8], "big") >> 1


def sample_seed(run_seed: int, subject: str, sample: int) -> int:
    """Noise seed of one sample of a subject, shared by all visits.

    Generated visits then differ by the interval, not by the noise.
    """
    return derive_seed("sample", run_seed, subject, sample)


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed the random generators that are used on a device.

    ``torch.manual_seed`` also seeds devices that are not present: a millisecond per call, and each
    call is queued in case they are initialised later.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
