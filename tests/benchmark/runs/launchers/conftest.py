"""Three small methods that log what they do, and that can be set to die or to fail."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from longibench.benchmark.evaluation.score_table import read_scores

MANY = '''
"""Three methods of a few weights, which log what they do in the file 'log' next to this one.

The file 'do' there has METHOD ACTION PID: 'nan', always, or a signal at the eighth step, once;
the process PID, which times a step of each before the work begins, is exempt.
"""

import os
import signal
from collections import Counter
from pathlib import Path

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from methods.method import Method, MethodSettings

HERE = Path(__file__).parent
CALLS: Counter[str] = Counter()


def happen(name: str, what: str) -> float:
    CALLS[name] += what == "step"
    with (HERE / "log").open("a") as log:
        log.write(f"{name} {what} {os.getpid()}\\n")
    method, action, exempt = (HERE / "do").read_text().split()
    if what == "generate" or method != name or int(exempt) == os.getpid():
        return 1.0
    if action == "nan":
        return float("nan")
    if CALLS[name] >= 8:
        (HERE / "do").write_text("nobody nothing 0")
        os.kill(os.getpid(), getattr(signal, action))
    return 1.0


class Small(Method):
    summary = "one convolution"

    def __init__(self, settings: MethodSettings, shape: tuple[int, int, int]) -> None:
        super().__init__(settings, shape)
        self.layer = nn.Conv3d(1, 1, 3, padding=1)

    def training_loss(self, source: Tensor, target: Tensor, interval_years: Tensor) -> Tensor:
        # the cost of a step is traced on fake tensors: that is no step
        factor = 1.0 if isinstance(source, FakeTensor) else happen(self.name, "step")
        return (self.layer(source) - target).square().mean() * factor

    def generate(self, source: Tensor, interval_years: Tensor, seeds: Tensor) -> Tensor:
        happen(self.name, "generate")
        return (source + 0.01 * self.layer(source)).clamp(-1, 1)


class One(Small, name="one"):
    pass


class Two(Small, name="two"):
    pass


class Three(Small, name="three"):
    pass
'''

NAMES = ("one", "two", "three")


@dataclass(frozen=True)
class Many:
    """The three methods: their file, how they fail, and what they did."""

    file: Path

    def do(self, what: str) -> None:
        """Set how they fail, and clear their log."""
        (self.file.parent / "do").write_text(f"{what} {os.getpid()}")
        (self.file.parent / "log").write_text("")

    def did(self) -> list[tuple[str, str, int]]:
        """Method, ``step`` or ``generate``, and the process, in the order of time."""
        lines = (self.file.parent / "log").read_text().splitlines()
        return [(name, what, int(pid)) for name, what, pid in map(str.split, lines)]


@pytest.fixture(scope="session")
def many_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of the three methods."""
    path = tmp_path_factory.mktemp("plugin") / "many.py"
    path.write_text(MANY)
    yield path
    from longibench.benchmark.settings.plugins import plugin_name
    from longibench.methods.method import REGISTRY

    for name in NAMES:
        REGISTRY.pop(name, None)
    sys.modules.pop(plugin_name(path), None)


@pytest.fixture
def many(many_file: Path) -> Many:
    """The three methods, without failures."""
    many = Many(many_file)
    many.do("nobody nothing")
    return many


@pytest.fixture
def read_sorted() -> Callable[[Path], pd.DataFrame]:
    """Read a score table in a fixed order."""

    def read(table: Path) -> pd.DataFrame:
        scores = read_scores(table)
        return scores.sort_values(list(scores.columns)).reset_index(drop=True)

    return read
