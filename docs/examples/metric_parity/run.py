"""Compare this project's metrics with other implementations, and print one Markdown table.

In a separate environment (see requirements.txt), from the root of the checkout:

    PYTHONPATH=. python docs/examples/metric_parity/run.py --into docs/metric-parity.md

Without ``--into`` the table is only printed. Ends with 1 if a difference exceeds its bound.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from comparison import Comparison, markdown
from distances import distances
from features import features
from similarity import similarity

PARTS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "similarity": similarity,
    "distances": distances,
    "features": features,
}
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def main() -> int:
    """Run the requested parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--into", type=Path, help="a file whose table is replaced")
    arguments = parser.parse_args()
    rows = [row for part in arguments.parts or PARTS for row in PARTS[part]()]
    table = markdown(rows)
    print(table)
    if arguments.into:
        before, _, rest = arguments.into.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        arguments.into.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
