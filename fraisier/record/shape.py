"""From a row of either driver to what the ledger hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fraisier.record.encode import read_document, read_moment
from fraisier.record.owner import Owner
from fraisier.record.rows import (
    Deployment,
    DeploymentSummary,
    FraiseStatus,
    HostRelease,
    Notification,
    PhaseTiming,
    RecordedEvent,
    Release,
    Stats,
    StoredPlan,
    UnsentNotification,
    WebhookEvent,
)
from fraisier.vocabulary import EventKind, FraiseState, Kind, Status, Target, Trigger

if TYPE_CHECKING:
    from datetime import datetime

    from fraisier.record.ledger import Row


def target(row: Row) -> Target:
    return Target(row["fraise"], row["environment"], row["job"])


def deployment(row: Row) -> Deployment:
    owner = Owner(row["owner_host"], row["owner_pid"], row["owner_boot_id"], row["owner_started"])
    names = _DEPLOYMENT_AS_IS
    return Deployment(
        pk=row["pk_deployment"],
        target=target(row),
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        trigger=Trigger(row["trigger"]),
        requested_at=_moment(row["requested_at"]),
        started_at=read_moment(row["started_at"]),
        completed_at=read_moment(row["completed_at"]),
        heartbeat_at=read_moment(row["heartbeat_at"]),
        plan=read_document(row["plan"]),
        details=read_document(row["details"]),
        owner=owner if owner.host else None,
        cancel_requested=bool(row["cancel_requested"]),
        forced=bool(row["forced"]),
        background=bool(row["background"]),
        **{name: row[name] for name in names},
    )


def plan(row: Row) -> StoredPlan:
    return StoredPlan(
        pk=row["pk_plan"],
        target=target(row),
        created_at=_moment(row["created_at"]),
        expires_at=_moment(row["expires_at"]),
        pinned=bool(row["pinned"]),
        forced=bool(row["forced"]),
        plan=read_document(row["plan"]),
        findings=read_document(row["findings"]),
        **{name: row[name] for name in _PLAN_AS_IS},
    )


def summary(row: Row) -> DeploymentSummary:
    names = _SUMMARY_AS_IS
    return DeploymentSummary(
        target=target(row),
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        trigger=Trigger(row["trigger"]),
        requested_at=_moment(row["requested_at"]),
        started_at=read_moment(row["started_at"]),
        completed_at=read_moment(row["completed_at"]),
        **{name: row[name] for name in names},
    )


def release(row: Row) -> Release:
    return Release(
        row["release_id"],
        row["new_version"],
        row["schema_after"],
        row["pk_deployment"],
        row["fencing"],
        row["id"],
        read_moment(row["completed_at"]),
    )


def event(row: Row) -> RecordedEvent:
    return RecordedEvent(
        created_at=_moment(row["created_at"]),
        event=EventKind(row["event"]),
        changed=bool(row["changed"]),
        data=read_document(row["data"]),
        **{name: row[name] for name in _EVENT_AS_IS},
    )


def host_release(row: Row) -> HostRelease:
    return HostRelease(
        target=target(row),
        activated_at=read_moment(row["activated_at"]),
        updated_at=_moment(row["updated_at"]),
        **{name: row[name] for name in ("host", "release_id", "version", "previous_release_id", "state", "evidence")},
    )


def fraise_status(row: Row) -> FraiseStatus:
    return FraiseStatus(
        target=target(row),
        status=FraiseState(row["status"]),
        last_deployed_at=read_moment(row["last_deployed_at"]),
        last_deployment_status=Status(row["last_deployment_status"]) if row["last_deployment_status"] else None,
        **{name: row[name] for name in _STATUS_AS_IS},
    )


def stats(row: Row) -> Stats:
    """The sums of many days; a database without any says nothing or None."""
    total, successful, unchanged, failed, rolled_back, timed = (
        int(row.get(name) or 0) for name in ("total", "successful", "unchanged", "failed", "rolled_back", "timed")
    )
    ended = successful + failed + rolled_back
    average = float(row["duration_total"]) / timed if timed else None
    return Stats(total, successful, unchanged, failed, rolled_back, average, successful / ended if ended else None)


def phase_timing(row: Row) -> PhaseTiming:
    return PhaseTiming(
        started_at=_moment(row["started_at"]),
        completed_at=_moment(row["completed_at"]),
        **{
            name: row[name]
            for name in ("deployment_id", "run", "phase", "duration_seconds", "hosts", "tasks", "failed")
        },
    )


def notification(row: Row) -> Notification:
    return Notification(
        pk=row["pk_notification"],
        channel=row["channel"],
        event=row["event"],
        subject=row["subject"],
        attempts=row["attempts"],
        created_at=_moment(row["created_at"]),
        payload=read_document(row["payload"]),
    )


def unsent_notification(row: Row) -> UnsentNotification:
    return UnsentNotification(
        channel=row["channel"],
        event=row["event"],
        target=target(row).slug,
        status=row["status"],
        attempts=row["attempts"],
        error=row["error_message"],
        created_at=_moment(row["created_at"]),
        next_attempt_at=read_moment(row["next_attempt_at"]),
    )


def webhook(row: Row, *, is_duplicate: bool = False) -> WebhookEvent:
    return WebhookEvent(
        pk=row["pk_webhook_event"],
        received_at=_moment(row["received_at"]),
        processed=bool(row["processed"]),
        payload=read_document(row["payload"]) if "payload" in row else {},
        is_duplicate=is_duplicate,
        **{name: row[name] for name in _WEBHOOK_AS_IS},
    )


def _moment(value: Any) -> datetime:
    at = read_moment(value)
    assert at is not None
    return at


_DEPLOYMENT_AS_IS = (
    "id",
    "actor",
    "priority",
    "duration_seconds",
    "old_version",
    "new_version",
    "old_release_id",
    "release_id",
    "git_repo",
    "git_branch",
    "git_commit",
    "plan_hash",
    "config_hash",
    "schema_before",
    "schema_after",
    "error_code",
    "error_message",
    "fencing",
    "fk_retry_of",
    "fk_superseded_by",
)
_SUMMARY_AS_IS = (
    "id",
    "actor",
    "duration_seconds",
    "old_version",
    "new_version",
    "version_change",
    "release_id",
    "git_branch",
    "git_commit",
    "error_code",
    "error_message",
)
_EVENT_AS_IS = (
    "sequence",
    "run",
    "phase",
    "play",
    "task",
    "role",
    "action",
    "host",
    "item",
    "status",
    "duration_seconds",
    "message",
    "stdout",
    "stderr",
)
_STATUS_AS_IS = (
    "id",
    "current_version",
    "release_id",
    "last_deployed_by",
    "last_deploy_duration",
    "last_deployment_id",
    "hosts",
    "hosts_active",
)
_PLAN_AS_IS = (
    "id",
    "identifier",
    "actor",
    "git_branch",
    "git_commit",
    "host_limit",
    "old_version",
    "old_release_id",
    "release_id",
    "config_hash",
    "plan_hash",
    "hash",
    "deployment_id",
)
_WEBHOOK_AS_IS = (
    "id",
    "hook",
    "provider",
    "delivery_id",
    "event_type",
    "repository",
    "branch",
    "commit_sha",
    "sender",
    "decision",
    "reason",
    "deployment_id",
)
