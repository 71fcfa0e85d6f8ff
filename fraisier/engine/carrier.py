"""The carrier of doorbells. It carries no more than "look at this target": losing or repeating a ring changes nothing but the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from fraisier.record.url import POSTGRESQL

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger, Session
    from fraisier.vocabulary import Target


class Carrier(Protocol):
    """How workers hear that something waits. ``embedded`` on SQLite, ``procrastinate`` on PostgreSQL."""

    def ring(self, session: Session, waiting: Mapping[Target, int]) -> None:
        """Ring for targets, each with its priority, as part of the transaction that ``session`` is in."""

    def is_served(self) -> bool:
        """Whether some worker, anywhere, is there to hear it."""


def carrier(ledger: Ledger) -> Carrier:
    """The carrier of this database."""
    if ledger.engine == POSTGRESQL:
        from fraisier.engine.procrastinate import Procrastinate  # SQLite needs nothing of it

        return Procrastinate(ledger)
    from fraisier.engine.embedded import Embedded

    return Embedded(ledger)
