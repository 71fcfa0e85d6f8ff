"""How things are timed: side by side, in shuffled rounds, with the CPU time of every descendant; and never unless the result was right."""

from __future__ import annotations

import math
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class WrongResult(Exception):
    """What was timed did not do its work: there is no figure."""


def require(condition: object, what: str) -> None:
    """Refuse to give a figure for work that was not done."""
    if not condition:
        raise WrongResult(what)


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and seconds of processor time of a process with all its descendants."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Done:
    """A command that ended with the expected exit code."""

    cost: Cost
    output: str


def run(argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, expect: int = 0, output: bool = True) -> Done:
    """Run a command to its end. Its output goes to a file: a reader in our process would take part in the measurement.

    Only what the command has waited for is in its CPU time; of ansible-playbook and of our guardian that is everything.
    """
    with tempfile.TemporaryFile() as file:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        text = file.read().decode(errors="replace") if output or process.returncode != expect else ""
    require(process.returncode == expect, f"{argv[0]} ended with {process.returncode}, not {expect}:\n{text[-3000:]}")
    return Done(Cost(wall, usage.ru_utime + usage.ru_stime), text)


@contextmanager
def stopwatch() -> Iterator[list[Cost]]:
    """Cost of a block in this process alone; the list holds it once the block has ended."""
    found: list[Cost] = []
    cpu, wall = time.process_time(), time.perf_counter()
    yield found
    found.append(Cost(time.perf_counter() - wall, time.process_time() - cpu))


Method = Callable[[], Cost]


@dataclass
class Rounds:
    """Costs of methods that did the same work in the same rounds: number n of each belongs together."""

    costs: Mapping[str, list[Cost]] = field(default_factory=dict)

    def wall(self, name: str) -> list[float]:
        return [cost.wall for cost in self.costs[name]]

    def cpu(self, name: str) -> list[float]:
        return [cost.cpu for cost in self.costs[name]]

    def wall_ratios(self, name: str, to: str) -> list[float]:
        return [mine / other for mine, other in zip(self.wall(name), self.wall(to), strict=True)]

    def cpu_ratios(self, name: str, to: str) -> list[float]:
        return [mine / other for mine, other in zip(self.cpu(name), self.cpu(to), strict=True)]


LEAST_ROUNDS = 3


def interleaved(
    methods: Mapping[str, Method],
    rounds: int,
    *,
    seconds: float = math.inf,
    warm_ups: int = 1,
    seed: int = 0,
    before: Callable[[], None] = lambda: None,
) -> Rounds:
    """Every method once per round, in an order that differs: whatever else the machine does then meets all of them alike.

    ``before`` is called before each round. A busy machine gets fewer rounds: none is begun after ``seconds``, from the fourth on.
    """
    order = list(methods)
    shuffle = random.Random(seed).shuffle
    found: dict[str, list[Cost]] = {name: [] for name in methods}
    started = time.perf_counter()
    for number in range(-warm_ups, rounds):
        if number >= LEAST_ROUNDS and time.perf_counter() - started > seconds:
            break
        before()
        shuffle(order)
        for name in order:
            cost = methods[name]()
            if number >= 0:
                found[name].append(cost)
    return Rounds(found)


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
