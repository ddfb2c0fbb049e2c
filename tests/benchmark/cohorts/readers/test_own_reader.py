"""The example of docs/cohorts.md is the file that works."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort, recognise
from longibench.benchmark.cohorts.reader import Reader

DOCS = Path(__file__).parents[4] / "docs"
EXAMPLE = DOCS / "examples" / "my_reader.py"


@pytest.fixture
def dated(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Reader]]:
    monkeypatch.setattr(Reader, "registry", dict(Reader.registry))
    spec = importlib.util.spec_from_file_location("my_reader", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Dated


def test_the_page_shows_the_file() -> None:
    assert EXAMPLE.read_text() in (DOCS / "cohorts.md").read_text()


def test_it_reads_the_same_study_as_bids(
    dated: type[Reader],
    study: tuple,
    write_image: Callable[[Path, int], Path],
    same_as_bids: Callable,
    tmp_path: Path,
) -> None:
    for person in study:
        for number, day in enumerate(person.dates()):
            write_image(tmp_path / f"p{person.number}" / f"{day.isoformat()}.nii.gz", number)
    write_image(tmp_path / "p4711" / "average.nii.gz", 9)
    cohort = read_cohort(dated, tmp_path, "dated")
    same_as_bids(cohort, lambda person: f"p{person.number}")
    assert cohort.left_out["reason"].tolist() == ["its name is no date"]
    assert recognise(tmp_path)[0].name == "dated"
