"""Samplers: respaced posteriors written anew, orders of convergence against an exact solution."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from longibench.methods.diffusion import DiffusionSettings, GaussianDiffusion
from longibench.methods.noise_schedule import Schedule, ScheduleSettings
from longibench.methods.samplers import (
    DDIM,
    DDPM,
    DPMSolver,
    Estimate,
    SamplerSettings,
    build_sampler,
)

SCHEDULES = {
    "linear": ScheduleSettings(),
    "cosine": ScheduleSettings(kind="cosine", steps=250),
}
MEAN, SPREAD = 0.1, 0.2  # data of the exact solution: voxels from N(0.1, 0.2^2)
Estimator = Callable[[Tensor, int], Estimate]


def best_network(schedule: Schedule) -> Estimator:
    """E[x0 | x_t] for Gaussian data, and the noise that goes with it."""

    def estimate(x: Tensor, level: int) -> Estimate:
        signal, noise = schedule.signal[level], schedule.noise[level]
        gain = signal * SPREAD**2 / (signal**2 * SPREAD**2 + noise**2)
        x0 = MEAN + gain * (x - signal * MEAN)
        return Estimate(x0, (x - signal * x0) / noise)

    return estimate


def sampled(kind: str, steps: int, name: str, start: Tensor) -> Tensor:
    """What a deterministic sampler makes of ``start``; float64 and not clamped."""
    schedule = Schedule.of(SCHEDULES[name])
    settings = SamplerSettings.model_validate({"kind": kind, "steps": steps})
    sampler, estimate = build_sampler(settings, schedule), best_network(schedule)
    x, before = start, None
    for place, level in enumerate(sampler.levels):
        now = estimate(x, level)
        x, before = sampler.step(place, x, now, before, None), now
    return x


def exact(name: str, start: Tensor) -> Tensor:
    """The probability flow from level T to level 1, and the best guess of the image there.

    For Gaussian data the flow keeps a sample's distance from the mean in standard deviations.
    """
    schedule = Schedule.of(SCHEDULES[name])
    (first, last), (first_noise, last_noise) = (
        (values[1], values[-1]) for values in (schedule.signal, schedule.noise)
    )
    widths = [
        math.hypot(signal * SPREAD, noise)
        for signal, noise in ((first, first_noise), (last, last_noise))
    ]
    x = first * MEAN + (start - last * MEAN) * widths[0] / widths[1]
    return best_network(schedule)(x, 1).x0


def errors(kind: str, name: str, steps: tuple[int, ...]) -> list[float]:
    start = torch.linspace(-2, 2, 21, dtype=torch.float64)
    return [float((sampled(kind, n, name, start) - exact(name, start)).abs().max()) for n in steps]


@pytest.mark.parametrize("name", SCHEDULES)
class TestOrder:
    def test_twice_the_steps_halve_the_error_of_ddim(self, name: str) -> None:
        found = errors("ddim", name, (10, 20, 40, 80))
        ratios = [before / after for before, after in pairwise(found)]
        assert all(1.6 < ratio < 2.4 for ratio in ratios), ratios

    def test_twice_the_steps_quarter_the_error_of_dpm_solver(self, name: str) -> None:
        found = errors("dpm-solver++", name, (20, 40, 80))
        ratios = [before / after for before, after in pairwise(found)]
        assert all(ratio > 2.9 for ratio in ratios), ratios
        assert math.prod(ratios) > 11  # of 16; levels are whole numbers, of 250 in one schedule

    @pytest.mark.parametrize("steps", [5, 10, 20, 50])
    def test_dpm_solver_is_nearer_at_equal_cost(self, name: str, steps: int) -> None:
        (fast,), (slow,) = (errors(kind, name, (steps,)) for kind in ("dpm-solver++", "ddim"))
        assert fast < slow * (0.6 if steps == 5 else 0.2)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("kind", ["ddpm", "ddim", "dpm-solver++"])
class TestLevels:
    @pytest.mark.parametrize("steps", [1, 2, 3, 7, 50, 249, 250])
    def test_they_fall_from_t_to_one(self, kind: str, name: str, steps: int) -> None:
        schedule = Schedule.of(SCHEDULES[name])
        settings = SamplerSettings.model_validate({"kind": kind, "steps": steps})
        levels = build_sampler(settings, schedule).levels
        assert len(levels) == steps
        assert levels[0] == schedule.steps
        assert steps == 1 or levels[-1] == 1
        assert all(later < earlier for earlier, later in pairwise(levels))

    def test_with_t_steps_every_level_is_visited(self, kind: str, name: str) -> None:
        schedule = Schedule.of(SCHEDULES[name])
        settings = SamplerSettings.model_validate({"kind": kind, "steps": schedule.steps})
        assert build_sampler(settings, schedule).levels == list(range(schedule.steps, 0, -1))


def test_evenly_spaced_levels_are_those_of_time() -> None:
    schedule = Schedule.of(SCHEDULES["linear"])
    assert DDIM(schedule, 5, 0).levels == [1000, 750, 500, 251, 1]


def test_dpm_solver_goes_equal_ways_in_lambda() -> None:
    schedule = Schedule.of(SCHEDULES["linear"])
    levels = DPMSolver(schedule, 10).levels
    ways = np.diff(np.array([schedule.log_snr[level] for level in levels]))
    assert ways == pytest.approx(np.full(9, ways.mean()), rel=0.1)


def posterior(beta: np.ndarray, x: np.ndarray, now: Estimate) -> tuple[np.ndarray, float]:
    """Mean and spread of x_s given x_t and x0: Ho et al. 2020, eq. (6) and (7), last of ``beta``.

    Args:
        beta: Betas of the schedule that has only the levels visited, up to this one.
        x: Noisy voxels.
        now: Of which only the image is used.
    """
    abar = np.cumprod(1 - beta)
    at, below = abar[-1], abar[-2] if len(abar) > 1 else 1.0
    mean = np.sqrt(below) * beta[-1] / (1 - at) * now.x0.numpy()
    mean = mean + np.sqrt(1 - beta[-1]) * (1 - below) / (1 - at) * x
    return mean, math.sqrt((1 - below) / (1 - at) * beta[-1])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 5, 25, 250])
@pytest.mark.parametrize("kind", ["ddpm", "ddim"])
def test_ancestral_steps_are_posteriors_of_the_respaced_schedule(
    name: str, steps: int, kind: str
) -> None:
    """Nichol, Dhariwal 2021, section 4: betas from abar at the levels visited.

    ``ddim`` at eta = 1 is the same, also at all T levels (250 of 250), where ``ddpm`` computes by
    the paper's formulas.
    """
    schedule = Schedule.of(SCHEDULES[name])
    given = {"kind": kind, "steps": steps, "eta": 1.0 if kind == "ddim" else 0.0}
    sampler = build_sampler(SamplerSettings.model_validate(given), schedule)
    kept = schedule.abar[[0, *reversed(sampler.levels)]].numpy()
    betas = 1 - kept[1:] / kept[:-1]
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, 50, dtype=torch.float64, generator=generator)
    for place, level in enumerate(sampler.levels):
        now = best_network(schedule)(x, level)
        mean, spread = posterior(betas[: steps - place], x.numpy(), now)
        last = place == steps - 1
        assert sampler.adds_noise(place) is not last
        found = sampler.step(place, x, now, None, None if last else noise)
        expected = mean + (0 if last else spread) * noise.numpy()
        np.testing.assert_allclose(found.numpy(), expected, atol=3e-4)  # abar is used in float32


def test_ddpm_over_all_levels_is_the_papers() -> None:
    schedule = Schedule.of(SCHEDULES["linear"])
    assert isinstance(build_sampler(SamplerSettings(), schedule), DDPM)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_keeps_the_noise_of_a_level_whatever_eta(eta: float) -> None:
    """Old noise and new together have the level's variance (Song et al. 2021, lemma 1)."""
    schedule = Schedule.of(SCHEDULES["linear"])
    sampler = DDIM(schedule, 10, eta)
    zero, one = torch.zeros(1), torch.ones(1)
    for place in range(9):
        noisy = sampler.adds_noise(place)
        old = sampler.step(place, zero, Estimate(zero, one), None, zero if noisy else None)
        new = sampler.step(place, zero, Estimate(zero, zero), None, one if noisy else None)
        expected = schedule.noise[sampler.following[place]]
        assert math.hypot(float(old), float(new)) == pytest.approx(expected, rel=1e-4)
        assert bool(new) is (eta > 0)


def test_dpm_solver_is_exact_where_the_image_is_linear_in_lambda() -> None:
    """The exponential integral of eq. (9) in closed form; only the first and last steps are not."""
    schedule = Schedule.of(SCHEDULES["linear"])
    sampler = DPMSolver(schedule, 12)
    place = 5
    here, there = sampler.levels[place], sampler.following[place]
    lam = schedule.log_snr

    def image(level: int) -> Tensor:
        return torch.tensor([0.3 + 0.2 * lam[level]], dtype=torch.float64)

    x = torch.tensor([0.7], dtype=torch.float64)
    now, before = (Estimate(image(level), x) for level in (here, sampler.levels[place - 1]))
    found = sampler.step(place, x, now, before, None)
    grid = np.linspace(lam[here], lam[there], 200_001)
    weighted = np.exp(grid) * (0.3 + 0.2 * grid)
    integral = np.trapezoid(weighted, grid)
    kept = schedule.noise[there] / schedule.noise[here]
    straight = float(kept * x + schedule.noise[there] * integral)
    # the algorithm replaces the integral of the slope by its value in the middle: third order
    width = lam[there] - lam[here]
    assert float(found) == pytest.approx(straight, abs=0.2 * width**3 / 4)
    flat = sampler.step(place, x, now, None, None)
    assert abs(float(found) - straight) < abs(float(flat) - straight) / 3


def test_drawing_twice_with_one_process_is_the_same() -> None:
    """No history is left in the sampler."""
    settings = DiffusionSettings(
        prediction="x0", sampler=SamplerSettings(kind="dpm-solver++", steps=8)
    )
    process = GaussianDiffusion(settings)

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        return torch.sin(3 * x) / 2

    like, seeds = torch.empty(2, 1, 4, 4, 4), torch.tensor([1, 2])
    first, again = (process.sample(denoise, like, seeds) for _ in range(2))
    assert torch.equal(first, again)
