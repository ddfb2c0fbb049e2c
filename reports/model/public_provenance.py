"""Settings and command without what is private: paths, accounts, mail addresses, lines of shell."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PureWindowsPath
from typing import Any

import yaml

from longibench.benchmark.cohorts.open_cohort import SIMULATED
from longibench.benchmark.core.text import is_number
from longibench.reports.model.public_text import PATH, public_facts, public_text, shown_name

COHORTS = ("cohort", "test_cohort")
PATHS = ("split.test", "root", "bids")  # a single word may be a path here
LEFT_OUT = "slurm"  # the section with accounts, mail addresses and lines of shell

PROGRAMS = ("cli.py", "longibench")
COMMANDS = ("run", "curve", "evaluate", "report", "cohort", "prepare", "phantom")
FLAGS = ("--dry-run", "--quiet", "--some", "--as-is", "--strict", "--json", "--ids")
OF_COHORT = ("--cohort", "--test-cohort", "--against")
SHOWN = (
    *("--methods", "--preset", "--pairs", "--seed", "--seeds", "--folds", "--launcher", "--label"),
    *("--devices", "--num-nodes", "--plugin", "--samplers", "--steps", "--name", "--grid"),
    *("--range", "--part", "--metrics", "--weights", "--workers", "--subjects", "--spacing"),
)
SET = "--set"
KEY = re.compile(r"[\w.-]+")


def public_provenance(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of ``provenance.json`` that may leave the machine.

    A cohort is shown as ``READER:PATH``; its digest is in ``protocol.json``.
    """
    public: dict[str, Any] = public_facts(facts)
    if "settings" in facts:
        public["settings"] = public_settings(facts["settings"])
    if "command" in facts:
        public["command"] = public_command(str(facts["command"]))
    return public


def public_settings(value: Any, key: str = "") -> Any:
    """Settings with ``PATH`` for each path; without the section ``slurm``.

    Args:
        value: All settings, or those below ``key``.
        key: Full key, such as ``split.test``.
    """
    if isinstance(value, Mapping):
        return {
            public_text(name): public_settings(item, f"{key}.{name}".lstrip("."))
            for name, item in value.items()
            if f"{key}.{name}" != f".{LEFT_OUT}"
        }
    if isinstance(value, list | tuple):
        return [public_settings(item, key) for item in value]
    return _public_value(value, key) if isinstance(value, str) else value


def public_command(command: str) -> str:
    """A command line with the values of known options only; ``PATH`` for everything else.

    Args:
        command: As recorded. Those of earlier versions are not quoted: of a path with spaces the
            rest is then a word that belongs to no option, which is not shown.
    """
    words = _words(command)
    at = next((number for number, word in enumerate(words) if word in COMMANDS), 0)
    if not at:
        return PATH
    program = PureWindowsPath(words[at - 1]).name
    shown = [program if program in PROGRAMS else PATH, words[at]]
    for word in _shown(words[at + 1 :]):
        if word != PATH or not shown[-1].endswith(PATH):  # the pieces of a path are one path
            shown.append(word)
    return shlex.join(shown)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # not quoted, with a quote in a path
        return command.split()


def _shown(words: list[str]) -> Iterator[str]:
    """The arguments after the command; ``--option=value`` stays one word."""
    rest = iter(words)
    for word in rest:
        option, glued, value = word.partition("=")
        if word in FLAGS:
            yield word
        elif option == "--workspace" or option in (*OF_COHORT, *SHOWN, SET):
            value = _of_option(option, value if glued else next(rest, ""))
            yield from [f"{option}={value}"] if glued else [option, value]
        else:
            yield PATH


def _of_option(option: str, value: str) -> str:
    if option in OF_COHORT:
        return _public_value(value, COHORTS[0])
    if option == SET:
        return _override(value)
    return _public_value(value, "") if option in SHOWN else PATH


def _override(text: str) -> str:
    """``KEY=VALUE``, with ``PATH`` for a value of which any part is not shown."""
    key, separator, value = text.partition("=")
    if not separator or not KEY.fullmatch(key):
        return PATH
    if key.partition(".")[0] == LEFT_OUT:
        return f"{key}={PATH}"
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = value
    public = public_settings(parsed, key)
    if public == parsed and public_text(value) == value:
        return text
    return f"{key}={public if isinstance(public, str) else PATH}"


def _public_value(text: str, key: str) -> str:
    """One value: as it is if it is no path."""
    if key in COHORTS:
        if text in SIMULATED:
            return text
        reader, separator, _ = text.partition(":")
        named = separator and re.fullmatch(r"[\w-]{2,}", reader)
        return f"{reader}:{PATH}" if named else PATH
    own = key.rpartition(".")[2]
    known = key in PATHS or own in PATHS
    if known and text and not is_number(text):
        return shown_name(text)
    return text if public_text(text) == text else shown_name(text)
