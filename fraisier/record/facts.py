"""Commands beside the deployment itself: what hosts run, how targets are, webhooks, commits, audit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fraisier.record import deliveries, encode
from fraisier.record.ledger import target_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment, WebhookEvent
    from fraisier.vocabulary import FraiseState, Target


def record_host_release(
    ledger: Ledger,
    target: Target,
    host: str,
    *,
    state: str,
    release_id: str = "",
    version: str = "",
    previous_release_id: str = "",
    evidence: str = "",
    activated_at: datetime | float | None = None,
    deployment: Deployment | None = None,
) -> None:
    """What is active on ``host`` now. ``state``: active (seen), unknown, failed, or debt (owed to a host that was not reached)."""
    with ledger.transaction() as session:
        session.execute(
            _HOST_RELEASE,
            id=str(uuid4()),
            identifier=f"{target.slug}@{host}",
            **_key(target),
            host=host,
            release_id=release_id,
            version=version,
            previous_release_id=previous_release_id,
            state=state,
            evidence=evidence,
            activated_at=None if activated_at is None else encode.moment(activated_at),
            fk_deployment=deployment.pk if deployment else None,
            updated_at=encode.moment(session.now()),
        )


def set_fraise_state(
    ledger: Ledger,
    target: Target,
    *,
    status: FraiseState | None = None,
    version: str | None = None,
    release_id: str | None = None,
    deployed_by: str | None = None,
    deployed_at: datetime | None = None,
) -> None:
    """Change what is known of a target; None leaves a value as it is."""
    given: dict[str, object] = {
        "status": status.value if status else None,
        "current_version": version,
        "release_id": release_id,
        "last_deployed_by": deployed_by,
        "last_deployed_at": encode.moment(deployed_at) if deployed_at else None,
    }
    values = {name: value for name, value in given.items() if value is not None}
    columns = ", ".join(f"{name} = :{name}" for name in (*values, "updated_at"))
    with ledger.transaction() as session:
        target_lock(session, target)
        at = encode.moment(session.now())
        session.execute(_FRAISE_STATE, id=str(uuid4()), identifier=target.slug, **_key(target), updated_at=at)
        session.execute(
            f"UPDATE tb_fraise_state SET {columns}"  # noqa: S608 - names from the list above
            " WHERE fraise = :fraise AND environment = :environment AND job = :job",
            **values,
            **_key(target),
            updated_at=at,
        )


def audit(
    ledger: Ledger,
    action: str,
    *,
    actor: str,
    door: str = "",
    subject: str = "",
    outcome: str = "",
    deployment_id: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Note who asked for what, through which door (cli, webhook, api, dashboard, schedule), and the answer. Cannot be changed later."""
    with ledger.transaction() as session:
        text = encode.text
        about = encode.bounded(details or {})
        entry = (text(actor), text(action), text(subject), text(outcome), text(deployment_id), about)
        deliveries.insert_audit(session, session.now(), [entry], door=door)


def record_git_commit(
    ledger: Ledger,
    git_repo: str,
    commit_sha: str,
    *,
    git_branch: str = "",
    author: str = "",
    message: str = "",
    committed_at: datetime | None = None,
) -> None:
    """Remember a commit; what is already known of it stays unless something is said now."""
    with ledger.transaction() as session:
        session.execute(
            _GIT_COMMIT,
            id=str(uuid4()),
            git_repo=git_repo,
            commit_sha=commit_sha,
            git_branch=git_branch,
            author=author,
            message=message,
            committed_at=encode.moment(committed_at) if committed_at else None,
            created_at=encode.moment(session.now()),
        )


def record_webhook_event(
    ledger: Ledger,
    *,
    hook: str,
    provider: str,
    event_type: str,
    delivery_id: str = "",
    body_sha256: str = "",
    repository: str = "",
    branch: str = "",
    commit_sha: str = "",
    sender: str = "",
    payload: Mapping[str, Any] | None = None,
) -> WebhookEvent:
    """Record a verified delivery. Was it, or the same body, accepted before, nothing is written and that one comes back (``is_duplicate``).

    What is decided on a delivery of the server is written with it (``fraisier.deliveries``); this one counts as received.
    """
    with ledger.transaction() as session:
        deliveries.lock_hooks(session, [hook])
        if known := deliveries.accepted_before(session, [(hook, delivery_id, body_sha256)]):
            return replace(deliveries.find(ledger, known[0]), is_duplicate=True)
        event = deliveries.new_id()
        texts = {
            "hook": hook,
            "provider": provider,
            "delivery_id": delivery_id,
            "body_sha256": body_sha256,
            "event_type": event_type,
            "repository": repository,
            "branch": branch,
            "commit_sha": commit_sha,
            "sender": sender,
        }
        row: dict[str, object] = {
            **{name: encode.text(value) for name, value in texts.items()},
            "id": event,
            "received_at": encode.moment(session.now()),
            "payload": encode.bounded(payload or {}),
            "processed": False,
            "decision": "received",
            "reason": "",
            "fk_deployment": None,
            "request_id": "",
        }
        deliveries.insert_events(session, [tuple(row[name] for name in deliveries.EVENT_COLUMNS)])
        return deliveries.find(ledger, event)


def _key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_HOST_RELEASE = """
INSERT INTO tb_host_release
    (id, identifier, fraise, environment, job, host, release_id, version, previous_release_id, state, evidence, activated_at,
     fk_deployment, updated_at)
VALUES
    (:id, :identifier, :fraise, :environment, :job, :host, :release_id, :version, :previous_release_id, :state, :evidence, :activated_at,
     :fk_deployment, :updated_at)
ON CONFLICT (fraise, environment, job, host) DO UPDATE SET
    release_id = excluded.release_id, version = excluded.version, previous_release_id = excluded.previous_release_id,
    state = excluded.state, evidence = excluded.evidence, activated_at = excluded.activated_at,
    fk_deployment = excluded.fk_deployment, updated_at = excluded.updated_at
"""

_FRAISE_STATE = """
INSERT INTO tb_fraise_state (id, identifier, fraise, environment, job, updated_at)
VALUES (:id, :identifier, :fraise, :environment, :job, :updated_at)
ON CONFLICT (fraise, environment, job) DO NOTHING
"""

_GIT_COMMIT = """
INSERT INTO tb_git_commit (id, git_repo, commit_sha, git_branch, author, message, committed_at, created_at)
VALUES (:id, :git_repo, :commit_sha, :git_branch, :author, :message, :committed_at, :created_at)
ON CONFLICT (git_repo, commit_sha) DO UPDATE SET
    git_branch = CASE WHEN excluded.git_branch <> '' THEN excluded.git_branch ELSE tb_git_commit.git_branch END,
    author = CASE WHEN excluded.author <> '' THEN excluded.author ELSE tb_git_commit.author END,
    message = CASE WHEN excluded.message <> '' THEN excluded.message ELSE tb_git_commit.message END,
    committed_at = COALESCE(excluded.committed_at, tb_git_commit.committed_at)
"""
