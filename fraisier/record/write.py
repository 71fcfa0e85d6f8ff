"""Commands: the life of a deployment in ``tb_deployment``. Each is one transaction, or joins the caller's (``ledger.transaction()``)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.errors import DeploymentCancelled, TargetLocked, UsageError
from fraisier.record import encode, read
from fraisier.record.facts import (
    audit,
    decide_webhook_event,
    record_git_commit,
    record_host_release,
    record_notification,
    record_webhook_event,
    set_fraise_state,
    settle_notification,
)
from fraisier.record.ledger import target_lock
from fraisier.record.owner import is_alive as process_is_alive
from fraisier.record.prune import prune
from fraisier.vocabulary import Kind, Status, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fraisier.errors import FraisierError
    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.owner import Owner
    from fraisier.record.rows import Deployment
    from fraisier.vocabulary import Target

__all__ = [
    "LEASE_SECONDS",
    "audit",
    "cancel",
    "claim",
    "claim_next",
    "decide_webhook_event",
    "finish",
    "heartbeat",
    "interrupt_orphans",
    "prune",
    "record_git_commit",
    "record_host_release",
    "record_notification",
    "record_webhook_event",
    "request",
    "set_fraise_state",
    "set_plan",
    "settle_notification",
]

LEASE_SECONDS = 60.0
"""A worker that this process cannot see is given up when its heartbeat is older."""
_HERE = "fraise = :fraise AND environment = :environment AND job = :job"
_MINE = "pk_deployment = :pk AND status = 'in_progress' AND fencing = :fencing"


def request(
    ledger: Ledger,
    target: Target,
    *,
    kind: Kind = Kind.DEPLOY,
    trigger: Trigger = Trigger.MANUAL,
    actor: str = "",
    priority: int = 0,
    git_repo: str = "",
    git_branch: str = "",
    git_commit: str | None = None,
    forced: bool = False,
    retry_of: Deployment | None = None,
    details: Mapping[str, Any] | None = None,
) -> Deployment:
    """Ask for a deployment: the one pending row of the target. An older pending one is superseded and says by whom."""
    with ledger.transaction() as session:
        target_lock(session, target)
        at = session.now()
        superseded = session.execute(
            f"UPDATE tb_deployment SET status = 'superseded', completed_at = :at WHERE {_HERE} AND status = 'pending'"  # noqa: S608 - a constant
            " RETURNING pk_deployment",
            at=encode.moment(at),
            **_key(target),
        )
        ensure_state(session, target, encode.moment(at))
        pk: int = session.execute(
            _REQUEST,
            id=str(uuid4()),
            **_key(target),
            kind=kind.value,
            trigger=trigger.value,
            actor=actor,
            priority=priority,
            requested_at=encode.moment(at),
            requested_on=at.date().isoformat(),
            git_repo=git_repo,
            git_branch=git_branch,
            git_commit=git_commit,
            forced=forced,
            fk_retry_of=retry_of.pk if retry_of else None,
            details=encode.document(details or {}),
        )[0]["pk_deployment"]
        for row in superseded:
            session.execute(
                "UPDATE tb_deployment SET fk_superseded_by = :pk WHERE pk_deployment = :old",
                pk=pk,
                old=row["pk_deployment"],
            )
        return _read(ledger, pk)


def claim(ledger: Ledger, deployment_id: str, owner: Owner) -> Deployment:
    """Make a pending deployment ``in_progress`` and ``owner`` its holder, with a fencing number above all earlier ones of the target.

    ``TargetLocked`` names who holds the target; ``DeploymentCancelled`` says that the row was cancelled or superseded meanwhile.
    """
    found = _known(ledger, deployment_id)
    with ledger.transaction() as session:
        target_lock(session, found.target)
        _refuse_held(ledger, found.target)
        current = _read(ledger, found.pk)
        if current.status is not Status.PENDING:
            raise _not_pending(ledger, current)
        return _claim(ledger, session, current, owner)


def claim_next(ledger: Ledger, target: Target, owner: Owner) -> Deployment | None:
    """The target's pending deployment, claimed; None when nothing waits (done, superseded, cancelled: a doorbell may ring twice)."""
    with ledger.transaction() as session:
        target_lock(session, target)
        waiting = read.pending(ledger, target)
        if waiting is None:
            return None
        _refuse_held(ledger, target)
        return _claim(ledger, session, waiting, owner)


def heartbeat(ledger: Ledger, deployment: Deployment) -> bool:
    """Say that the holder lives. False: it holds nothing any more and must stop."""
    with ledger.transaction(durable=False) as session:
        sql = f"UPDATE tb_deployment SET heartbeat_at = :at WHERE {_MINE} RETURNING pk_deployment"  # noqa: S608 - a constant
        return bool(session.execute(sql, at=encode.moment(session.now()), pk=deployment.pk, fencing=deployment.fencing))


def set_plan(ledger: Ledger, deployment: Deployment, *, plan: Mapping[str, Any] | None = None, **facts: str) -> bool:
    """Write down what is about to be run, before it runs. False when another one holds the target by now.

    ``facts``: old_version, new_version, old_release_id, release_id, plan_hash, config_hash, schema_before, git_repo, git_branch.
    ``plan`` is the snapshot that explains the run later; it must hold references to secrets, never their values.
    """
    if unknown := set(facts) - _PLAN_FACTS:
        raise TypeError(f"set_plan() does not know {', '.join(sorted(unknown))}")
    values: dict[str, object] = dict(facts)
    if plan is not None:
        values["plan"] = encode.document(plan)
    if not values:
        return True
    columns = ", ".join(f"{name} = :{name}" for name in values)
    with ledger.transaction() as session:
        sql = f"UPDATE tb_deployment SET {columns} WHERE {_MINE} RETURNING pk_deployment"  # noqa: S608 - names from the list above
        return bool(session.execute(sql, **values, pk=deployment.pk, fencing=deployment.fencing))


def finish(
    ledger: Ledger,
    deployment: Deployment,
    status: Status,
    *,
    error: FraisierError | None = None,
    schema_after: str | None = None,
    details: Mapping[str, Any] | None = None,
    **facts: str,
) -> bool:
    """Give a claimed deployment its final status. False, and nothing written, when it is not this claim's any more (a zombie).

    ``error`` spoils the row: its class and message. ``facts`` as for ``set_plan``, for what became known on the way.
    """
    if not status.is_final:
        raise ValueError(f"{status} is not final")
    if unknown := set(facts) - _PLAN_FACTS:
        raise TypeError(f"finish() does not know {', '.join(sorted(unknown))}")
    values: dict[str, object] = {**facts, "status": status.value}
    if error is not None:
        values |= {"error_code": error.code, "error_message": str(error)}
    if schema_after is not None:
        values["schema_after"] = schema_after
    if details is not None:
        values["details"] = encode.document(details)
    with ledger.transaction() as session:
        target_lock(session, deployment.target)
        return _close(session, deployment, values)


def cancel(ledger: Ledger, deployment_id: str, *, actor: str = "") -> Deployment:
    """Cancel: at once while it waits; while it runs, ask its holder to stop (``cancel_requested``). A finished one stays as it is."""
    found = _known(ledger, deployment_id)
    with ledger.transaction() as session:
        target_lock(session, found.target)
        by = f"cancelled by {actor}" if actor else "cancelled"
        session.execute(
            "UPDATE tb_deployment SET status = 'cancelled', completed_at = :at, error_code = :code, error_message = :by"
            " WHERE pk_deployment = :pk AND status = 'pending'",
            at=encode.moment(session.now()),
            code=DeploymentCancelled.__name__,
            by=by,
            pk=found.pk,
        )
        session.execute(
            "UPDATE tb_deployment SET cancel_requested = :yes WHERE pk_deployment = :pk AND status = 'in_progress'",
            yes=True,
            pk=found.pk,
        )
        return _read(ledger, found.pk)


def interrupt_orphans(
    ledger: Ledger,
    target: Target | None = None,
    is_alive: Callable[[Owner], bool | None] = process_is_alive,
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> list[Deployment]:
    """End the running deployments (of ``target``, or all) whose holder is gone: ``interrupted``, error ``WorkerLost``.

    Where ``is_alive`` cannot tell (another machine), a holder is gone when its heartbeat is older than the lease.
    """
    lost = []
    for deployment in read.running(ledger, target):
        reason = _why_lost(ledger, deployment, is_alive, lease_seconds)
        if not reason:
            continue
        with ledger.transaction() as session:
            target_lock(session, deployment.target)
            # Fencing and the old heartbeat make sure that it is still the row that was judged.
            values = {"status": Status.INTERRUPTED.value, "error_code": "WorkerLost", "error_message": reason}
            if _close(
                session, deployment, values, "heartbeat_at = :seen", seen=encode.moment(deployment.heartbeat_at or 0)
            ):
                lost.append(_read(ledger, deployment.pk))
    return lost


def _claim(ledger: Ledger, session: Session, waiting: Deployment, owner: Owner) -> Deployment:
    at = encode.moment(session.now())
    ensure_state(session, waiting.target, at)
    numbered = f"UPDATE tb_fraise_state SET fencing = fencing + 1 WHERE {_HERE} RETURNING fencing"  # noqa: S608 - a constant
    fencing = session.execute(numbered, **_key(waiting.target))[0]["fencing"]
    session.execute(
        _CLAIM,
        pk=waiting.pk,
        at=at,
        fencing=fencing,
        host=owner.host,
        pid=owner.pid,
        boot_id=owner.boot_id,
        started=owner.started,
    )
    return _read(ledger, waiting.pk)


def _close(
    session: Session, deployment: Deployment, values: Mapping[str, object], also: str = "1 = 1", **parameters: object
) -> bool:
    """The one way out of ``in_progress``."""
    at = session.now()
    duration = (at - deployment.started_at).total_seconds() if deployment.started_at else None
    columns = ", ".join(f"{name} = :{name}" for name in values)
    return bool(
        session.execute(
            f"UPDATE tb_deployment SET {columns}, completed_at = :at, duration_seconds = :duration"  # noqa: S608 - our own column names
            f" WHERE {_MINE} AND {also} RETURNING pk_deployment",
            **values,
            **parameters,
            at=encode.moment(at),
            duration=duration,
            pk=deployment.pk,
            fencing=deployment.fencing,
        )
    )


def ensure_state(session: Session, target: Target, at: str) -> None:
    """A target has its row of state, and with it its counter, from the first request on."""
    session.execute(_KNOW, id=str(uuid4()), identifier=target.slug, **_key(target), at=at)


def _refuse_held(ledger: Ledger, target: Target) -> None:
    held = read.running(ledger, target)
    if not held:
        return
    holder = held[0]
    owner = holder.owner
    where = f"process {owner.pid} on {owner.host}" if owner else "unknown process"
    since = f"{holder.started_at:%Y-%m-%d %H:%M:%S} UTC" if holder.started_at else "an unknown time"
    raise TargetLocked(
        f"{target}: deployment {holder.id} of {holder.actor or 'nobody in particular'} has been running since {since} ({where})",
        hint=f"wait for it, or stop it with `fraisier cancel {holder.id[:8]}`",
    )


def _not_pending(ledger: Ledger, deployment: Deployment) -> FraisierError:
    name = f"{deployment.target}: deployment {deployment.id}"
    if deployment.status is Status.SUPERSEDED:
        newer = read.deployment_by_pk(ledger, deployment.fk_superseded_by or 0)
        return DeploymentCancelled(f"{name} was superseded by {newer.id if newer else 'a newer one'}")
    if deployment.status is Status.CANCELLED:
        return DeploymentCancelled(f"{name} was {deployment.error_message or 'cancelled'}")
    return UsageError(f"{name} is {deployment.status} already", hint="ask for a new one")


def _why_lost(
    ledger: Ledger, deployment: Deployment, is_alive: Callable[[Owner], bool | None], lease_seconds: float
) -> str:
    owner = deployment.owner
    alive = is_alive(owner) if owner else None
    if alive:
        return ""
    who = f"process {owner.pid} on {owner.host}" if owner else "the worker"
    if alive is False:
        return f"{who} is gone; what it left on the hosts is not known: `fraisier status`"
    with ledger.transaction(durable=False) as session:
        age = session.now() - (deployment.heartbeat_at or deployment.requested_at)
    if age <= timedelta(seconds=lease_seconds):
        return ""
    return f"{who} was last heard of {age.total_seconds():.0f} s ago; what it left on the hosts is not known: `fraisier status`"


def _known(ledger: Ledger, deployment_id: str) -> Deployment:
    found = read.deployment(ledger, deployment_id)
    if found is None:
        raise UsageError(f"no deployment {deployment_id}", hint="see `fraisier history`")
    return found


def _read(ledger: Ledger, pk: int) -> Deployment:
    found = read.deployment_by_pk(ledger, pk)
    assert found is not None
    return found


def _key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_PLAN_FACTS = frozenset(
    {
        "old_version",
        "new_version",
        "old_release_id",
        "release_id",
        "plan_hash",
        "config_hash",
        "schema_before",
        "git_repo",
        "git_branch",
    }
)

_REQUEST = """
INSERT INTO tb_deployment
    (id, fraise, environment, job, kind, status, trigger, actor, priority, requested_at, requested_on,
     git_repo, git_branch, git_commit, forced, fk_retry_of, details)
VALUES
    (:id, :fraise, :environment, :job, :kind, 'pending', :trigger, :actor, :priority, :requested_at, :requested_on,
     :git_repo, :git_branch, :git_commit, :forced, :fk_retry_of, :details)
RETURNING pk_deployment
"""

_CLAIM = """
UPDATE tb_deployment
SET status = 'in_progress', started_at = :at, heartbeat_at = :at, fencing = :fencing,
    owner_host = :host, owner_pid = :pid, owner_boot_id = :boot_id, owner_started = :started
WHERE pk_deployment = :pk AND status = 'pending'
"""

_KNOW = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, job, updated_at)
VALUES (:id, :identifier, :fraise, :environment, :job, :at)
ON CONFLICT (fraise, environment, job) DO NOTHING
"""
