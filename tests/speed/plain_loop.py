"""The work of a diffusion method of the benchmark as a plain loop with MONAI.

As in MONAI's tutorials: its ``DiffusionModelUNet``, ``DiffusionInferer`` and ``DDPMScheduler``
in an eager float32 loop of one volume at a time, Adam, and the loss read at every step.
"""

import torch
import torch.nn.functional as F
from monai.inferers import DiffusionInferer
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDPMScheduler
from torch import Tensor, nn

from longibench.methods.blocks import IntervalMaps, fold, unfold
from longibench.methods.conditional_diffusion import ConditionalDiffusion
from longibench.methods.diffusion import DiffusionSettings
from longibench.methods.med_ddpm import MedDDPM
from longibench.methods.ours import Ours
from longibench.methods.unet import AttentionUNet, UNetSettings

SCHEDULES = {"linear": "linear_beta", "cosine": "cosine"}
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}


class EquationEleven(nn.Module):
    """The paper's network; F, H and P are computed in every call."""

    def __init__(self, method: Ours) -> None:
        super().__init__()
        folded, width = method.settings.patch**3, method.settings.width
        self.of_noisy = _like(method.of_noisy)
        self.of_source = _like(method.of_source)
        self.of_interval = IntervalMaps(width, method.settings.interval_grid)
        self.of_interval.load_state_dict(method.of_interval.state_dict())
        self.unet = monai_unet(method.settings.unet, width, folded)
        self.unet.load_state_dict(method.unet.net.state_dict())

    def forward(self, x: Tensor, timesteps: Tensor, context: tuple[Tensor, Tensor]) -> Tensor:
        """D(E(F(x) + H(S) + P(Delta), t), t), the context being S and Delta."""
        source, years = context
        interval = self.of_interval(years, x.shape[2:])
        features = self.of_noisy(x) + self.of_source(source) + interval
        output: Tensor = self.unet(features, timesteps=timesteps)
        return output


class PlainLoop:
    """A plain trainer and sampler with the weights of a method of the benchmark."""

    def __init__(self, method: ConditionalDiffusion, learning_rate: float = 1e-3) -> None:
        """Copy the method's weights; which must have ``monai_choices``."""
        diffusion = method.settings.diffusion
        self.patch = method.settings.patch
        self.net = _network(method)
        self.scheduler = _scheduler(diffusion)
        self.inferer = DiffusionInferer(self.scheduler)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=learning_rate)
        self._distance = F.l1_loss if diffusion.loss == "l1" else F.mse_loss
        self._mode = "concat" if isinstance(method, MedDDPM) else "crossattn"

    def loss(
        self, source: Tensor, target: Tensor, years: Tensor, noise: Tensor, t: Tensor
    ) -> Tensor:
        """Loss of volumes (B, 1, X, Y, Z) under folded noise at times (B,) counted from zero."""
        image = fold(target, self.patch)
        output = self.inferer(
            inputs=image,
            diffusion_model=self.net,
            noise=noise,
            timesteps=t,
            condition=self._condition(source, years),
            mode=self._mode,
        )
        return self._distance(output, self._aim(image, noise, t))

    def step(
        self, source: Tensor, target: Tensor, years: Tensor, noise: Tensor, t: Tensor
    ) -> float:
        """One optimizer step; returns its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(source, target, years, noise, t)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def generate(self, source: Tensor, years: Tensor, seed: int) -> Tensor:
        """Generate one follow-up, (1, 1, X, Y, Z), over every level of the schedule."""
        torch.manual_seed(seed)
        start = torch.randn(fold(source, self.patch).shape).to(source)
        self.scheduler.set_timesteps(self.scheduler.num_train_timesteps)
        generated = self.inferer.sample(
            input_noise=start,
            diffusion_model=self.net,
            scheduler=self.scheduler,
            conditioning=self._condition(source, years),
            mode=self._mode,
            verbose=False,
        )
        return unfold(generated, self.patch).clamp(-1, 1)

    def _condition(self, source: Tensor, years: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        folded = fold(source, self.patch)
        return folded if self._mode == "concat" else (folded, years)

    def _aim(self, image: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        prediction = self.scheduler.prediction_type
        if prediction == "v_prediction":
            return self.scheduler.get_velocity(image, noise, t)
        return noise if prediction == "epsilon" else image


def monai_choices(method: ConditionalDiffusion) -> ConditionalDiffusion:
    """Give a method MONAI's upsampling (nearest) and period of the time embedding (10000).

    Both methods have Med-DDPM's trilinear and 1000; MONAI's network has no setting for them.
    """
    monais = method.settings.unet.model_copy(
        update={"upsampling": "nearest", "time_period": 10000.0}
    )
    inputs, folded = method.unet.net.conv_in.conv.in_channels, method.settings.patch**3
    changed = AttentionUNet(monais, inputs, folded)
    changed.load_state_dict(method.unet.state_dict())
    method.unet = changed
    return method


def monai_unet(settings: UNetSettings, in_channels: int, out_channels: int) -> DiffusionModelUNet:
    """MONAI's network at the settings' size, otherwise with its defaults."""
    return DiffusionModelUNet(
        spatial_dims=3,
        in_channels=in_channels,
        out_channels=out_channels,
        num_res_blocks=settings.res_blocks,
        channels=settings.channels,
        attention_levels=settings.attention,
        norm_num_groups=settings.norm_groups,
        num_head_channels=settings.channels,
    )


def _network(method: ConditionalDiffusion) -> nn.Module:
    if isinstance(method, Ours):
        return EquationEleven(method)
    folded = method.settings.patch**3
    net = monai_unet(method.settings.unet, 2 * folded, folded)
    net.load_state_dict(method.unet.net.state_dict())
    return net


def _scheduler(settings: DiffusionSettings) -> DDPMScheduler:
    schedule = settings.schedule
    linear = {"beta_start": schedule.beta_start, "beta_end": schedule.beta_end}
    return DDPMScheduler(
        num_train_timesteps=schedule.steps,
        schedule=SCHEDULES[schedule.kind],
        prediction_type=PREDICTIONS[settings.prediction],
        clip_sample=settings.sampler.clip,
        **(linear if schedule.kind == "linear" else {}),
    )


def _like(layers: nn.Sequential) -> nn.Sequential:
    """The same convolutions in the default memory format."""
    copied = [
        nn.Conv3d(layer.in_channels, layer.out_channels, 3, padding=1)
        if isinstance(layer, nn.Conv3d)
        else nn.SiLU()
        for layer in layers
    ]
    plain = nn.Sequential(*copied)
    plain.load_state_dict(layers.state_dict())
    return plain
