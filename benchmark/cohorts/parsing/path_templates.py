"""File names made from the cells of a table's row, such as ``{subject}/visit_{month:03d}.nii``."""

import os
import string
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longibench.benchmark.cohorts.parsing.study_files import MISSING_CODES
from longibench.benchmark.cohorts.parsing.tables import Row, number_of, plain, text_of
from longibench.benchmark.core.errors import UserError, unknown
from longibench.benchmark.core.found_files import why_absent

FOREIGN_VOLUMES = (
    *(".mgz", ".mgh", ".npy", ".npz", ".pt", ".pkl", ".mat", ".h5", ".mnc", ".nrrd", ".nhdr"),
    *(".mha", ".mhd", ".tif", ".tiff", ".png", ".zip"),
)
AS_NIFTI = (
    "write NIfTI (.nii.gz): nibabel.save(nibabel.Nifti1Image(array, affine), file), or "
    "mri_convert in.mgz out.nii.gz"
)

WHOLE, DECIMAL = "bdoxX", "eEfFgG%"  # format types (Python's) that need a number


def existing_name(folder: str | os.PathLike[str], name: str) -> str:
    r"""A file's name as this system writes it: ``.\\a.nii`` of Windows is ``./a.nii``.

    Args:
        folder: The folder to which it is relative.
        name: The name in a table; it is unchanged if this file exists. A letter with an accent may
            be one sign in it and two on disk, as macOS writes it, or the reverse.
    """
    if (name.isascii() and "\\" not in name) or not why_absent(os.path.join(folder, name)):
        return name
    plain_name = name.replace("\\", "/")
    spellings = [plain_name, *(unicodedata.normalize(form, plain_name) for form in ("NFC", "NFD"))]
    found = (one for one in spellings if not why_absent(os.path.join(folder, one)))
    return next(found, plain_name)


@dataclass(frozen=True)
class Part:
    """Text, and the column that follows it (empty at the end) with its format."""

    text: str
    column: str
    spec: str


class PathTemplate:
    """A template with columns in braces, each with an optional format such as ``:03d``."""

    def __init__(
        self, template: str, columns: Sequence[str], aliases: Mapping[str, str], key: str
    ) -> None:
        """Check a template.

        Args:
            template: The template.
            columns: The table's columns in the plain spelling.
            aliases: Additional names, and the columns that they refer to.
            key: Name of the setting, for errors.

        Raises:
            UserError: A placeholder that is no column, or an invalid format.
        """
        self.template, self._key = template, key
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise UserError(f"{key}={template}: {error}") from error
        self._parts = []
        for text, name, spec, conversion in parsed:
            column = plain(name or "")
            column = column if column in columns else aliases.get(column, column)
            if name is not None and (conversion or column not in columns):
                raise unknown(f"placeholder in {key}={template}:", name, [*columns, *aliases])
            self._parts.append(Part(text, column, spec or ""))
            self._check(self._parts[-1])

    @property
    def columns(self) -> set[str]:
        """The columns in braces."""
        return {part.column for part in self._parts if part.column}

    def fill(self, row: Row) -> str | None:
        """The name for a row; None if one of its cells is empty, -1 or -4.

        Raises:
            UserError: A cell that its format does not fit.
        """
        name = ""
        for part in self._parts:
            cell = text_of(row.get(part.column), MISSING_CODES) if part.column else ""
            if cell is None:
                return None
            name += part.text + (self._format(part, cell, row.where) if part.column else "")
        return name

    def _check(self, part: Part) -> None:
        try:
            format(1 if part.spec[-1:] in WHOLE + DECIMAL and part.spec else "a", part.spec)
        except ValueError as error:
            raise UserError(
                f"{self._key}={self.template}: '{part.spec}' is no format for {part.column}; "
                "write :03d for a whole number with leading zeros"
            ) from error

    def _format(self, part: Part, cell: str, where: str) -> str:
        kind = part.spec[-1:]
        if not kind or kind not in WHOLE + DECIMAL:
            return format(cell, part.spec)
        value = number_of(cell)
        if value is None or (kind in WHOLE and value != int(value)):
            raise UserError(
                f"{where}, column {part.column}: '{cell}' does not fit :{part.spec} of "
                f"{self._key}={self.template}"
            )
        return format(int(value) if kind in WHOLE else value, part.spec)
