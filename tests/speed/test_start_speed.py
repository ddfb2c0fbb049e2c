"""Time until a command answers; run with ``pytest tests/speed --benchmark-only``."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "python alone": ["-c", "pass"],
    "cli.py --help": ["cli.py", "--help"],
    "import benchmark.runs.runner": ["-c", "import benchmark.runs.runner"],
    "import torch": ["-c", "import torch"],
    "import monai": ["-c", "import monai"],
}


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("name", COMMANDS)
def test_start(benchmark: BenchmarkFixture, name: str) -> None:
    command = [sys.executable, "-W", "ignore", *COMMANDS[name]]

    def start() -> None:
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    benchmark.pedantic(start, rounds=3, warmup_rounds=1)
