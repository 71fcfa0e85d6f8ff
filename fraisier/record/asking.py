"""Commands of those who ask: request and cancel a deployment; there is at most one pending row per target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.errors import DeploymentCancelled, UsageError
from fraisier.record import encode, read, shape
from fraisier.record.ledger import target_lock
from fraisier.record.url import POSTGRESQL
from fraisier.vocabulary import Kind, Status, Target, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.owner import Owner
    from fraisier.record.rows import Deployment

_HERE = "fraise = :fraise AND environment = :environment AND job = :job"


@dataclass(frozen=True)
class Request:
    """A deployment that somebody asks for.

    ``background``: whoever asks goes away, a worker carries it out; otherwise the asking process claims it itself, and ``asker`` says
    which process that is.
    """

    target: Target
    kind: Kind = Kind.DEPLOY
    trigger: Trigger = Trigger.MANUAL
    actor: str = ""
    priority: int = 0
    git_repo: str = ""
    git_branch: str = ""
    git_commit: str | None = None
    forced: bool = False
    background: bool = False
    asker: Owner | None = None
    retry_of: Deployment | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def request(ledger: Ledger, target: Target, **asked: Any) -> Deployment:
    """Ask for a deployment: the one pending row of the target. An older pending one is superseded and says by whom.

    ``asked``: the other fields of ``Request``.
    """
    return request_many(ledger, [Request(target, **asked)])[0]


def request_many(ledger: Ledger, requests: Sequence[Request]) -> list[Deployment]:
    """Ask for several deployments in few statements; their rows, in the order of ``requests``.

    The last one of a target is its pending row, those before it are superseded by it from the beginning. Whoever asks for several
    targets in one transaction does it by one call: it locks them in an order that is the same for everybody.
    """
    last = {request.target: number for number, request in enumerate(requests)}
    with ledger.transaction() as session:
        for target in sorted(last):
            target_lock(session, target)
        at = session.now()
        waited = {target: _supersede_waiting(session, target, at) for target in last}
        for target in last:
            ensure_state(session, target, encode.moment(at))
        rows = [
            _insert(session, request, at, is_newest=last[request.target] == number)
            for number, request in enumerate(requests)
        ]
        newest = {target: rows[number] for target, number in last.items()}
        for target, older in waited.items():
            older += [row.pk for row in rows if row.target == target and row is not newest[target]]
            _name_successor(session, older, newest[target])
        return [
            row if row is newest[row.target] else replace(row, fk_superseded_by=newest[row.target].pk) for row in rows
        ]


def _supersede_waiting(session: Session, target: Target, at: datetime) -> list[int]:
    """The number of the row that waited for the target, if one did."""
    sql = (
        f"UPDATE tb_deployment SET status = 'superseded', completed_at = :at WHERE {_HERE} AND status = 'pending'"  # noqa: S608 - a constant
        " RETURNING pk_deployment"
    )
    return [row["pk_deployment"] for row in session.execute(sql, at=encode.moment(at), **key(target))]


def _insert(session: Session, request: Request, at: datetime, *, is_newest: bool) -> Deployment:
    asker = request.asker
    written = session.execute(
        _REQUEST,
        id=str(uuid4()),
        **key(request.target),
        kind=request.kind.value,
        status=(Status.PENDING if is_newest else Status.SUPERSEDED).value,
        trigger=request.trigger.value,
        actor=request.actor,
        priority=request.priority,
        requested_at=encode.moment(at),
        requested_on=at.date().isoformat(),
        completed_at=None if is_newest else encode.moment(at),
        git_repo=request.git_repo,
        git_branch=request.git_branch,
        git_commit=request.git_commit,
        forced=request.forced,
        background=request.background,
        owner_host=asker.host if asker else "",
        owner_pid=asker.pid if asker else 0,
        owner_boot_id=asker.boot_id if asker else "",
        owner_started=asker.started if asker else "",
        fk_retry_of=request.retry_of.pk if request.retry_of else None,
        details=encode.document(request.details),
    )
    return shape.deployment(written[0])


def _name_successor(session: Session, older: Sequence[int], newest: Deployment) -> None:
    if not older:
        return
    among = "= ANY(:older)" if session.engine == POSTGRESQL else "IN (SELECT value FROM json_each(:older))"
    session.execute(
        f"UPDATE tb_deployment SET fk_superseded_by = :pk WHERE pk_deployment {among}",  # noqa: S608 - one of two constants
        pk=newest.pk,
        older=list(older) if session.engine == POSTGRESQL else encode.document(older),
    )


def cancel(ledger: Ledger, deployment_id: str, *, actor: str = "") -> Deployment:
    """Cancel: at once while it waits; while it runs, ask its holder to stop (``cancel_requested``). A finished one stays as it is."""
    found = known(ledger, deployment_id)
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
        return read_back(ledger, found.pk)


def ensure_state(session: Session, target: Target, at: str) -> None:
    """A target has its row of state, and with it its counter, from the first request on."""
    session.execute(_KNOW, id=str(uuid4()), identifier=target.slug, **key(target), at=at)


def known(ledger: Ledger, deployment_id: str) -> Deployment:
    found = read.deployment(ledger, deployment_id)
    if found is None:
        raise UsageError(f"no deployment {deployment_id}", hint="see `fraisier history`")
    return found


def read_back(ledger: Ledger, pk: int) -> Deployment:
    found = read.deployment_by_pk(ledger, pk)
    assert found is not None
    return found


def key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_REQUEST = """
INSERT INTO tb_deployment
    (id, fraise, environment, job, kind, status, trigger, actor, priority, requested_at, requested_on, completed_at,
     git_repo, git_branch, git_commit, forced, background, owner_host, owner_pid, owner_boot_id, owner_started, fk_retry_of, details)
VALUES
    (:id, :fraise, :environment, :job, :kind, :status, :trigger, :actor, :priority, :requested_at, :requested_on, :completed_at,
     :git_repo, :git_branch, :git_commit, :forced, :background, :owner_host, :owner_pid, :owner_boot_id, :owner_started, :fk_retry_of,
     :details)
RETURNING *
"""

_KNOW = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, job, updated_at)
VALUES (:id, :identifier, :fraise, :environment, :job, :at)
ON CONFLICT (fraise, environment, job) DO NOTHING
"""
