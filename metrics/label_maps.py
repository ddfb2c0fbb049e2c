"""Annual change of structures in label maps that come with the volumes, such as SynthSeg's."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from longibench.metrics.allowed import Allowed
from longibench.metrics.metric import MetricError, Scan
from longibench.metrics.tissue import Structure
from longibench.metrics.tissue_change import register

# FreeSurfer's colour table (FreeSurferColorLUT.txt), which SynthSeg and FastSurfer share. Left,
# right; the cortex also by its parcels, as in aparc+aseg.
PARCELS = (*range(1001, 1036), *range(2001, 2036))
CODES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "ventricles": (4, 43, 5, 44),  # lateral ventricles with their inferior horns
        "hippocampus": (17, 53),
        "amygdala": (18, 54),
        "thalamus": (10, 49),
        "cortex": (3, 42, *PARCELS),
        "white": (2, 41),
        "csf": (24,),
    }
)
TITLES = {"ventricles": "Lateral ventricles", "white": "White matter", "csf": "CSF"}


def label_volume(scan: Scan, structure: str) -> float:
    """Volume in ml of a structure in ``CODES``: its voxels times their size.

    Raises:
        MetricError: The scan has no label map.
    """
    if scan.labels is None:
        raise MetricError(
            f"the {'real' if scan.real else 'generated'} volume has no label map; give one of "
            "each volume, real and generated, by the same program"
        )
    count = int(np.isin(scan.labels, CODES[structure]).sum())
    return count * float(np.prod(scan.spacing_mm)) / 1000


def labelled(name: str) -> Structure:
    """A structure of the label maps, one of ``CODES``."""

    def volume(instruments: Allowed, scan: Scan) -> float:
        return label_volume(scan, name)

    title = TITLES.get(name, name.capitalize())
    codes = ", ".join(str(code) for code in CODES[name] if code not in PARCELS)
    parcels = " and the parcels" if set(PARCELS) <= set(CODES[name]) else ""
    measured_by = f"label maps, codes {codes}{parcels}"
    return Structure(
        f"{name}-labels", title, measured_by, volume, parameters={"codes": list(CODES[name])}
    )


for _name in CODES:
    register(labelled(_name))
