"""What is timed together: the plain loop, the engine, and the engine without one choice each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from engine_loop import Case, EngineLoop, noise_of
from plain_loop import PlainLoop
from torch import Tensor

from longibench.benchmark.core.malloc import memory_kept
from longibench.benchmark.settings.schema import DeviceSettings
from longibench.methods.ours import Ours

Work = Callable[[], Any]
Build = Callable[[], Work]

DEMO, MIDDLE, PUBLISHED, PAPER = (32, 40, 32), (64, 80, 64), (32, 48, 32), (128, 160, 128)
METHODS = ("ours", "med-ddpm")
CASES: dict[str, list[Case]] = {
    "demo": [Case(name, "demo", DEMO) for name in METHODS],
    "64": [Case(name, "demo", MIDDLE, 2, 2, steps=2) for name in METHODS],
    "published": [Case("med-ddpm", "paper", PUBLISHED, 2, 2, steps=2, prediction="epsilon")],
}

HOISTING = "less hoisting of H(S)"
PLAIN, LESS_MEMORY = "plain", "less kept memory"

DEFAULT_FORMAT = DeviceSettings(channels_last=False)
NOT_FUSED = DeviceSettings(fused=False)


class Rehoisted(Ours):
    """``ours`` with H(S) + P(Delta) computed at every step, as the equation is written."""

    def condition(self, source: Tensor, interval_years: Tensor) -> Any:
        """Pass the inputs on."""
        return source, interval_years

    def denoise(self, x_t: Tensor, t: Tensor, condition: Any) -> Tensor:
        """Condition and network."""
        return super().denoise(x_t, t, super().condition(*condition))


@dataclass
class Contenders:
    """Implementations of the same work for the same number of volumes.

    Attributes:
        samples: Number of pairs or volumes that each of them handles.
        works: Builds each, by name; the first is the plain loop, the second the engine.
    """

    samples: int
    works: dict[str, Build] = field(default_factory=dict)

    @contextmanager
    def work(self, name: str) -> Iterator[Work]:
        """A contender, ready to run, with its setting of the allocator."""
        with memory_kept(name not in (PLAIN, LESS_MEMORY)):
            yield self.works[name]()


def training(case: Case) -> Contenders:
    """Optimizer steps on the same pairs: one by one in the plain loop, a batch in the engine."""
    count = case.train_batch
    volumes, seeds = case.volumes(count), torch.arange(count)
    rows = [slice(row, row + 1) for row in range(count)]

    def plainly() -> Work:
        loop = PlainLoop(case.build())
        noise, t = noise_of(case.build(), volumes[0], seeds)
        return lambda: [loop.step(*(v[r] for v in volumes), noise[r], t[r]) for r in rows]

    def engine(**choices: Any) -> Work:
        loop = EngineLoop(case.build(), **choices)
        return lambda: loop.step(volumes, seeds)

    def one_by_one(**choices: Any) -> Work:
        loop = EngineLoop(case.build(), **choices)
        return lambda: [loop.step(tuple(v[row] for v in volumes), seeds[row]) for row in rows]

    return Contenders(
        count,
        {
            PLAIN: plainly,
            "ours": engine,
            "less channels_last": partial(engine, settings=DEFAULT_FORMAT),
            LESS_MEMORY: engine,
            "less the fused optimizer": partial(engine, settings=NOT_FUSED),
            "less batching": one_by_one,
            "less batching, fast convolutions": partial(one_by_one, fast=False),
        },
    )


def generation(case: Case) -> Contenders:
    """Follow-ups of the same sources, over every level of a short schedule."""
    count = case.generate_batch
    source, _, years = case.volumes(count)
    seeds = torch.arange(count)
    rows = [slice(row, row + 1) for row in range(count)]

    def plainly() -> Work:
        loop = PlainLoop(case.build())
        return lambda: [loop.generate(source[r], years[r], int(seeds[r])) for r in rows]

    def engine(build: Callable[[], Any] = case.build, **choices: Any) -> Work:
        loop = EngineLoop(build(), **choices)
        return lambda: loop.generate(source, years, seeds)

    def one_by_one(**choices: Any) -> Work:
        loop = EngineLoop(case.build(), **choices)
        return lambda: [loop.generate(source[row], years[row], seeds[row]) for row in rows]

    works = {
        PLAIN: plainly,
        "ours": engine,
        "less channels_last": partial(engine, settings=DEFAULT_FORMAT),
        LESS_MEMORY: engine,
        "less batching": one_by_one,
        "less batching, fast convolutions": partial(one_by_one, fast=False),
    }
    if case.method == "ours":
        works[HOISTING] = partial(engine, lambda: rehoisted(case))
    return Contenders(count, works)


def rehoisted(case: Case) -> Rehoisted:
    """The case's method without hoisting, the same weights."""
    built = case.build()
    method = Rehoisted(built.settings, built.shape)  # type: ignore[arg-type]  # of ``ours`` alone
    method.load_state_dict(built.state_dict())
    return method
