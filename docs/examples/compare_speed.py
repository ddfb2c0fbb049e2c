"""How much faster the engine is than a plain loop of MONAI's classes, as a Markdown table.

``python docs/examples/compare_speed.py [--rounds N] [--size demo|64|published|gpu] [--brief]
[--clock wall|cpu]``. Both do the same work with the same weights, each in a separate process
(because a process has one allocator) and alternately, so that other load on the machine affects
them equally; tests check that their results are equal. ``--brief`` leaves out the contribution of
each choice. On a busy machine ``--clock cpu`` with ``OMP_NUM_THREADS=1`` counts the CPU seconds of
the process. docs/speed.md explains the table.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "speed"))

HEADER = "| {} | {} | s per sample | times as fast as plain |\n|---|---|---|---|"
ROW = "| {} | {} | {:.3f} | {} |"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Gather = Callable[[Any], Any]


def serve(pipe: Connection, gather: Gather, case: Any, name: str, clock: str) -> None:
    """Main function of a contender's process: do the work on request, and send its duration."""
    tick = CLOCKS[clock]
    with gather(case).work(name) as work:
        while pipe.recv():
            began = tick()
            work()
            pipe.send(tick() - began)


def alternately(
    gather: Gather, case: Any, names: list[str], rounds: int, clock: str
) -> dict[str, list[float]]:
    """Seconds of every contender in every round, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        pipes = {name: stack.enter_context(started(gather, case, name, clock)) for name in names}
        for number in range(rounds + 1):
            for name, pipe in pipes.items():
                pipe.send(True)
                seconds = pipe.recv()
                if number:
                    taken[name].append(seconds)
    return taken


@contextmanager
def started(gather: Gather, case: Any, name: str, clock: str) -> Iterator[Connection]:
    """A contender's process, ended when this closes."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, gather, case, name, clock), daemon=True)
    process.start()
    there.close()
    yield here
    here.send(False)
    process.join()


def ratio(plain: list[float], other: list[float]) -> float:
    """The median over rounds of the ratio."""
    return statistics.median(p / o for p, o in zip(plain, other, strict=True))


def lines(what: str, taken: dict[str, list[float]], samples: int) -> Iterator[str]:
    """Rows of the table: the plain loop, the engine, and the engine without one choice each."""
    for name, seconds in taken.items():
        middle = statistics.median(seconds) / samples
        factor = "1" if name == "plain" else f"{ratio(taken['plain'], seconds):.2f}"
        yield ROW.format(what, name, middle, factor)


def compare(size: str, rounds: int, clock: str, brief: bool) -> None:
    """Print the table of one size."""
    from contenders import CASES, generation, training

    print(HEADER.format("work", "loop"))
    for case in CASES[size]:
        where = "x".join(map(str, case.shape))
        for what, gather in (("training step", training), ("sampling step", generation)):
            contenders = gather(case)
            names = list(contenders.works)[: 2 if brief else None]
            taken = alternately(gather, case, names, rounds, clock)
            steps = case.steps if what == "sampling step" else 1
            label = f"`{case.method}`, {where}, {what}"
            print(*lines(label, taken, contenders.samples * steps), sep="\n", flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"\n{torch.get_num_threads()} threads, {rounds} rounds, {clock} time, load {load:.1f}",
        file=sys.stderr,
    )


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", choices=["demo", "64", "published", "gpu"], default="demo")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--brief", action="store_true")
    chosen = parser.parse_args()
    if chosen.size == "gpu":
        from gpu_loops import compare_on_gpu

        compare_on_gpu(chosen.rounds)
    else:
        compare(chosen.size, chosen.rounds, chosen.clock, chosen.brief)


if __name__ == "__main__":
    main()
