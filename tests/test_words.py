"""The project's words: docs/words.yaml lists those to avoid, and nothing uses them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "words.yaml"
CODE = ("benchmark", "methods", "metrics", "reports", "docs/examples")
SINGLE = ("cli.py", "longibench/__init__.py", "README.md", "CONTRIBUTING.md")
SUFFIXES = (".py", ".yaml", ".html")
EXCLUDED: tuple[str, ...] = ()  # folders and names that are not checked
WORD_TABLE = re.compile(r"^## Words$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)  # CONTRIBUTING's
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Entry:
    """A word to avoid, what to use instead, and its ordinary uses."""

    pattern: re.Pattern[str]
    say: str
    unless: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, pattern: str, say: str, unless: Iterable[str] = ()) -> "Entry":
        return cls(_compiled(pattern), say, tuple(map(_compiled, unless)))

    def find(self, line: str) -> str:
        """The wrong use in a line, as text or in an identifier; empty if there is none."""
        for allowed in self.unless:
            line = allowed.sub(" ", line)
        for text in (line, CAMEL.sub(" ", line.replace("_", " "))):
            if match := self.pattern.search(text):
                return match[0].strip()
        return ""


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def read_entries() -> list[Entry]:
    return [Entry.of(**entry) for entry in yaml.safe_load(LIST.read_text(encoding="utf-8"))]


def files(excluded: Iterable[str] = EXCLUDED) -> list[Path]:
    """Documentation and product code, without excluded folders and names."""
    found = [ROOT / name for name in SINGLE] + sorted((ROOT / "docs").glob("*.md"))
    for folder in CODE:
        found += sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in SUFFIXES)
    return [path for path in found if not any(_is_in(path, name) for name in excluded)]


def _is_in(path: Path, name: str) -> bool:
    if name.startswith("*"):
        return path.match(name)
    return path.is_relative_to(ROOT / name)


def findings(name: str, text: str, entries: Iterable[Entry]) -> Iterator[str]:
    """One line per wrong use: file and line, the word, what to use instead."""
    entries = list(entries)
    text = WORD_TABLE.sub(lambda section: "\n" * section[0].count("\n"), text)
    for number, line in enumerate(text.splitlines(), start=1):
        for entry in entries:
            if word := entry.find(line):
                yield f"{name}:{number}: '{word}'; use: {entry.say}"


ENTRIES = read_entries()


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_uses_a_word_to_avoid(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = list(findings(name, path.read_text(encoding="utf-8"), ENTRIES))
    assert not found, "\n" + "\n".join(found)


def test_files_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in files(excluded=())}
    assert {"README.md", "docs/training.md", "cli.py", "metrics/metric.py"} <= names
    assert {"benchmark/training/loop.py", "docs/examples/my_method.py"} <= names


def test_excluded_files_are_not_checked() -> None:
    names = {str(path.relative_to(ROOT)) for path in files(excluded=("metrics", "*.md"))}
    assert "methods/method.py" in names
    assert not {"metrics/metric.py", "README.md"} & names


@pytest.mark.parametrize(
    "line",
    [
        '    """Sample a volume and draw its figure."""',
        "    figure = draw_curves(results)",
        '    console.say("ready")',
        "        self.told = nn.Linear(8, 9)",
        "    return turn  # a rotation, looked up once",
        "    values.update(other)",
        "        pass",
        "    one forward pass per micro-batch",
        '    "training.explosion": "training.divergence_factor",',
    ],
)
def test_an_ordinary_use_is_allowed(line: str) -> None:
    assert list(findings("file.py", line, ENTRIES)) == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("# volumes are drawn in a thread", "volumes are drawn"),
        ("def draw_share(subjects):", "draw share"),
        ("class DrawSubjects:", "Draw Subjects"),
        ("told = differences(row)", "told"),
        ("def told_depth(path):", "told"),
        ('raise UserError("the file says nothing of it")', "says"),
        ("four pairs an update", "an update"),
        ("the loss explodes", "explodes"),
        ("a subject that stands twice", "stands twice"),
        ("the table lies beside it", "lies beside"),
        ("dropped, for it has no date", "for it has"),
        ("it is computed anew", "anew"),
    ],
)
def test_a_wrong_use_is_found(line: str, word: str) -> None:
    (found,) = findings("file.py", f"\n{line}\n", ENTRIES)
    assert found.startswith("file.py:2: '")
    assert word in found
    assert "; use: " in found


def test_an_ordinary_use_does_not_hide_a_wrong_one() -> None:
    entry = Entry.of(r"\bsays\b", "contain", [r"\bhe says\b"])
    assert entry.find("he says that the file says nothing") == "says"
    assert entry.find("he says nothing") == ""


def test_the_table_of_words_is_not_checked() -> None:
    text = "# Title\n## Words\n| fix | mend |\n## Style\nmend\n"
    assert [found.split(":")[1] for found in findings("page.md", text, ENTRIES)] == ["5"]


def test_every_entry_is_complete() -> None:
    assert all(entry.say for entry in ENTRIES)
    patterns = [entry.pattern.pattern for entry in ENTRIES]
    assert len(patterns) == len(set(patterns))
