"""Upper ends of the methods' settings: what is above them is a slip, which no machine can build."""

from typing import Annotated

from pydantic import Field

MOST_CHANNELS = 8192  # feature channels of a convolution: one of 8192 x 8192 has 7 GB of weights
MOST_UNITS = 65_536  # of a fully connected layer
MOST_LEVELS = 8  # resolutions of a network: the sides of a volume are divided by 2 at each
MOST_BLOCKS = 64  # convolutions or residual blocks in a row
MOST_PATCH = 8  # sides of a cube folded into channels: 8 makes 512 channels
MOST_STEPS = 10_000  # of a noise schedule; published ones have up to 4,000
MOST_WEIGHT = 1e9  # of a loss relative to another
MOST_SIDE = 512  # of a grid of learned maps

Channels = Annotated[int, Field(ge=1, le=MOST_CHANNELS)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
