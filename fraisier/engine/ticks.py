"""Deployments by the clock: each moment becomes one deployment, whoever of several workers is there, and one that was missed one in all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter

from fraisier.engine.asking import enqueue
from fraisier.record import encode
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Target, Trigger
from fraisier.work import Asked

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

ACTOR = "schedule"
KEEP = timedelta(days=400)
"""Of moments before that no more is known."""
KEEP_TURNS = timedelta(days=1)


class Clock(Protocol):
    """When something is due: cron's five fields, and the name of their time zone."""

    @property
    def cron(self) -> str: ...

    @property
    def timezone(self) -> str: ...


def newest_moment(clock: Clock, now: datetime) -> datetime:
    """The last moment at or before ``now``, in UTC."""
    after = now.astimezone(ZoneInfo(clock.timezone)).replace(microsecond=0) + timedelta(seconds=1)
    found: datetime = croniter(clock.cron, after).get_prev(datetime)
    return found.astimezone(UTC)


def take_moments(ledger: Ledger, clocks: Mapping[Target, tuple[Clock, int]], now: datetime) -> list[Deployment]:
    """Ask for what has become due at ``now``; of several processes that do so, one asks. ``clocks`` also has each target's priority.

    A schedule that is new, or was changed, counts from the first look at it.
    """
    found = []
    for target, (clock, priority) in clocks.items():
        moment, name = newest_moment(clock, now), f"{clock.cron} {clock.timezone}"
        if _counts(ledger, target, name) != moment and (row := _take(ledger, target, name, moment, priority)):
            found.append(row)
    return found


def take_turn(ledger: Ledger, target: Target, what: str, moment: datetime) -> bool:
    """Whether we are the ones who do ``what`` for ``target`` at ``moment``; False when another process does, or has."""
    with ledger.transaction() as session:
        taken = session.execute(_TAKE, **_key(target), schedule=what, due_at=encode.moment(moment))
        session.execute(_DROP, **_key(target), schedule=what, before=encode.moment(moment - KEEP_TURNS))
        return bool(taken)


def _take(ledger: Ledger, target: Target, schedule: str, moment: datetime, priority: int) -> Deployment | None:
    with ledger.transaction() as session:
        target_lock(session, target)
        last = _counts(ledger, target, schedule)
        if last and last >= moment:
            return None
        tick = session.execute(_TAKE, **_key(target), schedule=schedule, due_at=encode.moment(moment))
        session.execute(_FORGET, **_key(target), before=encode.moment(moment - KEEP))
        if not last or not tick:
            return None
        asked = Asked(ACTOR, Trigger.SCHEDULED)
        row = enqueue(ledger, target, asked, priority=priority, details={"due_at": encode.moment(moment)})
        session.execute(_SETTLE, tick=tick[0]["pk_schedule_tick"], pk=row.pk)
        return row


def _counts(ledger: Ledger, target: Target, schedule: str) -> datetime | None:
    """The last moment of this schedule that was taken, or from which it counts; None for another schedule than before."""
    rows = ledger.query(_LAST, **_key(target), schedule=schedule)
    return encode.read_moment(rows[0]["due_at"]) if rows else None


def _key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_LAST = """
SELECT due_at FROM tb_schedule_tick
WHERE fraise = :fraise AND environment = :environment AND job = :job AND schedule = :schedule
ORDER BY due_at DESC LIMIT 1
"""

_TAKE = """
INSERT INTO tb_schedule_tick (fraise, environment, job, schedule, due_at)
VALUES (:fraise, :environment, :job, :schedule, :due_at)
ON CONFLICT (fraise, environment, job, schedule, due_at) DO NOTHING RETURNING pk_schedule_tick
"""

_SETTLE = "UPDATE tb_schedule_tick SET fk_deployment = :pk WHERE pk_schedule_tick = :tick"

_FORGET = """
DELETE FROM tb_schedule_tick
WHERE fraise = :fraise AND environment = :environment AND job = :job AND due_at < :before
"""

_DROP = """
DELETE FROM tb_schedule_tick
WHERE fraise = :fraise AND environment = :environment AND job = :job AND schedule = :schedule AND due_at < :before
"""
