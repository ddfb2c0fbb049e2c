"""Reasons why a scan is not used."""


class DamagedScanError(Exception):
    """A scan that cannot be used.

    Attributes:
        kind: One of few reasons, by which failures are counted, such as ``"not 3D"``.
        detail: What was found in this scan, and how to fix it if that is known.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)  # both, so that it can be pickled
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


UNREADABLE = "cannot be read"
NOT_NOW = "cannot be read at the moment"
NO_IMAGE = "not an image of a known kind"
NOT_3D = "not 3D"
VOXEL_TYPE = "voxels of a kind that cannot be used"
NO_ORIENTATION = "no orientation in its header"
BAD_GEOMETRY = "impossible geometry in its header"
TOO_SMALL = "covers too little"
NOT_FINITE = "not finite"
CONSTANT = "constant"
NO_HEAD = "no head in it"
BRAIN = "brain extraction failed"
BIAS = "bias correction failed"
REGISTRATION = "registration failed"
DICOM = "DICOM cannot be converted"
FIRST_DAMAGED = "the subject's first scan is damaged"
# Failures that the bytes need not cause: of the disk, of the memory, of the file's name.
RETRIED = (NOT_NOW, NO_IMAGE)
ONLY_ONE = "the subject's only usable scan"
