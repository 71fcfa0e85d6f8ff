"""How long the ledger's questions take when it holds a thousand, a hundred thousand and a million deployments."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target
from tests.bench.measure import require
from tests.bench.report import Figure, Section
from tests.integration.record.big import add_deployments

TARGET = Target("fraise_1", "production")
SLOW = 0.2


def benchmark(folder: Path, quick: bool) -> Section:
    """SQLite; each question on a connection that is open, as the web interface has it."""
    figures: list[Figure] = []
    for count in (1_000, 20_000) if quick else (1_000, 100_000, 1_000_000):
        with Ledger(f"sqlite:///{folder / str(count)}/fraisier.db") as ledger:
            with ledger.transaction():
                pass  # made and migrated
            add_deployments(ledger, count)
            figures += [
                Figure(f"{count:,} deployments: {name}", "ms", _milliseconds(ask, name))
                for name, ask in _questions(ledger, count).items()
            ]
    return Section(
        "queries", "one call of each query of fraisier.record.read on SQLite, file in the page cache", figures
    )


def _questions(ledger: Ledger, count: int) -> dict[str, Callable[[], bool]]:
    """Each answers whether it found what must be there."""

    def has_history(**filters: str) -> bool:
        return len(read.history(ledger, **filters)) == 20  # type: ignore[arg-type]

    def counts_all() -> bool:
        return read.stats(ledger).total == count

    return {
        "history, newest 20": has_history,
        "history of a fraise": lambda: has_history(fraise="fraise_1"),
        "status of all 40 targets": lambda: len(read.fraise_status(ledger)) == 40,
        "status of one target": lambda: len(read.fraise_status(ledger, TARGET)) == 1,
        "stats of 7 days": lambda: 0 < read.stats(ledger, days=7).total <= count,
        "stats of everything": counts_all,
        "current_release": lambda: read.current_release(ledger, TARGET) is not None,
        "previous_good": lambda: read.previous_good(ledger, TARGET) is not None,
    }


def _milliseconds(ask: Callable[[], bool], name: str) -> list[float]:
    """Twenty times, or three when it is slow."""
    found: list[float] = []
    while len(found) < (3 if found and found[0] > SLOW * 1e3 else 20):
        started = time.perf_counter()
        is_right = ask()
        found.append((time.perf_counter() - started) * 1e3)
        require(is_right, f"{name}: a wrong answer")
    return found
