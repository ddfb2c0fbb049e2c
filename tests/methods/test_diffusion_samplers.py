"""The samplers: formulas written anew, MONAI's schedulers at n = T, and known distributions."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from longibench.methods.diffusion import Denoiser, DiffusionSettings, GaussianDiffusion, Prediction
from longibench.methods.noise import SeededNoise
from longibench.methods.noise_schedule import ScheduleSettings
from longibench.methods.samplers import SamplerSettings

PREDICTIONS: tuple[Prediction, ...] = ("epsilon", "x0", "v")
MONAI_NAMES = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
SHAPE = (1, 1, 4, 6, 4)


def diffusion(
    prediction: Prediction = "epsilon",
    sampler: str = "ddpm",
    steps: int = 50,
    clip: bool = False,
    eta: float = 0.0,
) -> GaussianDiffusion:
    """A linear schedule of T = 50 that ends in nearly pure noise."""
    schedule = ScheduleSettings(steps=50, beta_start=0.002, beta_end=0.4)
    return GaussianDiffusion(
        DiffusionSettings(
            schedule=schedule,
            prediction=prediction,
            sampler=SamplerSettings.model_validate(
                {"kind": sampler, "steps": steps, "clip": clip, "eta": eta}
            ),
        )
    )


def sample(process: GaussianDiffusion, denoise: Denoiser, seed: int = 3) -> Tensor:
    return process.sample(denoise, like=torch.empty(SHAPE), seeds=torch.tensor([seed]))


def believing(process: GaussianDiffusion, belief: Callable[[Tensor, Tensor], Tensor]) -> Denoiser:
    """A network whose estimate of the clean image is ``belief(x_t, t)``."""

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        abar = process.schedule.abar[t].float().reshape(-1, 1, 1, 1, 1)
        x0 = belief(x, t)
        return process.target(x0, (x - abar.sqrt() * x0) / (1 - abar).sqrt(), t)

    return denoise


def wavy(process: GaussianDiffusion) -> Denoiser:
    """Any network in which every step counts; only its early estimates leave [-1, 1]."""

    def belief(x: Tensor, t: Tensor) -> Tensor:
        time = t.reshape(-1, 1, 1, 1, 1)
        return (0.7 + time / 50) * torch.sin(2 * x + time / 7)

    return believing(process, belief)


def oracle(process: GaussianDiffusion, x0: Tensor) -> Denoiser:
    """The perfect network for data that is always ``x0``."""
    return believing(process, lambda x, t: x0.expand_as(x))


def unclamped(volume: Tensor) -> float:
    """Share of voxels that the final clamp does not hide."""
    return float((volume.abs() < 1).float().mean())


def ancestral(
    process: GaussianDiffusion, denoise: Callable[[Tensor, Tensor], Tensor], seed: int
) -> np.ndarray:
    """Eq. (5) and (6) in float64, from the paper's text, for a network that predicts noise."""
    schedule = process.settings.schedule
    beta = np.linspace(schedule.beta_start, schedule.beta_end, schedule.steps)
    alpha, abar = 1 - beta, np.cumprod(1 - beta)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(SHAPE, generator=generator).double().numpy()
    for i in reversed(range(schedule.steps)):
        epsilon = denoise(torch.from_numpy(x), torch.tensor([i + 1])).numpy()
        x = (x - (1 - alpha[i]) / np.sqrt(1 - abar[i]) * epsilon) / np.sqrt(alpha[i])
        if i > 0:
            z = torch.randn(SHAPE, generator=generator).double().numpy()
            x = x + np.sqrt((1 - abar[i - 1]) / (1 - abar[i]) * beta[i]) * z
    return x


class TestAncestral:
    def test_equations_5_and_6(self) -> None:
        process = diffusion()
        sampled = sample(process, wavy(process))
        expected = ancestral(process, wavy(process), seed=3).clip(-1, 1)
        np.testing.assert_allclose(sampled.numpy(), expected, atol=1e-4)
        assert unclamped(sampled) > 0.9

    def test_the_bits_are_those_of_the_formula_in_float32(self) -> None:
        """The paper's table must not move: neither by plain numbers nor by their order."""
        process = diffusion()
        denoise = wavy(process)
        schedule = process.schedule
        beta, abar = schedule.beta.float(), schedule.abar.float()
        noise = SeededNoise(torch.tensor([3]))
        x = noise.like(torch.empty(SHAPE))
        for t in range(50, 0, -1):
            epsilon, signal, spread = denoise(x, torch.tensor([t])), abar[t], (1 - abar[t]).sqrt()
            x0 = (x - spread * epsilon) / signal.sqrt()
            epsilon = (x - signal.sqrt() * x0) / spread
            x = (x - beta[t] / spread * epsilon) / (1 - beta[t]).sqrt()
            if t > 1:
                variance = (1 - abar[t - 1]) / (1 - abar[t]) * beta[t]
                x = x + variance.sqrt() * noise.like(x)
        assert torch.equal(sample(process, denoise), x.clamp(-1, 1))

    @pytest.mark.parametrize("clip", [False, True])
    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_agrees_with_monai(self, prediction: Prediction, clip: bool) -> None:
        from monai.networks.schedulers import DDPMScheduler

        process = diffusion(prediction, clip=clip)
        denoise, schedule = wavy(process), process.settings.schedule
        scheduler = DDPMScheduler(
            num_train_timesteps=schedule.steps,
            schedule="linear_beta",
            beta_start=schedule.beta_start,
            beta_end=schedule.beta_end,
            prediction_type=MONAI_NAMES[prediction],
            clip_sample=clip,
        )
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(SHAPE, generator=generator)
        for t in scheduler.timesteps:
            output = denoise(x, t[None] + 1)  # MONAI counts from zero
            x, _ = scheduler.step(output, t, x, generator=generator)
        sampled = sample(process, denoise)
        torch.testing.assert_close(sampled, x.clamp(-1, 1), atol=1e-4, rtol=0)
        assert unclamped(sampled) > 0.9

    def test_the_last_step_adds_no_noise(self) -> None:
        process = diffusion("x0")
        x0 = torch.rand(SHAPE) - 0.5
        torch.testing.assert_close(sample(process, oracle(process, x0)), x0, atol=1e-5, rtol=0)


class TestDDIM:
    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_agrees_with_monai_at_every_level(self, prediction: Prediction) -> None:
        from monai.networks.schedulers import DDIMScheduler

        process = diffusion(prediction, sampler="ddim")
        denoise, schedule = wavy(process), process.settings.schedule
        scheduler = DDIMScheduler(
            num_train_timesteps=schedule.steps,
            schedule="linear_beta",
            beta_start=schedule.beta_start,
            beta_end=schedule.beta_end,
            prediction_type=MONAI_NAMES[prediction],
            clip_sample=False,
        )
        scheduler.set_timesteps(schedule.steps)
        x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
        for t in scheduler.timesteps:
            x, _ = scheduler.step(denoise(x, t[None] + 1), t, x)
        sampled = sample(process, denoise)
        torch.testing.assert_close(sampled, x.clamp(-1, 1), atol=1e-4, rtol=0)
        assert unclamped(sampled) > 0.9

    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_clipping_also_corrects_the_noise(self, prediction: Prediction) -> None:
        """MONAI keeps the noise of the unclipped image; then x_t no longer fits the two."""
        process = diffusion(prediction, sampler="ddim", steps=2, clip=True)
        x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)).double().numpy()
        abar = process.schedule.abar.numpy()
        x0 = np.clip(1.7 * np.sin(2 * x + 50 / 7), -1, 1)
        noise = (x - np.sqrt(abar[50]) * x0) / np.sqrt(1 - abar[50])
        x = np.sqrt(abar[1]) * x0 + np.sqrt(1 - abar[1]) * noise
        expected = 0.72 * np.sin(2 * x + 1 / 7)
        sampled = sample(process, wavy(process)).numpy()
        np.testing.assert_allclose(sampled, expected, atol=1e-3)

    @pytest.mark.parametrize("steps", [1, 2, 7, 50])
    @pytest.mark.parametrize("prediction", PREDICTIONS)
    @pytest.mark.parametrize(
        ("sampler", "eta"), [("ddim", 0), ("ddim", 0.5), ("ddpm", 0), ("dpm-solver++", 0)]
    )
    def test_a_perfect_network_gives_the_image(
        self, prediction: Prediction, steps: int, sampler: str, eta: float
    ) -> None:
        process = diffusion(prediction, sampler=sampler, steps=steps, eta=eta)
        x0 = torch.rand(SHAPE) * 2 - 1
        sampled = sample(process, oracle(process, x0))
        torch.testing.assert_close(sampled, x0, atol=1e-3, rtol=0)

    @pytest.mark.parametrize("steps", [1, 2, 10, 999, 1000])
    def test_levels_fall_from_t_to_one(self, steps: int) -> None:
        process = GaussianDiffusion(
            DiffusionSettings(sampler=SamplerSettings(kind="ddim", steps=steps))
        )
        seen: list[int] = []

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            seen.append(int(t))
            return torch.zeros_like(x)

        sample(process, denoise)
        assert len(seen) == steps
        assert seen[0] == 1000
        assert steps == 1 or seen[-1] == 1
        assert all(later < earlier for earlier, later in pairwise(seen))

    def test_only_the_first_noise_is_random(self) -> None:
        process = diffusion(sampler="ddim", steps=7)
        first, again, other = (sample(process, wavy(process), seed) for seed in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.allclose(first, other)


class TestPhysics:
    """Voxels sampled from N(0.1, 0.2^2): the best network is known, so is what it should sample."""

    MEAN, SPREAD = 0.1, 0.2

    def samples(self, prediction: Prediction, sampler: str, steps: int) -> Tensor:
        process = GaussianDiffusion(
            DiffusionSettings(
                prediction=prediction,
                sampler=SamplerSettings.model_validate({"kind": sampler, "steps": steps}),
            )
        )

        def expectation(x: Tensor, t: Tensor) -> Tensor:
            """E[x0 | x_t] of a normal prior."""
            abar = process.schedule.abar[t].float().reshape(-1, 1, 1, 1, 1)
            gain = abar.sqrt() * self.SPREAD**2 / (abar * self.SPREAD**2 + 1 - abar)
            return self.MEAN + gain * (x - abar.sqrt() * self.MEAN)

        like = torch.empty(2, 1, 20, 20, 20)
        denoise = believing(process, expectation)
        return process.sample(denoise, like=like, seeds=torch.tensor([3, 4]))

    @pytest.mark.parametrize("prediction", PREDICTIONS)
    @pytest.mark.parametrize(
        ("sampler", "steps"), [("ddpm", 1000), ("ddpm", 500), ("ddim", 250), ("dpm-solver++", 25)]
    )
    def test_samples_follow_the_data(
        self, prediction: Prediction, sampler: str, steps: int
    ) -> None:
        sampled = self.samples(prediction, sampler, steps)
        count = sampled.numel()
        assert float(sampled.mean()) == pytest.approx(self.MEAN, abs=4 * self.SPREAD / count**0.5)
        assert float(sampled.std()) == pytest.approx(self.SPREAD, rel=0.05)
