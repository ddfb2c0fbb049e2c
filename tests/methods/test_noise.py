"""Noise belongs to a sample and to nothing else."""

import threading

import pytest
import torch

from longibench.methods.noise import GlobalNoise, Noise, NoiseAhead, SeededNoise

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


@pytest.mark.parametrize("noise", [SeededNoise(torch.arange(2000)), GlobalNoise()])
def test_integers_cover_their_range(noise: Noise) -> None:
    times = noise.integers(1, 6, like=torch.empty(2000, 1))
    assert times.shape == (2000,)
    assert sorted(set(times.tolist())) == [1, 2, 3, 4, 5]


def test_integers_are_a_samples_own() -> None:
    def times(seeds: list[int]) -> list[int]:
        noise = SeededNoise(torch.tensor(seeds))
        noise.like(torch.empty(len(seeds), *SHAPE))
        return list(noise.integers(1, 1001, like=torch.empty(len(seeds))).tolist())

    together = times([3, 7, 11])
    assert together == [times([seed])[0] for seed in (3, 7, 11)]
    assert len(set(together)) == 3


class TestAhead:
    SEEDS = torch.tensor([3, 7])
    LIKE = torch.empty(2, *SHAPE)

    @pytest.mark.parametrize("ahead", [False, True, None])
    def test_the_numbers_are_the_streams(self, ahead: bool | None) -> None:
        plain = SeededNoise(self.SEEDS)
        with NoiseAhead(SeededNoise(self.SEEDS), self.LIKE, count=4, ahead=ahead) as noise:
            for _ in range(4):
                assert torch.equal(noise.next(), plain.like(self.LIKE))

    def test_it_is_sampled_before_it_is_requested_and_no_more_than_that(self) -> None:
        stream = Counting(self.SEEDS)
        with NoiseAhead(stream, self.LIKE, count=2, ahead=True) as noise:
            stream.wait_for(1)
            noise.next()
            stream.wait_for(2)
            noise.next()
        assert stream.count == 2
        assert stream.threads == {"noise_0"}

    def test_the_thread_ends_with_the_sampling_even_by_an_error(self) -> None:
        def sample() -> None:
            with NoiseAhead(SeededNoise(self.SEEDS), self.LIKE, count=9, ahead=True) as noise:
                noise.next()
                raise ValueError("the network failed")

        with pytest.raises(ValueError, match="the network failed"):
            sample()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("noise")]

    def test_an_error_in_the_thread_is_raised(self) -> None:
        like = torch.empty(2, *SHAPE)
        stream = Counting(self.SEEDS, fails=True)
        with (
            NoiseAhead(stream, like, count=2, ahead=True) as noise,
            pytest.raises(RuntimeError, match="no numbers"),
        ):
            noise.next()

    def test_type_of_the_reference(self) -> None:
        like = self.LIKE.double()
        with NoiseAhead(SeededNoise(self.SEEDS), like, count=1, ahead=True) as noise:
            assert torch.equal(noise.next(), SeededNoise(self.SEEDS).like(like))


class Counting(SeededNoise):
    """Counts samples and records the threads that made them."""

    def __init__(self, seeds: torch.Tensor, fails: bool = False) -> None:
        super().__init__(seeds)
        self.count = 0
        self.fails = fails
        self.threads: set[str] = set()
        self._sampled_once = threading.Condition()

    def sample(self, shape: torch.Size) -> torch.Tensor:
        if self.fails:
            raise RuntimeError("no numbers")
        with self._sampled_once:
            self.count += 1
            self.threads.add(threading.current_thread().name)
            self._sampled_once.notify_all()
        return super().sample(shape)

    def wait_for(self, count: int) -> None:
        """Wait until this many were sampled, although fewer were requested."""
        with self._sampled_once:
            assert self._sampled_once.wait_for(lambda: self.count == count, timeout=10)
