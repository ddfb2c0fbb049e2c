"""Array types of the preparation."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]  # intensities (X, Y, Z)
Mask = NDArray[np.bool_]  # (X, Y, Z)
Affine = NDArray[np.float64]  # (4, 4), of homogeneous coordinates in mm
Point = NDArray[np.float64]  # (3,), world mm
Box = NDArray[np.float64]  # (2, 3): smallest and largest world coordinates, mm
