"""An elderly template and its modes of change, each with a known effect on every tissue."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longibench.benchmark.cohorts.phantom.anatomy import FIELD
from longibench.benchmark.cohorts.phantom.lattice import Lattice, flow
from longibench.benchmark.cohorts.phantom.progression import (
    COARSENING,
    WHITE_TO_GREY,
    Array,
    Modes,
    curl_free,
    fluid_around,
    head_and_air,
    tilted,
)
from longibench.benchmark.cohorts.phantom.template import Template
from longibench.benchmark.cohorts.phantom.volumes import Region, Volumes

TISSUES = ("ventricles", "grey", "white", "hippocampus")
TILTS = ("left-right", "front-back")
# Of the elderly template relative to MNI152, which shows young adults.
ELDERLY = {"ventricles": 3.6, "grey": 0.9, "white": 0.95, "hippocampus": 1.65}
STAGES = 2  # of ageing: after each the modes follow the tissue, so that no part is stretched far
STEP_MM = 1.0  # of the integration
SMALL_MM = 0.5  # largest displacement by which a mode's effect is measured
SIZE = 0.88  # of a typical head, relative to the template's volume
VOLUME_OF = {
    "ventricles": "ventricle_ml",
    "grey": "grey_ml",
    "white": "white_ml",
    "hippocampus": "hippocampus_ml",
}

Maps = dict[str, Array]


@dataclass(frozen=True)
class TissueModes(Modes):
    """Modes of change whose effects are known.

    Attributes:
        response: Relative change of each of ``TISSUES`` (row) per unit of a small amount of each of
            the first four modes (column), (4, 4).
        volumes_ml: Of each of ``TISSUES`` in the template.
    """

    response: NDArray[np.float64]
    volumes_ml: dict[str, float]

    def weights(self, change: dict[str, float]) -> tuple[float, ...]:
        """Weights of the four modes for a relative change of each of ``TISSUES``."""
        wanted = [change[name] for name in TISSUES]
        return tuple(float(weight) for weight in np.linalg.solve(self.response, wanted))

    def brain_change(self, relative: float) -> dict[str, float]:
        """Change of grey and white matter for a relative change of both; white changes less."""
        grey, white = self.volumes_ml["grey"], self.volumes_ml["white"]
        of_grey = relative * (grey + white) / (grey + WHITE_TO_GREY * white)
        return {"grey": of_grey, "white": WHITE_TO_GREY * of_grey}


def age(template: Template) -> Template:
    """Make the template elderly: larger ventricles, less brain, wider sulci.

    The maps are interpolated once. Each stage is the flow of the modes of the stage before.
    """
    lattice, maps = _coarse(template)
    points = lattice.points()
    moved = torch.zeros_like(points)  # from the elderly template to MNI152
    for stage in range(STAGES):
        modes = _tissue_modes(lattice, _deformed(maps, lattice, points + moved))
        aims = {name: ELDERLY[name] * _ml(maps[name], lattice) for name in TISSUES}
        share = {n: (aims[n] / modes.volumes_ml[n]) ** (1 / (STAGES - stage)) for n in TISSUES}
        weights = modes.weights({name: amount(share[name]) for name in TISSUES})
        came = flow(lattice, modes.velocity(weights), points, -1.0, STEP_MM)
        moved = (came - points) + lattice.sample(lattice.volume(moved), came, "border")
    fine = template.lattice.points()
    return template.deformed(fine + lattice.sample(lattice.volume(moved), fine, "border"))


def amount(ratio: float) -> float:
    """How long a mode with a relative rate of 1 flows until a volume has grown by a factor.

    A stationary field expands its source at a constant flux, and contracts what lies in it at a
    constant rate.
    """
    return ratio - 1 if ratio > 1 else float(np.log(ratio))


def tissue_modes(template: Template, volumes: Volumes) -> TissueModes:
    """The modes of change of a template: one a tissue, and two that move the cortex's loss."""
    modes = _tissue_modes(*_coarse(template))
    return replace(modes, response=_measured_response(modes, volumes))


def _measured_response(modes: TissueModes, volumes: Volumes) -> NDArray[np.float64]:
    """``TissueModes.response`` in a head of typical size: maps on ``FIELD`` smooth small parts."""
    points = FIELD.points() / SIZE ** (1 / 3)
    region = volumes.region(FIELD.volume(points))
    before = _found(volumes, points, region)
    columns = []
    for velocity in modes.velocities[: len(TISSUES)]:
        small = SMALL_MM / float(velocity.abs().max())
        moved = flow(modes.lattice, velocity, points, -small, STEP_MM)
        columns.append((_found(volumes, moved, region) / before - 1) / small)
    return np.stack(columns, axis=1)


def _found(volumes: Volumes, points: Tensor, region: Region) -> NDArray[np.float64]:
    ml = volumes.ml(FIELD.volume(points), region)
    return np.array([ml[VOLUME_OF[name]] for name in TISSUES])


def _coarse(template: Template) -> tuple[Lattice, Maps]:
    return template.coarse(COARSENING, "head", *TISSUES)


def _tissue_modes(lattice: Lattice, maps: Maps) -> TissueModes:
    """Solve v = grad u, laplacian u = d for the divergence d of every mode.

    What a mode adds or removes is taken from the fluid around the brain: the skull does not move.
    """
    fluid = fluid_around(maps, lattice.spacing)
    x, y, _ = (axis.numpy() for axis in lattice.volume(lattice.points()))
    brain = maps["grey"] + maps["white"]
    divergences = [maps[name] for name in TISSUES]
    divergences += [-tilted(maps["grey"], brain, axis) for axis in (x, y)]
    divergences = [d - fluid * (d.sum() / fluid.sum()) for d in divergences]
    response = [
        [float((maps[name] * d).sum() / maps[name].sum()) for d in divergences[: len(TISSUES)]]
        for name in TISSUES
    ]
    fields = np.stack([curl_free(d, lattice.spacing) for d in divergences])
    return TissueModes(
        names=(*TISSUES, *TILTS),
        lattice=lattice,
        velocities=torch.from_numpy(fields),
        **head_and_air(maps["head"], lattice.spacing),
        response=np.array(response),
        volumes_ml={name: _ml(maps[name], lattice) for name in TISSUES},
    )


def _ml(values: Array, lattice: Lattice) -> float:
    return float(values.sum(dtype=np.float64) * lattice.spacing**3 / 1000)


def _deformed(maps: Maps, lattice: Lattice, positions: Tensor) -> Maps:
    stacked = torch.from_numpy(np.stack(list(maps.values())))
    values = lattice.volume(lattice.sample(stacked, positions, "border")).numpy()
    return dict(zip(maps, values, strict=True))
