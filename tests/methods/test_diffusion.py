"""Schedules, settings and the forward process: published numbers, formulas written anew."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from longibench.methods.diffusion import DiffusionSettings, GaussianDiffusion, Prediction
from longibench.methods.noise_schedule import Schedule, ScheduleSettings
from longibench.methods.samplers import SamplerSettings

PREDICTIONS: tuple[Prediction, ...] = ("epsilon", "x0", "v", "skip")
SHAPE = (1, 1, 4, 6, 4)


def diffusion(
    prediction: Prediction = "epsilon", total: int = 50, clip: bool = False
) -> GaussianDiffusion:
    """A linear schedule that ends in nearly pure noise, whatever T."""
    schedule = ScheduleSettings(steps=total, beta_start=0.1 / total, beta_end=min(0.5, 20 / total))
    return GaussianDiffusion(
        DiffusionSettings(
            schedule=schedule,
            prediction=prediction,
            sampler=SamplerSettings(steps=total, clip=clip),
        )
    )


class TestSchedule:
    def test_linear_is_the_papers(self) -> None:
        betas = ScheduleSettings().betas()
        assert len(betas) == 1000
        assert float(betas[0]) == pytest.approx(1e-4)
        assert float(betas[-1]) == pytest.approx(0.02)
        torch.testing.assert_close(betas.diff(), torch.full_like(betas[1:], 0.0199 / 999))

    def test_cosine_is_med_ddpms(self) -> None:
        betas = ScheduleSettings(kind="cosine", steps=250).betas()
        assert float(betas[0]) == pytest.approx(1.94e-4, abs=5e-7)
        assert betas[-3:].tolist() == pytest.approx([0.5555, 0.7500, 0.999], abs=5e-5)
        assert float((1 - betas).prod()) == pytest.approx(3.9e-8, abs=5e-10)

    @pytest.mark.parametrize("kind", ["linear", "cosine"])
    def test_signal_falls_from_one_at_time_zero(self, kind: str) -> None:
        schedule = Schedule.of(ScheduleSettings.model_validate({"kind": kind, "steps": 250}))
        assert float(schedule.abar[0]) == 1
        assert len(schedule.abar) == 251
        assert (schedule.abar.diff() < 0).all()
        assert float(schedule.abar[-1]) > 0

    def test_plain_numbers_are_those_of_the_tensors(self) -> None:
        schedule = Schedule.of(ScheduleSettings())
        abar = schedule.abar.numpy()
        np.testing.assert_allclose(schedule.signal, np.sqrt(abar), rtol=1e-6)
        np.testing.assert_allclose(schedule.noise[1:], np.sqrt(1 - abar[1:]), rtol=1e-3)
        assert schedule.noise[0] == 0
        assert schedule.log_snr[0] == float("inf")
        assert schedule.log_snr[500] == pytest.approx(np.log(abar[500] / (1 - abar[500])) / 2)


class TestSettings:
    def test_only_ddim_has_an_eta(self) -> None:
        with pytest.raises(
            ValidationError, match=r"eta=0\.5 is a setting of kind=ddim, not of ddpm"
        ):
            SamplerSettings(kind="ddpm", eta=0.5)
        with pytest.raises(ValidationError, match="less than or equal to 1"):
            SamplerSettings(kind="ddim", eta=1.5)

    def test_more_steps_than_levels(self) -> None:
        with pytest.raises(ValidationError, match=r"steps=1001 exceeds schedule\.steps=1000"):
            DiffusionSettings(sampler=SamplerSettings(kind="ddim", steps=1001))

    def test_unknown_keys_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="stepz"):
            SamplerSettings.model_validate({"stepz": 3})

    def test_a_table_can_name_target_sampler_and_steps(self) -> None:
        settings = DiffusionSettings(prediction="v", sampler=SamplerSettings(kind="ddim", steps=10))
        assert settings.describe() == "predicts v, DDIM 10 of 1000 steps"
        beside = settings.model_copy(update={"prediction": "skip"})
        assert beside.describe() == "predicts x0 beside a skip of x_t, DDIM 10 of 1000 steps"
        assert DiffusionSettings().describe() == (
            "predicts epsilon, ancestral DDPM 1000 of 1000 steps"
        )
        noisy = DiffusionSettings(sampler=SamplerSettings(kind="ddim", steps=25, eta=0.5))
        assert noisy.describe() == "predicts epsilon, DDIM (eta 0.5) 25 of 1000 steps"
        fast = DiffusionSettings(sampler=SamplerSettings(kind="dpm-solver++", steps=20))
        assert fast.describe() == "predicts epsilon, DPM-Solver++ 2M 20 of 1000 steps"


class TestForward:
    def test_equation_2(self) -> None:
        process = GaussianDiffusion(DiffusionSettings())
        abar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
        x0, epsilon = torch.randn(2, 3, 1, 4, 6, 4)
        t = torch.tensor([1, 500, 1000])
        for row, time in enumerate(t.tolist()):
            a = abar[time - 1]
            expected = np.sqrt(a) * x0[row].numpy() + np.sqrt(1 - a) * epsilon[row].numpy()
            actual = process.noisy(x0, epsilon, t)[row].numpy()
            np.testing.assert_allclose(actual, expected, atol=1e-5)

    @pytest.mark.parametrize("loss", ["l1", "l2"])
    def test_loss_is_the_distance_to_the_noise(self, loss: str) -> None:
        settings = DiffusionSettings.model_validate({"loss": loss})
        epsilon, output = torch.randn(2, 2, 1, 4, 6, 4)
        actual = GaussianDiffusion(settings).loss(
            output, torch.zeros_like(epsilon), epsilon, torch.tensor([1, 9])
        )
        apart = (output - epsilon).abs()
        torch.testing.assert_close(actual, (apart if loss == "l1" else apart**2).mean())

    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_the_right_output_gives_back_image_and_noise(self, prediction: Prediction) -> None:
        process = diffusion(prediction)
        x0, epsilon = torch.randn(2, 3, 1, 4, 6, 4)
        for level in (1, 25, 40):
            t = torch.full((3,), level)
            target = process.target(x0, epsilon, t)
            found = process.estimate(target, process.noisy(x0, epsilon, t), level)
            torch.testing.assert_close(found.x0, x0, atol=2e-4, rtol=0)
            torch.testing.assert_close(found.epsilon, epsilon, atol=2e-4, rtol=0)
            assert process.loss(target, x0, epsilon, t) == 0

    @pytest.mark.parametrize("prediction", PREDICTIONS)
    def test_a_bfloat16_output_is_read_in_float32(self, prediction: Prediction) -> None:
        """As under autocast: what is computed from it must not be rounded to bfloat16."""
        process = diffusion(prediction)
        x_t, output = torch.randn(2, *SHAPE)
        found = process.estimate(output.bfloat16(), x_t, 20)
        expected = process.estimate(output.bfloat16().float(), x_t, 20)
        assert found.x0.dtype == found.epsilon.dtype == torch.float32
        assert torch.equal(found.x0, expected.x0)
        assert torch.equal(found.epsilon, expected.epsilon)

    def test_with_skip_the_estimate_is_the_mean_of_the_posterior(self) -> None:
        """Of N(m, s^2), observed with noise sigma: (x sigma^-2 + m s^-2) / (sigma^-2 + s^-2)."""
        process = diffusion("skip")
        spread, t = process.settings.image_spread, torch.tensor([20])
        abar = process.schedule.abar[20]
        x_t, mean = torch.randn(2, *SHAPE)
        sigma = ((1 - abar) / abar).sqrt()
        seen, before = sigma**-2, spread**-2
        expected = (x_t / abar.sqrt() * seen + mean * before) / (seen + before)
        torch.testing.assert_close(process.clean(mean, x_t, int(t)), expected.float())

    def test_with_skip_an_error_of_the_estimate_counts_as_karras_et_al_weigh_it(self) -> None:
        """lambda = (sigma^2 + s^2) / (sigma s)^2 on the estimate, up to the factor s^2."""
        process = diffusion("skip")
        process = GaussianDiffusion(process.settings.model_copy(update={"loss": "l2"}))
        x0, epsilon, output = torch.randn(3, *SHAPE)
        for level in (1, 20, 45):
            t = torch.tensor([level])
            sigma = process.schedule.noise[level] / process.schedule.signal[level]
            error = process.clean(output, process.noisy(x0, epsilon, t), level) - x0
            weight = (sigma**2 + process.settings.image_spread**2) / sigma**2
            expected = weight * error.square().mean()
            torch.testing.assert_close(
                process.loss(output, x0, epsilon, t), expected, rtol=1e-3, atol=1e-6
            )

    def test_v_turns_image_and_noise_by_a_right_angle(self) -> None:
        """With (cos, sin) = (sqrt(abar), sqrt(1 - abar)), v is dx_t over the angle."""
        process = diffusion("v")
        t = torch.tensor([20])
        angle = torch.acos(process.schedule.abar[20].sqrt()).float()
        x0, epsilon = torch.randn(2, *SHAPE)
        expected = -torch.sin(angle) * x0 + torch.cos(angle) * epsilon
        torch.testing.assert_close(process.target(x0, epsilon, t), expected)

    def test_clipping_bounds_the_image_and_keeps_x_t(self) -> None:
        process = diffusion(clip=True)
        x_t, output = torch.randn(2, *SHAPE)
        found = process.estimate(output, x_t, 30)
        assert found.x0.abs().max() <= 1
        again = process.noisy(found.x0, found.epsilon, torch.tensor([30]))
        torch.testing.assert_close(again, x_t)
