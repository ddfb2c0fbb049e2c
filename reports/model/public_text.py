"""Prose without the places of this machine: paths, names of data files and mail addresses.

A path in prose has no certain end, since names contain spaces: where it is in doubt, more is cut.
"""

import re
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from longibench.benchmark.core import workspace

PATH = "PATH"
SHOWN = (".py", ".yaml", ".yml", ".pt", ".pth", ".safetensors")  # by their bare name
OWN = {its for its in vars(workspace).values() if isinstance(its, str) and "." in its}
OWN |= {"participants.tsv", "sessions.tsv", "dataset_description.json"}

UNITS = "year|month|day|s|min|h|mm|ml|voxel|volume|pair|scan|subject|iteration|step"
AMOUNTS = r"%|\d+|ms?|mm|ml|s|dB|GB|J|HU|voxels?|volumes?|pairs?|scans?|subjects?|iterations?"
HARMLESS = re.compile(  # slashes that separate no folders
    r"(?<![^\s(\[])/(?![^\s)\]])"
    rf"|(?<![\w/\\.~-])(?:{AMOUNTS})/(?:{UNITS}|\d+)(?![\w/\\.-])"
    r"|(?<![\w/\\.~-])(?:and/or|n/a|w/o?|L1/L2)(?![\w/\\.-])"
    r"|(?<![\w/\\])(?:%[A-Za-z][/ .:,T-]*){2,}"
    r"|(?<![\w/\\.~-])(?:doi:)?10\.\d{4,5}/[\w.()/-]+"
    r"|https?://(?:dx\.)?(?:doi|arxiv)\.org/\S+"
    r"|\\u[0-9a-f]{4}"
)
MASKS = {"/": "\ue000", "\\": "\ue001"}
PARTS = re.compile(r"(\n|: |; )")  # what a sentence with a path is divided at
FILE = re.compile(
    r"[^\s'\"(\[]*\.(?:nii|img|hdr|mgz|mgh|mha|mhd|nrrd|dcm|ima|csv|tsv|txt|xlsx?|ods|json|xml|html?|"
    r"log|pdf|png|jpe?g|npy|npz|zip|tar|tgz|gz|bval|bvec|mat|sh)\b(?:\.gz\b)?",
    re.IGNORECASE,
)
ABSOLUTE = re.compile(r"(?<![\w%.)\]])(?:~[\w.-]*[/\\]|/|[A-Za-z]:[/\\]|\\\\|\.{1,2}[/\\]|file:)")
OPENING = re.compile(r"(?<![^\s(])['\"]|\[")
MAIL = re.compile(r"[^\s'\"=<(]+@[^\s'\">)]+")


def public_text(text: str) -> str:
    """Prose with ``PATH`` for each path, each name of a data file and each mail address.

    Files of code, settings and weights keep their bare name.
    """
    masked = HARMLESS.sub(lambda match: _mask(match[0]), text)
    shown = "".join(_without_path(part) for part in PARTS.split(masked))
    return _unmask(MAIL.sub(PATH, shown))


def public_facts(value: Any) -> Any:
    """Nested facts of which every text is prose."""
    if isinstance(value, str):
        return public_text(value)
    if isinstance(value, Mapping):
        return {key: public_facts(item) for key, item in value.items()}
    return [public_facts(item) for item in value] if isinstance(value, list | tuple) else value


def shown_name(path: str) -> str:
    """What is shown of a path: the bare name of a file in ``SHOWN``, else ``PATH``."""
    name = PureWindowsPath(path.rstrip("'\".,)] ")).name
    return name if name.endswith(SHOWN) else PATH


def _without_path(part: str) -> str:
    """A part of a sentence, cut from where a path in it may begin to where it may end."""
    marks = [at for sign in "/\\" if (at := part.find(sign)) >= 0]
    marks += [its.start() for its in FILE.finditer(part) if its[0] not in OWN][:1]
    if not marks:
        return part
    start = _start(part, min(marks))
    quote = part[start - 1 : start]
    end = part.rfind(quote) if quote in ("'", '"') else -1
    end = end if end > start else len(part)
    cut = part[start:end]
    return f"{part[:start]}{PATH if re.search(r'[ ]', cut) else shown_name(cut)}{part[end:]}"


def _start(part: str, mark: int) -> int:
    """Where the path with a separator at ``mark`` begins: a relative one may contain spaces."""
    absolute = ABSOLUTE.search(part)
    if absolute and absolute.start() <= mark:
        return absolute.start()
    return max((its.end() for its in OPENING.finditer(part, 0, mark + 1)), default=0)


def _mask(text: str) -> str:
    for sign, mask in MASKS.items():
        text = text.replace(sign, mask)
    return text


def _unmask(text: str) -> str:
    for sign, mask in MASKS.items():
        text = text.replace(mask, sign)
    return text
