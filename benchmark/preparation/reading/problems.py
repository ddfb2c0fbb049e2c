"""Why a scan is not used."""


class DamagedScanError(Exception):
    """A scan that cannot be used.

    Attributes:
        kind: One of few reasons, under which failures are counted, such as ``"not 3D"``.
        detail: What was found in this scan, and what to do about it where that is known.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)  # both, so that it travels between processes
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


UNREADABLE = "cannot be read"
NOT_NOW = "cannot be read at the moment"
NO_IMAGE = "not an image of a known kind"
NOT_3D = "not 3D"
VOXEL_TYPE = "voxels of a kind that cannot be used"
NO_ORIENTATION = "its header does not say where it lies"
BAD_GEOMETRY = "its header says impossible things"
TOO_SMALL = "covers too little"
NOT_FINITE = "not finite"
CONSTANT = "constant"
NO_HEAD = "no head in it"
BRAIN = "brain extraction failed"
BIAS = "bias correction failed"
REGISTRATION = "registration failed"
DICOM = "DICOM cannot be converted"
FIRST_DAMAGED = "the subject's first scan is damaged"
# Failures that need not be the bytes' fault: of the disk, of the memory, of the file's name.
RETRIED = (NOT_NOW, NO_IMAGE)
ONLY_ONE = "the subject's only usable scan"
