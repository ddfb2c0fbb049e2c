"""The two parts of FID: a shift that all volumes share, and another spread between them."""

from longibench.metrics.fid import FID


class FIDMean(FID, name="fid-mean"):
    """The part of FID between the means, a shift that all volumes share, such as blur.

    The squared distance of the mean features, ``|m1 - m2|^2``.
    """

    part = "mean"

    @property
    def title(self) -> str:
        """Name with the extractor."""
        return f"FID, mean part [{self.instruments.title}]"


class FIDCovariance(FID, name="fid-covariance"):
    """The part of FID between the covariances, a wrong spread between people.

    ``Tr(S1 + S2 - 2 (S1 S2)^(1/2))``.
    """

    part = "covariance"

    @property
    def title(self) -> str:
        """Name with the extractor."""
        return f"FID, covariance part [{self.instruments.title}]"
