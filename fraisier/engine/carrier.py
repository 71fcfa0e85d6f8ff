"""The carrier of doorbells. It carries no more than "look at this target": losing or repeating a ring changes nothing but the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from fraisier.engine.embedded import Embedded
from fraisier.record.url import POSTGRESQL

if TYPE_CHECKING:
    from fraisier.engine.worker import Worker
    from fraisier.record.ledger import Ledger, Session
    from fraisier.vocabulary import Target


class Carrier(Protocol):
    """How workers hear that something waits. ``embedded`` on SQLite, ``procrastinate`` on PostgreSQL."""

    def ring(self, session: Session, waiting: Mapping[Target, int]) -> None:
        """Ring for targets, each with its priority, as part of the transaction that ``session`` is in."""

    def is_served(self) -> bool:
        """Whether some worker, anywhere, is there to hear it."""

    def serve(self, worker: Worker) -> None:
        """Let ``worker`` hear what rings, until it is to stop. What it still carries out then is not waited for."""


def carrier(ledger: Ledger) -> Carrier:
    """The carrier of this database."""
    if ledger.engine == POSTGRESQL:
        from fraisier.engine.procrastinate import Procrastinate  # SQLite needs nothing of it

        return Procrastinate(ledger)
    return Embedded(ledger)
