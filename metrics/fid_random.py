"""FID by a network that was never trained: a control beside FID."""

from longibench.metrics.fid import FID


class FIDRandom(FID, name="fid-random"):
    """FID on the embedded network before training, whatever ``metrics.extractor`` is.

    An order of methods that it gives as well is not due to what the trained network has learned.
    """

    extractor = "embedded-random:0"

    @property
    def title(self) -> str:
        """Name with the network and the seed of its weights."""
        return f"FID, untrained network [{self.instruments.title}]"
