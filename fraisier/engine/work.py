"""`fraisier work`: a worker of this configuration and this ledger, from its start until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from fraisier import notify
from fraisier.engine.body import carry_out, rules_of
from fraisier.engine.carrier import carrier
from fraisier.engine.gather import Gatherer
from fraisier.engine.runners import Runners
from fraisier.engine.worker import SWEEP_SECONDS, Worker
from fraisier.errors import LedgerError

if TYPE_CHECKING:
    from fraisier.engine.source import Source
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

LOG = logging.getLogger("fraisier.engine")
SEND_SECONDS = 0.5
GATHER_SECONDS = 1.0


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
        on_end=partial(_announce, ledger, source),
        stop=stop,
    )
    if not _is_ready(ledger, stop):
        return True
    gatherer = Gatherer(ledger, source, stop)
    with (
        _every(60.0, runners.trim),
        _every(SEND_SECONDS, lambda: _send(ledger, source)),
        nullcontext() if once else _every(GATHER_SECONDS, gatherer.look),
    ):
        if once:
            _drain(worker)
        else:
            LOG.info("worker is ready: %s, %d at once", ledger.place, worker.concurrency)
            carrier(ledger).serve(worker)
        is_idle = _wind_up(worker, source.config().engine.stop_seconds)
        _send(ledger, source)
    if is_idle:
        runners.close()
    return is_idle


def _announce(ledger: Ledger, source: Source, row: Deployment) -> None:
    notify.announcer(ledger, source.config())(row)


def _send(ledger: Ledger, source: Source) -> None:
    """Tell those who want to hear of deployments; nobody waits for that."""
    try:
        notify.deliver_due(ledger, source.config())
    except LedgerError as error:
        LOG.debug("messages wait for the database: %s", error.message)
    except Exception:  # a door: what cannot be told must not end the telling
        LOG.exception("messages could not be sent")


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
    worker.knock()
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
