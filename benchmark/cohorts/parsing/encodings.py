"""From the bytes of a table to its text: encodings, and formats that are no text tables."""

import codecs
import gzip
import re
import unicodedata
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from longibench.benchmark.core.errors import UserError

AS_CSV = "save it as CSV (UTF-8)"
FALLBACK = "cp1252"  # of Windows, with all of Latin-1's letters
BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
WIDE: dict[
    tuple[bool, ...], str
] = {  # where the zero bytes of plain letters are, of four: encodings without a BOM
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
MOST_CONTROL = 0.05  # of the first characters; more is binary content
PACKED = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")  # workbooks, gzip: read as a whole
EXCEL = "an Excel workbook"
MAGIC = (
    (PACKED[1], EXCEL),
    (b"$FL", "SPSS data"),
    (b"<stata_dta>", "Stata data"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "a Feather file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
)
MARKUP = re.compile(r"\s*<(?:!doctype|!--|html|table|meta|\?xml|style|div)", re.IGNORECASE)
JSON = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{])')
FOREIGN = {  # by the file's ending, whatever its content
    ".ods": "an OpenDocument sheet",
    ".numbers": "a Numbers document",
    ".sav": "SPSS data",
    ".dta": "Stata data",
    ".sas7bdat": "SAS data",
    ".parquet": "a Parquet file",
    ".feather": "a Feather file",
    ".rds": "R data",
    ".rdata": "R data",
    ".json": "JSON",
    ".pdf": "a PDF document",
    ".docx": "a Word document",
}
DOCUMENTS = (".json", ".pdf", ".docx")  # often beside data, and no tables
FOREIGN_TABLES = tuple(ending for ending in FOREIGN if ending not in DOCUMENTS)


def foreign(path: Path, what: str) -> UserError:
    """The error for a file in a format that is not read, with the remedy."""
    return UserError(f"{path}: cannot be read as a table: it is {what}; {AS_CSV}")


def is_workbook(path: Path, content: bytes) -> bool:
    """Whether bytes are an Excel workbook, whatever the file's name.

    Raises:
        UserError: It is another format that is not read.
    """
    if path.suffix.lower() in FOREIGN:
        raise foreign(path, FOREIGN[path.suffix.lower()])
    if content.startswith(PACKED[0]):
        return _is_excel(path, content)
    for magic, what in MAGIC:
        if content.startswith(magic):
            if what == EXCEL:
                return True
            raise foreign(path, what)
    return False


def unpacked(path: Path, content: bytes) -> bytes:
    """The bytes of a table that gzip may have compressed.

    Raises:
        UserError: The compressed data are damaged.
    """
    if not content.startswith(PACKED[2]):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read as a table: gunzip fails: {error}") from error


def decoded(path: Path, content: bytes, whole: bool = True) -> tuple[str, str]:
    """The text of a table.

    Args:
        path: The file, for errors.
        content: Its bytes.
        whole: False if they are only the file's beginning.

    Returns:
        The text without byte order mark, each letter in one spelling (NFC); and the encoding: that
        of the byte order mark, UTF-16 or UTF-32 if letters have zero bytes, else UTF-8, else
        Windows' cp1252.

    Raises:
        UserError: No text, or none in these encodings: no byte is dropped or replaced.
    """
    marked = next((name for mark, name in BOMS if content.startswith(mark)), None)
    first = marked or _wide(content) or "utf-8"
    for encoding in (first, *((FALLBACK,) if first == "utf-8" else ())):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(content, whole)
        except UnicodeDecodeError as error:
            where = content.count(b"\n", 0, error.start) + 1
            continue
        text = text.rstrip("\x1a")  # the end of a file in DOS
        _refuse_other_text(path, text)
        return unicodedata.normalize("NFC", text), encoding
    raise UserError(
        f"{path}: cannot be read as a table: line {where} is not text in {first}; {AS_CSV}"
    )


def _refuse_other_text(path: Path, text: str) -> None:
    """Refuse binary content, HTML and JSON."""
    beginning = text[:4096]
    if "\0" in text or len(CONTROL.findall(beginning)) > MOST_CONTROL * len(beginning):
        raise foreign(path, "binary, or damaged: it contains control characters")
    if MARKUP.match(beginning):
        raise foreign(path, "HTML or XML, whatever its name")
    if JSON.match(beginning):
        raise foreign(path, "JSON")


def _wide(content: bytes) -> str | None:
    """The encoding of text whose letters have zero bytes."""
    sample = content[:4096]
    if b"\0" not in sample:
        return None
    quarters = [sample[place::4] for place in range(4)]
    zeros = tuple(part.count(0) > len(part) / 2 for part in quarters)
    return WIDE.get(zeros)


def _is_excel(path: Path, content: bytes) -> bool:
    try:
        names = zipfile.ZipFile(BytesIO(content)).namelist()
    except (zipfile.BadZipFile, ValueError):
        return True  # a damaged one, which Excel's reader names
    known = {"content.xml": FOREIGN[".ods"], "word/document.xml": FOREIGN[".docx"]}
    if "[Content_Types].xml" in names and "word/document.xml" not in names:
        return True
    numbers = any(name.startswith("Index/") for name in names)
    default = FOREIGN[".numbers"] if numbers else "a ZIP archive"
    raise foreign(path, next((known[name] for name in names if name in known), default))
