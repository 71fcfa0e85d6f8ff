"""Command: note a deployment that something else made, so that history and numbers know of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.errors import UsageError
from fraisier.record import encode
from fraisier.record.asking import ensure_state, next_number
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Kind, Status, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.record.ledger import Ledger
    from fraisier.vocabulary import Target


def record_finished(
    ledger: Ledger,
    target: Target,
    status: Status,
    *,
    kind: Kind = Kind.DEPLOY,
    trigger: Trigger = Trigger.API,
    actor: str = "",
    old_version: str = "",
    new_version: str = "",
    release_id: str = "",
    git_branch: str = "",
    git_commit: str | None = None,
    started_at: datetime | None = None,
    duration_seconds: float | None = None,
    error_message: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> str:
    """Write one finished row and return its id. ``started_at`` defaults to now less the duration."""
    if not status.is_final:
        raise UsageError(
            f"{target}: a deployment that is {status} cannot be recorded as finished", hint="request() opens one"
        )
    started = started_at or datetime.now(UTC) - timedelta(seconds=duration_seconds or 0)
    completed = started + timedelta(seconds=duration_seconds or 0)
    deployment_id = str(uuid4())
    with ledger.transaction() as session:
        target_lock(session, target)
        ensure_state(session, target, encode.moment(completed))
        session.execute(
            _FINISHED,
            fencing=next_number(session, target),
            id=deployment_id,
            fraise=target.fraise,
            environment=target.environment,
            job=target.job,
            kind=kind.value,
            status=status.value,
            trigger=trigger.value,
            actor=actor,
            requested_on=started.astimezone(UTC).date().isoformat(),
            started_at=encode.moment(started),
            completed_at=encode.moment(completed),
            duration_seconds=duration_seconds,
            old_version=old_version,
            new_version=new_version,
            release_id=release_id,
            git_branch=git_branch,
            git_commit=git_commit,
            error_message=error_message,
            details=encode.document(details or {}),
        )
    return deployment_id


_FINISHED = """
INSERT INTO tb_deployment
    (id, fraise, environment, job, kind, status, trigger, actor, requested_at, requested_on, started_at, completed_at, duration_seconds,
     old_version, new_version, release_id, git_branch, git_commit, error_message, details, fencing)
VALUES
    (:id, :fraise, :environment, :job, :kind, :status, :trigger, :actor, :started_at, :requested_on, :started_at, :completed_at,
     :duration_seconds, :old_version, :new_version, :release_id, :git_branch, :git_commit, :error_message, :details, :fencing)
"""
