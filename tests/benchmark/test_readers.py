"""Every reader gives what a file holds, or the named error of one line: whatever the file holds."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from longibench.benchmark.cohorts.parsing import tables
from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.grid import Grid
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import read_pairs
from longibench.benchmark.evaluation.generate import read_run
from longibench.benchmark.evaluation.predictions import find_predictions
from longibench.benchmark.evaluation.score_table import read_scores
from longibench.benchmark.preparation.store.file_digests import Digests
from longibench.benchmark.preparation.store.store import Store
from longibench.benchmark.protocol.protocol_file import read_protocol
from longibench.benchmark.protocol.recorded_metrics import read_recorded
from longibench.benchmark.protocol.splits.partitions import read_partitions
from longibench.benchmark.runs.requested import read_requested
from longibench.benchmark.runs.row_names import read_rows
from longibench.benchmark.runs.sampler_sweep import Point
from longibench.benchmark.training.checkpoints import Checkpoint, load_latest, read_final
from longibench.benchmark.training.checkpoints import save_checkpoint as save

EXAMPLES = 60
CONSOLE = Console(quiet=True)


def stored(folder: Path) -> object:
    store = Store(folder, Grid(shape=(8, 9, 10), spacing_mm=2), CONSOLE)
    (folder / "record").rename(store.volume("a", "a").with_suffix(".json"))
    return store.read("a", "a")


READERS: dict[str, Callable[[Path], object]] = {
    "protocol.json": lambda folder: read_protocol(folder),
    "run.json": lambda folder: read_run(folder),
    "trained.json": lambda folder: read_final(folder),
    "metrics.json": lambda folder: read_recorded(folder),
    "rows.json": lambda folder: read_rows(folder),
    "requested.json": lambda folder: read_requested(folder),
    "sampling_points.json": lambda folder: read_json(folder / "sampling_points.json", list[Point]),
    "sha256.json": lambda folder: Digests(folder / "sha256.json", CONSOLE).of(Path(__file__)),
    "record": stored,
    "pairs.csv": lambda folder: read_pairs(folder),
    "scores.csv": lambda folder: read_scores(folder / "scores.csv"),
    "manifest.csv": lambda folder: find_predictions(folder),
    "split.csv": lambda folder: read_partitions(folder / "split.csv"),
    "table.csv": lambda folder: tables.read_records(folder / "table.csv", "subject"),
    "table.xlsx": lambda folder: tables.read_records(folder / "table.xlsx", "subject"),
    "latest": lambda folder: Workspace(folder).find_protocol(None),
}

COLUMNS = (
    "subject,visit,generated,sample,partition,interval_years,source,target,metric,value,n,"
    "role,protocol,split,method,settings,training_seed,definition,code,title,note"
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["format", "cohort", "method", "settings", "traits", "a", "iterations"]
            )
            | some.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
CELLS = some.sampled_from(["", "1", "-1", "nan", "1e999", "9" * 30, "x", '"', "0\x00", "é", "True"])
TABLES = some.lists(some.lists(CELLS, min_size=1, max_size=22), max_size=4).map(
    lambda rows: "\n".join([COLUMNS, *(",".join(row) for row in rows)]).encode()
)
CONTENTS = JSON | TABLES | some.binary(max_size=64) | some.text(max_size=64).map(str.encode)


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None, derandomize=True, max_examples=EXAMPLES)
@given(content=CONTENTS)
def test_a_reader_reads_or_names_the_file(
    name: str, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    (folder / name).write_bytes(content)
    before = sorted(folder.iterdir())
    message = ""
    try:
        READERS[name](folder)
    except UserError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1, message
    assert len(list(folder.iterdir())) == len(before)  # nothing is written


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 600])
@pytest.mark.parametrize("name", ["index.json", "state.pt", "ema.safetensors"])
def test_a_checkpoint_that_cannot_be_read_is_not_used(
    tmp_path: Path, name: str, content: bytes
) -> None:
    step = _checkpoint(tmp_path)
    (step / name).write_bytes(content)
    assert load_latest(tmp_path, CONSOLE) is None


@settings(deadline=None, derandomize=True, max_examples=EXAMPLES)
@given(content=some.binary(max_size=200) | JSON)
def test_an_unreadable_state_with_a_matching_digest_is_not_used(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from longibench.benchmark.training import checkpoints

    folder = tmp_path_factory.mktemp("model")
    step = _checkpoint(folder)
    (step / "state.pt").write_bytes(content)
    index: dict[str, Any] = json.loads((step / "index.json").read_text())
    index["sha256"]["state.pt"] = checkpoints.file_digest(step / "state.pt")
    index.pop("own_sha256")
    (step / "index.json").write_text(json.dumps(index))
    assert load_latest(folder, CONSOLE) is None


def _checkpoint(folder: Path) -> Path:
    save(folder, Checkpoint(1, {"a": torch.zeros(2)}, {}, {"seconds": 0.0}, []))
    (step,) = folder.glob("step-*")
    return step


def test_a_broken_excel_table_is_named(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<broken")
    with pytest.raises(UserError, match=r"a\.xlsx: cannot be read as an Excel table"):
        tables.read_records(tmp_path / "a.xlsx")
