"""The carrier on PostgreSQL: Procrastinate. One doorbell per target, written in the transaction that asks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from psycopg import OperationalError

from fraisier.errors import LedgerError
from fraisier.record import queue
from fraisier.record.holding import LEASE_SECONDS
from fraisier.vocabulary import Target

if TYPE_CHECKING:
    from fraisier.engine.worker import Worker
    from fraisier.record.ledger import Ledger, Session

LOG = logging.getLogger("fraisier.engine")
TASK = "fraisier:look"
LOOK_SECONDS = 0.2
SWEEP_SECONDS = 1.0
GOODBYE_SECONDS = 5.0
PATIENCE_SECONDS = 3600.0
"""So long Procrastinate's own connections wait for PostgreSQL before they say that it is away."""
OPTIONS: Mapping[str, Any] = {
    "fetch_job_polling_interval": 1.0,
    "update_heartbeat_interval": LEASE_SECONDS / 5,
    "stalled_worker_timeout": LEASE_SECONDS,
    "shutdown_graceful_timeout": 0.001,  # the worker itself waits for what it carries out
    "delete_jobs": "always",
    "install_signal_handlers": False,
}


class Procrastinate:
    """Rings by a job whose lock and queueing lock are the target: at most one queued and one running per target, in any worker."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ring(self, session: Session, waiting: Mapping[Target, int]) -> None:
        """A target that has a doorbell needs no second one: whoever answers it waits for our lock on the target, then reads our row."""
        locks = {target.slug: target for target in waiting}
        queued = session.execute(_QUEUED, locks=list(locks))
        silent = set(locks) - {row["queueing_lock"] for row in queued}
        for lock in sorted(silent):
            _defer(session, locks[lock], waiting[locks[lock]])

    def is_served(self) -> bool:
        return bool(self._ledger.query(_SERVED, seconds=LEASE_SECONDS))

    def serve(self, worker: Worker) -> None:
        sweeper = threading.Thread(target=self._sweep, args=(worker,), name="sweep", daemon=True)
        sweeper.start()
        asyncio.run(self._listen(worker))
        sweeper.join()

    def _sweep(self, worker: Worker) -> None:
        """Every second: free the doorbells of workers that are gone, whose locks would keep everybody else from their targets, and ring
        for whatever may begin and is not heard."""
        while not worker.stop.is_set():
            worker.sweep()
            try:
                with self._ledger.transaction() as session:
                    session.lock("fraisier doorbells")
                    stuck = [row.target.slug for row in queue.cut_off(self._ledger)]
                    session.execute(_FREE, task=TASK, seconds=LEASE_SECONDS, locks=stuck)
                    self.ring(session, {each.target: each.priority for each in worker.due()})
            except LedgerError as error:
                LOG.debug("doorbells: %s", error.message)  # the worker itself has said that it waits for the database
            worker.stop.wait(SWEEP_SECONDS)

    async def _listen(self, worker: Worker) -> None:
        """Procrastinate's worker gives up when PostgreSQL is away for long: it is begun again, while our threads work on."""
        while not worker.stop.is_set():
            listening = asyncio.create_task(self._answer(worker))
            while not worker.stop.is_set() and not listening.done():
                await asyncio.wait([listening], timeout=LOOK_SECONDS)
            listening.cancel()
            await asyncio.wait([listening], timeout=GOODBYE_SECONDS)
            if listening.done() and not listening.cancelled() and (error := listening.exception()):
                LOG.warning("doorbells are not heard for a moment: %s", error)
                await asyncio.sleep(LOOK_SECONDS)

    async def _answer(self, worker: Worker) -> None:
        app = App(connector=self._connector())

        @app.task(name=TASK)
        async def look(fraise: str, environment: str, job: str) -> None:
            await _look(worker, Target(fraise, environment, job))

        async with app.open_async():
            await app.run_worker_async(**OPTIONS, concurrency=worker.concurrency)

    def _connector(self) -> PsycopgConnector:
        return Persistent(
            conninfo=self._ledger.place.reveal(),
            kwargs={"application_name": "fraisier worker"},
            min_size=1,
            max_size=4,
            timeout=PATIENCE_SECONDS,
            reconnect_timeout=PATIENCE_SECONDS,
        )


class Persistent(PsycopgConnector):
    """Says again what PostgreSQL has not heard, as it was away, until it is said or nobody waits for it.

    A doorbell whose end was not written would keep its target's lock for as long as this worker lives.
    """

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        while True:
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                if not isinstance(error.__cause__, OperationalError):
                    raise
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return


async def _look(worker: Worker, target: Target) -> None:
    """Answer a doorbell; the job, and its lock on the target, last as long as what it has led to."""
    while (future := worker.start(target)) is None:
        if worker.stop.is_set() or target in worker.busy():
            return
        await asyncio.sleep(LOOK_SECONDS)  # a thread of an earlier connection is still at work
    await asyncio.shield(asyncio.wrap_future(future))


@cache
def ringing() -> App:
    """The application for those who ring: never opened, its jobs go over the connection of whoever asks."""
    return App(connector=PsycopgConnector())


def _defer(session: Session, target: Target, priority: int) -> None:
    job = ringing().configure_task(
        TASK,
        lock=target.slug,
        queueing_lock=target.slug,
        priority=priority,
        connection=session.driver,
        allow_unknown=True,
    )
    with _as_of_the_driver():
        session.execute("SAVEPOINT doorbell")
        try:
            job.defer(fraise=target.fraise, environment=target.environment, job=target.job)
        except AlreadyEnqueued:  # a reaper put one back into the queue meanwhile
            session.execute("ROLLBACK TO SAVEPOINT doorbell")
        session.execute("RELEASE SAVEPOINT doorbell")


@contextmanager
def _as_of_the_driver() -> Iterator[None]:
    """Procrastinate wraps what psycopg raises; the ledger translates psycopg's own errors."""
    try:
        yield
    except ConnectorException as error:
        cause: Any = error.__cause__
        raise cause or error from error


_FREE = """
DELETE FROM procrastinate_jobs AS job
WHERE job.task_name = :task AND job.status = 'doing' AND (
    job.lock = ANY(:locks) OR job.worker_id IS NULL OR EXISTS (
        SELECT 1 FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id
          AND worker.last_heartbeat < now() - CAST(:seconds AS double precision) * interval '1 second'
    )
)
"""

_QUEUED = "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:locks)"
_SERVED = """
SELECT 1 FROM procrastinate_workers
WHERE last_heartbeat > now() - CAST(:seconds AS double precision) * interval '1 second' LIMIT 1
"""
