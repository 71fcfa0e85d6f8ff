"""The carrier on PostgreSQL: Procrastinate. One doorbell per target, written in the transaction that asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from fraisier.record.holding import LEASE_SECONDS

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger, Session
    from fraisier.vocabulary import Target

TASK = "fraisier:look"


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


_QUEUED = "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:locks)"
_SERVED = """
SELECT 1 FROM procrastinate_workers
WHERE last_heartbeat > now() - CAST(:seconds AS double precision) * interval '1 second' LIMIT 1
"""
