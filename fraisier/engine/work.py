"""`fraisier work`: a worker of this configuration and this ledger, from its start until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fraisier.engine.body import carry_out, rules_of
from fraisier.engine.carrier import carrier
from fraisier.engine.runners import Runners
from fraisier.engine.worker import SWEEP_SECONDS, Worker
from fraisier.errors import LedgerError

if TYPE_CHECKING:
    from fraisier.engine.source import Source
    from fraisier.record.ledger import Ledger

LOG = logging.getLogger("fraisier.engine")


def work(
    ledger: Ledger, source: Source, stop: threading.Event, *, concurrency: int | None = None, once: bool = False
) -> bool:
    """Carry out what is asked for until ``stop`` is set, or, with ``once``, until nothing waits any more.

    True when everything that was begun has ended. False when something still ran after ``engine.stop_seconds``: the process must then
    end without waiting, and with it what it runs; the next worker goes on with that. Raises LedgerError for a database that cannot be
    used; one that is away is waited for.
    """
    runners = Runners()
    worker = Worker(
        ledger,
        lambda row: carry_out(ledger, source.config(), runners, row),
        concurrency=concurrency or source.config().engine.concurrency,
        rules=lambda: rules_of(ledger, source.config()),
        stop=stop,
    )
    if not _is_ready(ledger, stop):
        return True
    with _every(60.0, runners.trim):
        if once:
            _drain(worker)
        else:
            LOG.info("worker is ready: %s, %d at once", ledger.place, worker.concurrency)
            carrier(ledger).serve(worker)
        is_idle = _wind_up(worker, source.config().engine.stop_seconds)
    if is_idle:
        runners.close()
    return is_idle


def _is_ready(ledger: Ledger, stop: threading.Event) -> bool:
    """Wait for a database that is away at the start; False when we are to stop before that."""
    is_told = False
    while not stop.is_set():
        try:
            with ledger.transaction(durable=False):
                return True
        except LedgerError as error:
            if not error.retriable:
                raise
            if not is_told:
                LOG.warning("waiting for the database: %s", error.message)
                is_told = True
        stop.wait(SWEEP_SECONDS)
    return False


def _drain(worker: Worker) -> None:
    """Carry out what is due now and what becomes due by that."""
    while not worker.stop.is_set():
        worker.sweep()
        found = worker.due()
        for each in found:
            worker.start(each.target)
        if not found and worker.wait(0):
            return
        worker.stop.wait(0.1)


def _wind_up(worker: Worker, stop_seconds: float) -> bool:
    if rows := worker.running():
        LOG.info("no new work; waiting up to %g s for %s", stop_seconds, ", ".join(str(row.target) for row in rows))
    if worker.wait(stop_seconds):
        return True
    for row in worker.running():
        LOG.warning("%s: deployment %s is left to the next worker", row.target, row.id[:8])
    return False


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` again and again beside what is done inside."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, name=getattr(act, "__name__", "every"), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
