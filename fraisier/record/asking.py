"""Commands of those who ask: request and cancel a deployment; there is at most one pending row per target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.errors import DeploymentCancelled, UsageError
from fraisier.record import encode, read, shape
from fraisier.record.ledger import target_lock
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
    """Ask for several deployments; for each of ``requests`` the pending row that stands for it.

    The last one of a target becomes that row, and stands for those before it: nobody has ever seen them wait. Whoever asks for several
    targets in one transaction does it by one call, which locks them in an order that is the same for everybody.
    """
    newest = {request.target: request for request in requests}
    with ledger.transaction() as session:
        for target in sorted(newest):
            target_lock(session, target)
        at = session.now()
        rows = {target: _replace_waiting(session, request, at) for target, request in newest.items()}
    return [rows[request.target] for request in requests]


def _replace_waiting(session: Session, request: Request, at: datetime) -> Deployment:
    older = session.execute(
        f"UPDATE tb_deployment SET status = 'superseded', completed_at = :at WHERE {_HERE} AND status = 'pending'"  # noqa: S608 - a constant
        " RETURNING pk_deployment",
        at=encode.moment(at),
        **key(request.target),
    )
    ensure_state(session, request.target, encode.moment(at))
    row = insert(session, request, at, Status.PENDING)
    for replaced in older:
        session.execute(
            "UPDATE tb_deployment SET fk_superseded_by = :pk WHERE pk_deployment = :old",
            pk=row.pk,
            old=replaced["pk_deployment"],
        )
    return row


def insert(session: Session, request: Request, at: datetime, status: Status) -> Deployment:
    """The row of a request; whoever calls holds the target's lock."""
    asker = request.asker
    written = session.execute(
        _REQUEST,
        id=str(uuid4()),
        **key(request.target),
        kind=request.kind.value,
        status=status.value,
        trigger=request.trigger.value,
        actor=request.actor,
        priority=request.priority,
        requested_at=encode.moment(at),
        requested_on=at.date().isoformat(),
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


def next_number(session: Session, target: Target) -> int:
    """The number of the next deployment that is carried out: above all earlier ones of the target, which has its row of state."""
    sql = f"UPDATE tb_fraise_state SET fencing = fencing + 1 WHERE {_HERE} RETURNING fencing"  # noqa: S608 - a constant
    number: int = session.execute(sql, **key(target))[0]["fencing"]
    return number


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
    (id, fraise, environment, job, kind, status, trigger, actor, priority, requested_at, requested_on,
     git_repo, git_branch, git_commit, forced, background, owner_host, owner_pid, owner_boot_id, owner_started, fk_retry_of, details)
VALUES
    (:id, :fraise, :environment, :job, :kind, :status, :trigger, :actor, :priority, :requested_at, :requested_on,
     :git_repo, :git_branch, :git_commit, :forced, :background, :owner_host, :owner_pid, :owner_boot_id, :owner_started, :fk_retry_of,
     :details)
RETURNING *
"""

_KNOW = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, job, updated_at)
VALUES (:id, :identifier, :fraise, :environment, :job, :at)
ON CONFLICT (fraise, environment, job) DO NOTHING
"""
