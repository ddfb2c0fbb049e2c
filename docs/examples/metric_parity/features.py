"""Features of our MedicalNet and of a second one, from one file in the authors' format."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from comparison import Comparison
from dilated_medicalnet import BLOCKS, DilatedMedicalNet
from monai.networks import nets
from torch import nn

from longibench.metrics.extractors import extractor
from longibench.metrics.medicalnet import STRIDED
from longibench.metrics.metric import Scan
from longibench.metrics.weight_files import load

SHAPE = (48, 56, 40)
VOLUME = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def features() -> Iterator[Comparison]:
    """The comparisons, one by one."""
    for depth in BLOCKS:
        network = _randomised(DilatedMedicalNet(depth)).eval()
        state = network.state_dict()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.pth"
            torch.save({"state_dict": {f"module.{name}": w for name, w in state.items()}}, path)
            dilated = extractor(f"file:{path}", "as-is").pooled(Scan(VOLUME[0, 0].numpy()))
            strided = _pooled(load(path, depth, STRIDED))
        monai = _pooled(_by_monai(depth, state))
        settings = f"ResNet-{depth}, d = {len(dilated)}"
        plain = "second MedicalNet, float32"
        yield _row(dilated, _pooled(network), plain, settings, 2e-6, "order of additions")
        exact = network.double()(VOLUME.double())[0].detach().numpy()
        double = "second MedicalNet, float64"
        yield _row(dilated, exact, double, settings, 2e-6, "rounding of our float32")
        label = f"{settings}, monai-strided"
        yield _row(strided, monai, "MONAI's resnet", label, 2e-6, "order of additions")
        why = "MONAI's trunk strides to 32 where the authors' dilates"
        yield _row(dilated, monai, "MONAI's resnet", f"{settings}, medicalnet", None, why)


def _pooled(network: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return network(VOLUME)[0].double().numpy()


def _by_monai(depth: int, state: dict[str, torch.Tensor]) -> nn.Module:
    build = {10: nets.resnet10, 18: nets.resnet18, 34: nets.resnet34, 50: nets.resnet50}[depth]
    network = build(
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="A" if depth in (18, 34) else "B",
        bias_downsample=depth in (18, 34),
    )
    network.load_state_dict(state)
    return network.eval()


def _row(
    ours: np.ndarray, theirs: np.ndarray, other: str, settings: str, bound: float | None, why: str
) -> Comparison:
    """Relative distance of two vectors; the values in the row are their norms."""
    difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    norms = float(np.linalg.norm(ours)), float(np.linalg.norm(theirs))
    return Comparison(
        "features (norm)", other, settings, *norms, difference, bound, "relative", why
    )


def _randomised(network: nn.Module) -> nn.Module:
    """Weights that preserve the variance, and norms unlike the identity, as after training."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.8, 1.5)
    return network
