"""What may be carried out now, and taking it: what was cut off goes first, then what waits, then what hosts owe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fraisier.record import queue, read, write
from fraisier.record.ledger import target_lock
from fraisier.resume import what_to_resume
from fraisier.vocabulary import Kind, Status, Target, Trigger
from fraisier.work import Asked

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.owner import Owner
    from fraisier.record.rows import Deployment

RESUMES = 2
"""So often in a row a deployment that was cut off is gone on with by itself."""
DEBT_SECONDS = 60.0
LONGEST_DEBT_SECONDS = 600.0
LOWEST = -1_000_000
"""Priority of debts: below all that somebody has asked for."""


@dataclass(frozen=True)
class Limits:
    """How many deployments run at once: of all workers together (None: as many as they can), and in single environments."""

    total: int | None = None
    environments: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.total is not None or bool(self.environments)

    def admitted(self, due: Iterable[Due], held: Iterable[Target]) -> list[Due]:
        """Those of ``due`` that may begin beside what runs: one is never passed over for another of the same environment behind it."""
        running = list(held)
        found = []
        for each in due:
            if self.total is not None and len(running) >= self.total:
                break
            environment = each.target.environment
            there = sum(target.environment == environment for target in running)
            if there < self.environments.get(environment, there + 1):
                found.append(each)
                running.append(each.target)
        return found


@dataclass(frozen=True)
class Due:
    """A target with something to carry out."""

    target: Target
    priority: int = 0


def due(ledger: Ledger, limits: Limits, owing: Iterable[Target] = ()) -> list[Due]:
    """What may begin now, in the order in which to serve it; ``owing`` are targets whose hosts owe something and may be back."""
    held = queue.held_targets(ledger)
    now = datetime.now(UTC)
    waiting = [row for row in queue.waiting(ledger) if not queue.is_held(row, now)]
    rows = [*filter(_is_resumable, queue.cut_off(ledger)), *waiting]
    rows.sort(key=lambda row: (-row.priority, row.pk))
    found = {row.target: Due(row.target, row.priority) for row in reversed(rows)}
    first = [found[target] for target in dict.fromkeys(row.target for row in rows) if target not in held]
    last = [Due(target, LOWEST) for target in owing if target not in held and target not in found]
    return limits.admitted([*first, *last], held)


def take(ledger: Ledger, target: Target, owner: Owner, limits: Limits) -> Deployment | None:
    """What is due for the target now, claimed; None when nothing is, when it is held, or when ``limits`` leave no room for it.

    The target's lock comes before everything is read: a doorbell that rang for a transaction still open finds its row here.
    """
    with ledger.transaction() as session:
        target_lock(session, target)
        if read.running(ledger, target):
            return None
        owing = [target] if owes(ledger, target, session.now()) else []
        if limits:
            session.lock("fraisier engine")  # who counts and claims does both alone
            if target not in [each.target for each in due(ledger, limits, owing)]:
                return None
        for row in filter(_is_resumable, queue.cut_off(ledger, target)):
            return write.take_up(ledger, _going_on(ledger, row), owner, continues=row)
        waiting = read.pending(ledger, target)
        if (
            waiting
            and not queue.is_held(waiting, session.now())
            and (claimed := write.claim_next(ledger, target, owner))
        ):
            return claimed
        return write.take_up(ledger, _settling(ledger, target), owner) if owing else None


def owing(ledger: Ledger, now: datetime) -> list[Target]:
    """Targets with hosts that owe a release and have been left alone long enough."""
    return [target for target, look in queue.owing(ledger).items() if _is_time(look, now)]


def owes(ledger: Ledger, target: Target, now: datetime) -> bool:
    look = queue.owing(ledger, target).get(target)
    return look is not None and _is_time(look, now)


def is_given_up(row: Deployment) -> bool:
    """Whether an interrupted deployment of the background is left to people: it was cut off too often, or was to be cancelled."""
    return row.background and row.status is Status.INTERRUPTED and (row.cancel_requested or _resumes(row) >= RESUMES)


def _is_time(look: tuple[datetime, int], now: datetime) -> bool:
    at, attempts = look
    return now - at >= timedelta(seconds=min(DEBT_SECONDS * 2**attempts, LONGEST_DEBT_SECONDS))


def _resumes(row: Deployment) -> int:
    return int(row.details.get("resumed") or 0)


def _is_resumable(row: Deployment) -> bool:
    """Debts have an order of their own."""
    return _resumes(row) < RESUMES and not row.details.get("debts")


def _going_on(ledger: Ledger, row: Deployment) -> write.Request:
    kind, asked = what_to_resume(ledger, row.target, row.actor)
    details = {"resumed": _resumes(row) + 1, "continues": row.id}
    return _request(row.target, kind, replace(asked, trigger=row.trigger), row.priority, details)


def _settling(ledger: Ledger, target: Target) -> write.Request:
    _, attempts = queue.owing(ledger, target)[target]
    asked = Asked("worker", Trigger.SCHEDULED, debts=True)
    return _request(target, Kind.ROLLBACK, asked, 0, {"attempt": attempts + 1})


def _request(target: Target, kind: Kind, asked: Asked, priority: int, details: Mapping[str, object]) -> write.Request:
    return write.Request(
        target,
        kind=kind,
        trigger=asked.trigger,
        actor=asked.actor,
        priority=priority,
        git_commit=asked.commit,
        forced=asked.force,
        background=True,
        details={**details, **{name: value for name, value in asked.details.items() if value}},
    )
