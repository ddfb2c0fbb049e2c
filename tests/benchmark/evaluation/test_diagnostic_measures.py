"""Methods of which it is known what they use, and what is measured of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.evaluation.diagnostic_measures import (
    LITTLE,
    MUCH,
    Batch,
    Read,
    head_of,
    measure_denoising,
    measure_intervals,
    measure_quantities,
    measure_samples,
    measure_sources,
)
from longibench.benchmark.evaluation.diagnostics_file import Denoising
from longibench.methods.diffusion import DiffusionSettings, GaussianDiffusion
from longibench.methods.method import Method, MethodSettings, NoiseLevels
from longibench.methods.noise import SeededNoise

SHAPE, COUNT = (16, 20, 16), 4
BLUR = 0.2  # standard deviation of what the source does not determine


def volumes(seed: int, spread: float = 0.5) -> Tensor:
    return spread * torch.randn(
        COUNT, 1, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def batch(**changes: Tensor) -> Batch:
    source = volumes(1)
    values: dict[str, Tensor] = {
        "source": source,
        "target": source + volumes(2, BLUR),
        "generated": source + volumes(3, BLUR),
        "years": torch.full((COUNT,), 2.0),
        "seeds": torch.arange(COUNT),
        "other_seeds": torch.arange(COUNT) + 100,
        "heads": torch.ones(COUNT, 1, *SHAPE, dtype=torch.bool),
    }
    return Batch(**{**values, **changes})


class Plain(Method):
    """Adds noise of a given size and years times a given rate to the source."""

    name = "plain"

    def __init__(self, noise: float = BLUR, rate: float = 0.0, interval: bool = True) -> None:
        super().__init__(MethodSettings(), SHAPE)
        self.size, self.rate = noise, rate
        self.conditions_on = ("source", "interval") if interval else ("source",)  # type: ignore[misc]

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        return torch.zeros(())

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        change = self.rate * interval_years[:, None, None, None, None]
        return source + change + self.size * SeededNoise(seeds).like(source)


Network = Callable[[Tensor, Tensor, float, float], Tensor]


class Denoiser(Plain):
    """A network, given as a function of x_t, source, signal and noise, with a prediction."""

    name = "denoiser"

    def __init__(self, prediction: str, network: Network) -> None:
        super().__init__()
        settings = DiffusionSettings.model_validate({"prediction": prediction})
        self.diffusion, self.network = GaussianDiffusion(settings), network
        self.prediction = prediction

    def noise_levels(self) -> NoiseLevels:
        schedule = self.diffusion.schedule
        pairs = zip(schedule.noise[1:], schedule.signal[1:], strict=True)
        return NoiseLevels(tuple(n / s for n, s in pairs), self.prediction != "x0")

    def denoised(
        self, source: Tensor, target: Tensor, interval_years: Tensor, level: int, seeds: Tensor
    ) -> Tensor:
        schedule = self.diffusion.schedule
        signal, noise = schedule.signal[level], schedule.noise[level]
        epsilon = SeededNoise(seeds).like(target)
        last = level == self.diffusion.steps
        x_t = epsilon if last else signal * target + noise * epsilon
        return self.diffusion.clean(self.network(x_t, source, signal, noise), x_t, level)


def ideal(x_t: Tensor, source: Tensor, signal: float, noise: float) -> Tensor:
    """E[x_0 | x_t, S] of a normal distribution around the source."""
    weight = signal * BLUR**2 / (signal**2 * BLUR**2 + noise**2)
    return source + weight * (x_t - signal * source)


def as_epsilon(x0: Tensor, x_t: Tensor, signal: float, noise: float) -> Tensor:
    return (x_t - signal * x0) / noise


def as_v(x0: Tensor, x_t: Tensor, signal: float, noise: float) -> Tensor:
    return (signal * x_t - x0) / noise


def ignores_input(x_t: Tensor, source: Tensor, signal: float, noise: float) -> Tensor:
    return source


def measured(prediction: str, clean: Network) -> Denoising:
    """Measure a network whose estimate of the clean volume is given."""
    convert = {"epsilon": as_epsilon, "v": as_v, "x0": lambda x0, *_: x0}[prediction]

    def network(x_t: Tensor, source: Tensor, signal: float, noise: float) -> Tensor:
        return convert(clean(x_t, source, signal, noise), x_t, signal, noise)

    found = measure_denoising(Denoiser(prediction, network), [batch()])
    assert found is not None
    return found


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_an_ideal_denoiser_has_the_error_that_theory_gives(prediction: str) -> None:
    found = measured(prediction, ideal)
    assert found.from_noise == pytest.approx(BLUR, rel=0.02)
    assert found.ratio == pytest.approx(BLUR / 2, rel=0.05)
    expected = BLUR * found.ratio / math.hypot(BLUR, found.ratio)
    assert found.given_input == pytest.approx(expected, rel=0.02)
    assert found.predicts_noise == (prediction != "x0")


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_one_that_ignores_its_input_is_the_same_at_every_level(prediction: str) -> None:
    found = measured(prediction, ignores_input)
    # the estimate of an epsilon network is a small difference of large numbers
    np.testing.assert_allclose([point.rmse for point in found.curve], found.from_noise, rtol=1e-3)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_scaled_input_is_never_below_the_best_scaled_input(scale: float) -> None:
    found = measured("epsilon", lambda x_t, source, signal, noise: scale * x_t / signal)
    assert found.given_input > 0.99 * found.scaled_input
    assert found.scaled_input < found.ratio


def test_the_curve_spreads_over_the_levels() -> None:
    curve = measured("x0", ideal).curve
    ratios = np.array([point.ratio for point in curve])
    assert 9 <= len(curve) <= 12
    assert (np.diff(ratios) > 0).all()
    spread = np.log(ratios[:-1])  # the last is pure noise
    assert np.diff(spread).max() < 2 * np.log(MUCH / LITTLE) / 9


def test_a_change_is_measured_in_its_own_units() -> None:
    class Change(Denoiser):
        def diffused(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
            return 20 * (target - source)

        def denoised(self, source: Tensor, target: Tensor, *rest: Any) -> Tensor:
            return torch.zeros_like(source)

    found = measure_denoising(Change("x0", ideal), [batch()])
    assert found is not None
    assert found.from_noise == pytest.approx(20 * BLUR, rel=0.02)


def test_what_does_not_denoise_is_not_measured() -> None:
    assert measure_denoising(Plain(), [batch()]) is None


def test_diversity_of_a_calibrated_and_of_a_collapsed_sampler() -> None:
    calibrated = measure_samples(Plain(), [batch()])
    assert calibrated.rmse == pytest.approx(math.sqrt(2) * BLUR, rel=0.02)
    assert calibrated.between_seeds == pytest.approx(math.sqrt(2) * BLUR, rel=0.02)
    same = batch(generated=volumes(1).clamp(-1, 1))
    collapsed = measure_samples(Plain(noise=0.0), [same])
    assert collapsed.between_seeds == pytest.approx(0, abs=1e-6)
    assert collapsed.rmse > 0.1


def test_the_interval_moves_what_uses_it() -> None:
    quiet = batch(source=volumes(1, 0.05))
    found = measure_intervals(Plain(noise=0.0, rate=0.01), [quiet])
    assert found is not None
    assert found.years == (1.0, 5.0)
    assert found.rms == pytest.approx(0.04)
    ignored = measure_intervals(Plain(), [quiet])
    assert ignored is not None
    assert ignored.rms == 0
    assert measure_intervals(Plain(interval=False), [quiet]) is None


def people(made: Callable[[int], np.ndarray]) -> Read:
    """Subjects with textures of their own, and what a method made for each."""
    anatomy = volumes(5, 0.3).float().numpy()[:, 0]
    later = anatomy + volumes(6, 0.05).float().numpy()[:, 0]
    roles = {"source": lambda i: anatomy[i], "target": lambda i: later[i], "generated": made}
    return lambda number, role: roles[role](number)


def test_a_copy_is_more_like_its_own_follow_up() -> None:
    anatomy = volumes(5, 0.3).float().numpy()[:, 0]
    found = measure_sources(COUNT, people(lambda number: anatomy[number]))
    assert found is not None
    assert found.share == 1
    assert found.ssim_own > 0.9 > found.ssim_others
    assert found.rmse_own < found.rmse_others


def test_one_volume_for_all_is_like_all_follow_ups() -> None:
    one = volumes(9, 0.3).float().numpy()[0, 0]
    found = measure_sources(COUNT, people(lambda number: one))
    assert found is not None
    assert found.share < 1
    # with four subjects every one is among the others of every other; only the heads differ
    assert found.ssim_own == pytest.approx(found.ssim_others, abs=0.02)


def test_one_subject_or_small_volumes_have_no_others() -> None:
    assert measure_sources(1, people(lambda number: np.zeros(SHAPE, np.float32))) is None
    small = np.random.default_rng(0).normal(size=(4, 4, 4)).astype(np.float32)
    assert measure_sources(3, lambda number, role: small) is None


def test_own_quantities_are_means_and_errors() -> None:
    class Own(Plain):
        def quantities(
            self, source: Tensor, target: Tensor, interval_years: Tensor
        ) -> dict[str, Tensor]:
            return {"KL": torch.arange(float(len(source))), "prior": target + 0.25}

    assert measure_quantities(Own(), [batch(), batch()]) == pytest.approx(
        {"KL": (COUNT - 1) / 2, "prior": 0.25}
    )
    assert measure_quantities(Plain(), [batch()]) == {}


def test_errors_are_of_the_head_alone() -> None:
    heads = torch.zeros(COUNT, 1, *SHAPE, dtype=torch.bool)
    heads[:, :, 8:] = True
    target = volumes(1)
    generated = target.clone()
    generated[:, :, :8] += 1
    given = batch(target=target, generated=generated, heads=heads)
    assert measure_samples(Plain(), [given]).rmse == 0


def test_a_source_without_a_head_counts_whole() -> None:
    assert head_of(np.zeros((4, 4, 4), np.float32)).all()


def test_another_shape_breaks_the_contract() -> None:
    class Wrong(Denoiser):
        def denoised(self, source: Tensor, *rest: Any) -> Tensor:
            return source[:, :, 1:]

    with pytest.raises(UserError, match="'denoiser': denoised must return finite volumes"):
        measure_denoising(Wrong("x0", ideal), [batch()])
