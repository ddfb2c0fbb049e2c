"""Seeds that depend on what they are for, never on the order of work."""

import hashlib

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed, uniform and fixed for its parts."""
    raw = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(raw[:8], "big") >> 1


def sample_seed(run_seed: int, subject: str, sample: int) -> int:
    """Noise seed of one sample of a subject, shared by all visits.

    What differs between generated visits is then the interval, not the dice.
    """
    return derive_seed("sample", run_seed, subject, sample)


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed the generators that work on a device draws from.

    ``torch.manual_seed`` also seeds devices that are not there: a millisecond a call, and each
    call is remembered for the day that they are.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
