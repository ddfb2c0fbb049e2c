"""Noise belongs to a sample and to nothing else."""

import torch

from methods.noise import SeededNoise

SHAPE = (1, 4, 6, 4)


def draw(seeds: list[int], rounds: int = 1) -> torch.Tensor:
    """The last of several draws, (B, 1, X, Y, Z)."""
    noise = SeededNoise(torch.tensor(seeds))
    return [noise.like(torch.empty(len(seeds), *SHAPE)) for _ in range(rounds)][-1]


def test_a_sample_does_not_see_its_batch() -> None:
    together = draw([3, 7, 11])
    for row, seed in enumerate([3, 7, 11]):
        assert torch.equal(together[row], draw([seed])[0])


def test_order_of_the_batch_is_only_an_order() -> None:
    assert torch.equal(draw([3, 7, 11], rounds=2), draw([11, 7, 3], rounds=2).flip(0))


def test_the_stream_goes_on() -> None:
    noise = SeededNoise(torch.tensor([5]))
    first, second = (noise.like(torch.empty(1, *SHAPE)) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(second, draw([5], rounds=2))


def test_same_seed_twice_in_a_batch_is_the_same_noise() -> None:
    first, second = draw([5, 5])
    assert torch.equal(first, second)


def test_the_global_generator_is_neither_read_nor_moved() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = draw([5])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(draw([5]), first)


def test_noise_is_standard_normal() -> None:
    noise = SeededNoise(torch.tensor([2**62, 1])).like(torch.empty(2, 1, 32, 32, 32))
    assert abs(noise.mean()) < 4 / noise.numel() ** 0.5
    assert abs(noise.var() - 1) < 4 * (2 / noise.numel()) ** 0.5
    correlation = torch.corrcoef(noise.flatten(1))[0, 1]
    assert abs(correlation) < 4 / noise[0].numel() ** 0.5


def test_noise_takes_the_type_of_its_reference() -> None:
    noise = SeededNoise(torch.tensor([1])).like(torch.empty(1, *SHAPE, dtype=torch.bfloat16))
    assert noise.dtype == torch.bfloat16
