"""Speed of the loader against others; run with ``pytest tests/speed --benchmark-only``.

``docs/examples/measure_loader.py`` has the loaders and measures more pairs; memory and start-up
are measured in separate processes and are in the benchmark's ``extra_info``.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "measure_loader.py"
NAMES = (".nii.gz every time", "PersistentDataset", "CacheDataset", "ours")
SUBJECTS = 2


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[SCRIPT.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[SCRIPT.stem]


@pytest.fixture(scope="module")
def folder(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    script.write_pairs(path, SUBJECTS)
    return path


@pytest.mark.filterwarnings("ignore")  # other projects' own
@pytest.mark.benchmark(group="batch of 2 pairs at 128x160x128")
@pytest.mark.parametrize("name", NAMES)
def test_loader(benchmark: BenchmarkFixture, script: ModuleType, folder: Path, name: str) -> None:
    batches = SUBJECTS * script.FOLLOW_UPS // script.BATCH
    loader = iter(script.LOADERS[name](folder))
    warm = [next(loader) for _ in range(batches)][-1]  # fills caches: MONAI's and the system's

    def batch() -> Any:
        return next(loader)

    found = benchmark.pedantic(batch, rounds=4 * batches)
    source = found["source"] if isinstance(found, dict) else found[0]
    assert source.shape == (script.BATCH, 1, *script.SHAPE)
    assert (source == -1).float().mean() > 0.5
    del warm
    cost = script.alone(name, folder, batches)
    benchmark.extra_info |= {
        "pairs": SUBJECTS * script.FOLLOW_UPS,
        "memory_mb": round(cost.memory_mb),
        "start_seconds": round(cost.start_seconds, 2),
    }
