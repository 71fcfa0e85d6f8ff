"""Asking for a deployment in the background: its pending row and its doorbell, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.engine.carrier import carrier
from fraisier.record import read, write
from fraisier.vocabulary import Kind, Target

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment
    from fraisier.work import Asked


@dataclass(frozen=True)
class Wish:
    """One deployment that a worker shall carry out. ``priority``: higher first; ``details`` are kept on its row."""

    target: Target
    asked: Asked
    kind: Kind = Kind.DEPLOY
    priority: int = 0
    git_branch: str = ""
    retry_of: Deployment | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def enqueue(ledger: Ledger, target: Target, asked: Asked, **more: Any) -> Deployment:
    """Ask for one deployment in the background; ``more`` are the other fields of ``Wish``. Returns its pending row.

    Joins the caller's transaction: when that is rolled back, nothing was asked. What waited for the target is superseded.
    """
    return enqueue_many(ledger, [Wish(target, asked, **more)])[0]


def enqueue_many(ledger: Ledger, wishes: Sequence[Wish]) -> list[Deployment]:
    """Ask for many at once; for each of ``wishes`` the row that stands for it: of one target that is the row of the last one.

    The way for whoever asks for several targets in one transaction: they are locked in an order that is the same for everybody.
    """
    with ledger.transaction() as session:
        rows = write.request_many(ledger, [_request(ledger, wish) for wish in wishes])
        carrier(ledger).ring(session, {row.target: row.priority for row in rows})
        return rows


def _request(ledger: Ledger, wish: Wish) -> write.Request:
    retries = wish.asked.retries
    return write.Request(
        wish.target,
        kind=wish.kind,
        trigger=wish.asked.trigger,
        actor=wish.asked.actor,
        priority=wish.priority,
        git_branch=wish.git_branch,
        git_commit=wish.asked.commit,
        forced=wish.asked.force,
        background=True,
        retry_of=wish.retry_of or (read.deployment(ledger, retries) if retries else None),
        details={**wish.asked.details, **wish.details},
    )
