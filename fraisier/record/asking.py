"""Commands of those who ask: request and cancel a deployment; there is at most one pending row per target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.errors import DeploymentCancelled, UsageError
from fraisier.record import encode, read
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Kind, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.rows import Deployment
    from fraisier.vocabulary import Target

_HERE = "fraise = :fraise AND environment = :environment AND job = :job"


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
    background: bool = False,
    retry_of: Deployment | None = None,
    details: Mapping[str, Any] | None = None,
) -> Deployment:
    """Ask for a deployment: the one pending row of the target. An older pending one is superseded and says by whom.

    ``background``: whoever asks goes away, a worker carries it out; otherwise the asking process claims it itself.
    """
    with ledger.transaction() as session:
        target_lock(session, target)
        at = session.now()
        superseded = session.execute(
            f"UPDATE tb_deployment SET status = 'superseded', completed_at = :at WHERE {_HERE} AND status = 'pending'"  # noqa: S608 - a constant
            " RETURNING pk_deployment",
            at=encode.moment(at),
            **key(target),
        )
        ensure_state(session, target, encode.moment(at))
        pk: int = session.execute(
            _REQUEST,
            id=str(uuid4()),
            **key(target),
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
            background=background,
            fk_retry_of=retry_of.pk if retry_of else None,
            details=encode.document(details or {}),
        )[0]["pk_deployment"]
        for row in superseded:
            session.execute(
                "UPDATE tb_deployment SET fk_superseded_by = :pk WHERE pk_deployment = :old",
                pk=pk,
                old=row["pk_deployment"],
            )
        return read_back(ledger, pk)


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
    (id, fraise, environment, job, kind, status, trigger, actor, priority, requested_at, requested_on,
     git_repo, git_branch, git_commit, forced, background, fk_retry_of, details)
VALUES
    (:id, :fraise, :environment, :job, :kind, 'pending', :trigger, :actor, :priority, :requested_at, :requested_on,
     :git_repo, :git_branch, :git_commit, :forced, :background, :fk_retry_of, :details)
RETURNING pk_deployment
"""

_KNOW = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, job, updated_at)
VALUES (:id, :identifier, :fraise, :environment, :job, :at)
ON CONFLICT (fraise, environment, job) DO NOTHING
"""
