"""What there is for workers to do, and taking it: rows that wait in the background, deployments that were cut off, debts of hosts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fraisier.errors import DeploymentCancelled
from fraisier.record import encode, shape
from fraisier.record.asking import Request, insert, read_back
from fraisier.record.holding import hold, refuse_held
from fraisier.record.ledger import target_lock
from fraisier.record.owner import Owner
from fraisier.record.owner import is_alive as process_is_alive
from fraisier.vocabulary import Status, Target

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger, Row, Session
    from fraisier.record.rows import Deployment

SILENT_SECONDS = 60.0
"""After so long a process of another machine that stood in line and says nothing any more is taken for gone."""


def waiting(ledger: Ledger) -> list[Deployment]:
    """What waits for a worker, in the order in which to serve it: highest priority first, then oldest."""
    rows = ledger.query(
        "SELECT * FROM tb_deployment WHERE status = 'pending' AND background ORDER BY priority DESC, pk_deployment"
    )
    return [shape.deployment(row) for row in rows]


def is_held(row: Deployment, now: datetime) -> bool:
    """Whether a waiting row waits for something that has not come, and need not be looked at yet."""
    again_at = encode.read_moment((row.details.get("waits") or {}).get("again_at"))
    return again_at is not None and now < again_at


def cut_off(ledger: Ledger, target: Target | None = None) -> list[Deployment]:
    """Deployments of the background that were interrupted, and are the last thing that was carried out for their target."""
    here = "AND d.fraise = :fraise AND d.environment = :environment AND d.job = :job" if target else ""
    rows = ledger.query(_CUT_OFF.format(here=here), **(_key(target) if target else {}))
    return [shape.deployment(row) for row in rows]


def held_targets(ledger: Ledger) -> list[Target]:
    """Targets with a deployment that runs, whoever carries it out."""
    rows = ledger.query("SELECT fraise, environment, job FROM tb_deployment WHERE status = 'in_progress'")
    return [shape.target(row) for row in rows]


def owing(ledger: Ledger, target: Target | None = None) -> dict[Target, tuple[datetime, int]]:
    """Targets with hosts that owe a release: when that was last looked at, and how many attempts to settle it have failed in a row."""
    here = "AND h.fraise = :fraise AND h.environment = :environment AND h.job = :job" if target else ""
    rows = ledger.query(_OWING.format(here=here), **(_key(target) if target else {}))
    return {shape.target(row): _last_look(row) for row in rows}


def take_up(ledger: Ledger, request: Request, owner: Owner, *, continues: Deployment | None = None) -> Deployment:
    """Begin what nobody has to ask for, such as going on after an interruption: a row that is ``owner``'s from its first moment.

    What waits for the target goes on waiting; a row that ``continues`` another stands in the history where that one was asked for.
    Raises TargetLocked while a deployment of the target runs.
    """
    with ledger.transaction() as session:
        target_lock(session, request.target)
        refuse_held(ledger, request.target)
        asked_at = continues.requested_at if continues else session.now()
        row = insert(session, request, asked_at, Status.IN_PROGRESS)
        return hold(ledger, session, row, owner)


def stand(ledger: Ledger, deployment: Deployment) -> None:
    """Say that the process which waits for its turn with ``deployment`` still does."""
    with ledger.transaction(durable=False) as session:
        session.execute(
            "UPDATE tb_deployment SET heartbeat_at = :at WHERE pk_deployment = :pk AND status = 'pending'",
            at=encode.moment(session.now()),
            pk=deployment.pk,
        )


def look_again(ledger: Ledger, waiting: Deployment) -> Deployment:
    """What ``waiting`` waits for has come: a worker looks at it again."""
    details = {name: value for name, value in waiting.details.items() if name != "waits"}
    with ledger.transaction() as session:
        session.execute(
            "UPDATE tb_deployment SET details = :details WHERE pk_deployment = :pk AND status = 'pending'",
            details=encode.document(details),
            pk=waiting.pk,
        )
        return read_back(ledger, waiting.pk)


def drop_gone(ledger: Ledger, is_alive: Callable[[Owner], bool | None] = process_is_alive) -> list[Deployment]:
    """Cancel what waits for a process that is gone: nobody would ever carry it out. Returns those rows.

    One of this machine is seen to be gone at once; one of another when it has been silent for a minute.
    """
    rows = ledger.query("SELECT * FROM tb_deployment WHERE status = 'pending' AND NOT background AND owner_host <> ''")
    found = []
    for row in map(shape.deployment, rows):
        with ledger.transaction() as session:
            target_lock(session, row.target)
            if (reason := _why_gone(session, row, is_alive)) and session.execute(_DROP, **reason):
                found.append(read_back(ledger, row.pk))
    return found


def _why_gone(session: Session, row: Deployment, is_alive: Callable[[Owner], bool | None]) -> dict[str, object]:
    assert row.owner
    alive, now = is_alive(row.owner), session.now()
    silent = now - (row.heartbeat_at or row.requested_at) > timedelta(seconds=SILENT_SECONDS)
    if alive or (alive is None and not silent):
        return {}
    text = f"process {row.owner.pid} on {row.owner.host}, which waited to carry it out, is gone; nothing was done"
    code = DeploymentCancelled.__name__
    return {"at": encode.moment(now), "code": code, "message": text, "pk": row.pk}


def _last_look(row: Row) -> tuple[datetime, int]:
    """The attempt that has left the debt, or was for nothing, is the newest deployment of the target that was carried out."""
    details = encode.read_document(row["details"]) or {}
    at = encode.read_moment(row["completed_at"] if details.get("debts") else row["updated_at"])
    assert at
    return at, int(details.get("attempt") or 0)


def _key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_CUT_OFF = """
SELECT d.* FROM tb_deployment AS d
WHERE d.status = 'interrupted' AND d.background AND NOT d.cancel_requested {here}
  AND NOT EXISTS (
      SELECT 1 FROM tb_deployment AS n
      WHERE n.fraise = d.fraise AND n.environment = d.environment AND n.job = d.job
        AND n.fencing > d.fencing
  )
ORDER BY d.priority DESC, d.pk_deployment
"""

_OWING = """
SELECT h.fraise, h.environment, h.job, h.updated_at, d.details, d.completed_at
FROM (
    SELECT fraise, environment, job, max(updated_at) AS updated_at FROM tb_host_release WHERE state = 'debt'
    GROUP BY fraise, environment, job
) AS h
JOIN tb_deployment AS d ON d.pk_deployment = (
    SELECT n.pk_deployment FROM tb_deployment AS n
    WHERE n.fraise = h.fraise AND n.environment = h.environment AND n.job = h.job
      AND n.fencing > 0 AND n.completed_at IS NOT NULL
    ORDER BY n.fencing DESC LIMIT 1
)
WHERE 1 = 1 {here}
"""

_DROP = """
UPDATE tb_deployment SET status = 'cancelled', completed_at = :at, error_code = :code, error_message = :message
WHERE pk_deployment = :pk AND status = 'pending' RETURNING pk_deployment
"""
