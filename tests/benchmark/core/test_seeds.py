import numpy as np
import torch

from longibench.benchmark.core.seeds import derive_seed, sample_seed, seed_torch


def test_a_sample_has_one_seed_for_all_visits() -> None:
    seeds = {sample_seed(0, f"subject{i}", sample) for i in range(100) for sample in range(3)}
    assert len(seeds) == 300
    assert sample_seed(0, "a", 0) == sample_seed(0, "a", 0) != sample_seed(1, "a", 0)


def test_seeds_fit_a_signed_integer_and_are_uniform() -> None:
    seeds = np.array([derive_seed("x", i) for i in range(2000)], dtype=np.int64)
    assert seeds.min() >= 0
    assert abs(seeds.mean() / 2**63 - 0.5) < 4 / np.sqrt(12 * len(seeds))


def test_torchs_generator_is_seeded() -> None:
    sampled = []
    for seed in (1, 2, 1):
        seed_torch(seed, torch.device("cpu"))
        sampled.append(torch.rand(3))
    assert torch.equal(sampled[0], sampled[2])
    assert not torch.equal(sampled[0], sampled[1])
