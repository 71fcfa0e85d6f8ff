"""Commands of those who run a deployment: claim, heartbeat, plan, finish; and of those who find that a holder is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fraisier.errors import DeploymentCancelled, TargetLocked, UsageError
from fraisier.record import encode, read
from fraisier.record.asking import ensure_state, known, next_number, read_back
from fraisier.record.ledger import target_lock
from fraisier.record.owner import is_alive as process_is_alive
from fraisier.vocabulary import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fraisier.errors import FraisierError
    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.owner import Owner
    from fraisier.record.rows import Deployment
    from fraisier.vocabulary import Target

LEASE_SECONDS = 15.0
"""A holder whose heartbeat is older is given up, even when its process still exists (frozen, or cut off from the database)."""
_HERE = "fraise = :fraise AND environment = :environment AND job = :job"
_MINE = "pk_deployment = :pk AND status = 'in_progress' AND fencing = :fencing"
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


def claim(ledger: Ledger, deployment_id: str, owner: Owner) -> Deployment:
    """Make a pending deployment ``in_progress`` and ``owner`` its holder, with a fencing number above all earlier ones of the target.

    ``TargetLocked`` names who holds the target; ``DeploymentCancelled`` says that the row was cancelled or superseded meanwhile.
    """
    found = known(ledger, deployment_id)
    with ledger.transaction() as session:
        target_lock(session, found.target)
        refuse_held(ledger, found.target)
        current = read_back(ledger, found.pk)
        if current.status is not Status.PENDING:
            raise _not_pending(ledger, current)
        return hold(ledger, session, current, owner)


def claim_next(ledger: Ledger, target: Target, owner: Owner) -> Deployment | None:
    """What waits for a worker, claimed; None when nothing does (done, superseded, cancelled: a doorbell may ring twice).

    A row whose asker waits for its turn is that process's own to claim.
    """
    with ledger.transaction() as session:
        target_lock(session, target)
        waiting = read.pending(ledger, target)
        if waiting is None or not waiting.background:
            return None
        refuse_held(ledger, target)
        return hold(ledger, session, waiting, owner)


@dataclass(frozen=True)
class Beat:
    """What a holder learns when it says that it lives: whether somebody asks it to stop."""

    cancel_requested: bool


def heartbeat(ledger: Ledger, deployment: Deployment) -> Beat | None:
    """Say that the holder lives. None: it holds nothing any more and must stop."""
    with ledger.transaction(durable=False) as session:
        sql = f"UPDATE tb_deployment SET heartbeat_at = :at WHERE {_MINE} RETURNING cancel_requested"  # noqa: S608 - a constant
        at = encode.moment(session.now())
        found = session.execute(sql, at=at, pk=deployment.pk, fencing=deployment.fencing)
        return Beat(bool(found[0]["cancel_requested"])) if found else None


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

    Safe to try again after a LedgerError that is ``retriable``.

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
        return _close(session, deployment, values) or _is_closed(session, deployment, status)


def put_back(ledger: Ledger, deployment: Deployment, *, waits: Mapping[str, Any], git_commit: str | None) -> bool:
    """Let a claimed deployment wait again, as if it had not begun: ``waits`` says what for, ``git_commit`` what it will deploy then.

    False when it does not: another one waits for the target by now and has taken its place, or it is not this claim's any more.
    """
    with ledger.transaction() as session:
        target_lock(session, deployment.target)
        if newer := read.pending(ledger, deployment.target):
            _close(session, deployment, {"status": Status.SUPERSEDED.value, "fk_superseded_by": newer.pk})
            return False
        found = session.execute(
            _PUT_BACK,
            pk=deployment.pk,
            fencing=deployment.fencing,
            git_commit=git_commit,
            details=encode.document({**deployment.details, "waits": dict(waits)}),
        )
        return bool(found)


def interrupt_orphans(
    ledger: Ledger,
    target: Target | None = None,
    is_alive: Callable[[Owner], bool | None] = process_is_alive,
    *,
    lease_seconds: float = LEASE_SECONDS,
    on_lost: Callable[[Deployment], None] | None = None,
) -> list[Deployment]:
    """End the running deployments (of ``target``, or all) whose holder is gone: ``interrupted``, error ``WorkerLost``.

    A holder is gone when its process is (``is_alive``; None where that cannot be seen, as on another machine), or when its heartbeat is
    older than the lease: its guardian has ended its run well before that. ``on_lost`` is called with each, in the transaction that ends it.
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
                lost.append(read_back(ledger, deployment.pk))
                if on_lost:
                    on_lost(lost[-1])
    return lost


def hold(ledger: Ledger, session: Session, waiting: Deployment, owner: Owner) -> Deployment:
    """The moment in which a row becomes somebody's; whoever calls holds the target's lock."""
    at = encode.moment(session.now())
    ensure_state(session, waiting.target, at)
    fencing = next_number(session, waiting.target)
    session.execute(
        _CLAIM,
        pk=waiting.pk,
        was=waiting.status.value,
        at=at,
        fencing=fencing,
        host=owner.host,
        pid=owner.pid,
        boot_id=owner.boot_id,
        started=owner.started,
    )
    return read_back(ledger, waiting.pk)


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


def _is_closed(session: Session, deployment: Deployment, status: Status) -> bool:
    """This very claim ended so already: the answer of an earlier attempt was lost with its connection."""
    rows = session.execute("SELECT status, fencing FROM tb_deployment WHERE pk_deployment = :pk", pk=deployment.pk)
    return rows == [{"status": status.value, "fencing": deployment.fencing}]


def refuse_held(ledger: Ledger, target: Target) -> None:
    """Raises TargetLocked, which says by whom and since when, while a deployment of the target runs."""
    held = read.running(ledger, target)
    if not held:
        return
    holder = held[0]
    owner = holder.owner
    where = f"process {owner.pid} on {owner.host}" if owner else "unknown process"
    since = f"{holder.started_at:%Y-%m-%d %H:%M:%S} UTC" if holder.started_at else "an unknown time"
    raise TargetLocked(
        f"{target}: deployment {holder.id} of {holder.actor or 'nobody in particular'} has been running since {since} ({where})",
        hint=f"fraisier lock show {target.fraise} {target.environment}; to stop it: fraisier cancel {target.fraise} {target.environment}",
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
    who = f"process {owner.pid} on {owner.host}" if owner else "the worker"
    if alive is False:
        return f"{who} is gone; what it left on the hosts is not known: `fraisier status`"
    with ledger.transaction(durable=False) as session:
        age = session.now() - (deployment.heartbeat_at or deployment.requested_at)
    if age <= timedelta(seconds=lease_seconds):
        return ""
    return f"{who} was last heard of {age.total_seconds():.0f} s ago; what it left on the hosts is not known: `fraisier status`"


_CLAIM = """
UPDATE tb_deployment
SET status = 'in_progress', started_at = :at, heartbeat_at = :at, fencing = :fencing,
    owner_host = :host, owner_pid = :pid, owner_boot_id = :boot_id, owner_started = :started
WHERE pk_deployment = :pk AND status = :was
"""

_PUT_BACK = """
UPDATE tb_deployment
SET status = 'pending', started_at = NULL, heartbeat_at = NULL, fencing = 0, git_commit = :git_commit, details = :details,
    owner_host = '', owner_pid = 0, owner_boot_id = '', owner_started = ''
WHERE pk_deployment = :pk AND status = 'in_progress' AND fencing = :fencing RETURNING pk_deployment
"""
