"""The scores that README and pages quote, kept in the repository: ``docs/scores``.

``python docs/examples/kept_scores.py PROTOCOL_FOLDER demo`` keeps those of a finished run. What
tables are made of is kept, no volume and no model; the score table is compressed.
"""

import json
import lzma
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longibench.benchmark.core.checked_files import read_json
from longibench.benchmark.core.workspace import DIAGNOSTICS, POINTS, PROVENANCE, RUN, SCORES
from longibench.reports.model.public_provenance import public_provenance
from longibench.reports.model.results import Results, read_results

KEPT = Path(__file__).parents[1] / "scores"
CELLS = (f"predictions/*/{RUN}", f"predictions/*/{DIAGNOSTICS}")
FILES = ("protocol.json", "metrics.json", "rows.json", "pairs.csv", POINTS, *CELLS)
COMPRESSED = f"{SCORES}.xz"


def keep(folder: Path, kept: Path) -> None:
    """Replace the kept scores by those of a protocol's folder, without paths of the machine."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    provenance = public_provenance(read_json(folder / PROVENANCE, dict[str, Any]))
    (kept / PROVENANCE).write_text(f"{json.dumps(provenance, indent=2)}\n", encoding="utf-8")
    (kept / COMPRESSED).write_bytes(lzma.compress((folder / SCORES).read_bytes(), preset=9))
    for file in (file for pattern in FILES for file in folder.glob(pattern)):
        place = kept / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


@contextmanager
def opened(kept: Path) -> Iterator[Results]:
    """The kept scores as the report reads a finished run."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / kept.name
        shutil.copytree(kept, folder)
        (folder / SCORES).write_bytes(lzma.decompress((kept / COMPRESSED).read_bytes()))
        yield read_results(folder)


def main() -> None:
    """Keep the scores of a protocol's folder under a name."""
    keep(Path(sys.argv[1]), KEPT / sys.argv[2])


if __name__ == "__main__":
    main()
