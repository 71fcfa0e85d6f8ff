"""Queries: deployments, releases, history, numbers. Plain SQL over the v_* views; imports no more than the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fraisier.record import encode, shape
from fraisier.record.named import row_named
from fraisier.vocabulary import Status, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import (
        Deployment,
        DeploymentSummary,
        FraiseStatus,
        HostRelease,
        PhaseTiming,
        RecordedEvent,
        Release,
        Stats,
        UnsentNotification,
        WebhookEvent,
    )

_HERE = "fraise = :fraise AND environment = :environment AND job = :job"
_GOOD = f"{_HERE} AND status = 'success' AND kind IN ('deploy', 'rollback')"
_RELEASE = (
    "SELECT release_id, new_version, schema_after, pk_deployment, fencing, id, completed_at FROM tb_deployment AS d"
)
# A release is bad from the rollback that left it on, until somebody deploys or goes back to it with success.
_BAD = """EXISTS (
    SELECT 1 FROM tb_deployment AS r
    WHERE r.fraise = :fraise AND r.environment = :environment AND r.job = :job AND r.status = 'success' AND r.kind = 'rollback'
      AND r.old_release_id = {release} AND r.release_id <> {release}
      AND NOT EXISTS (
          SELECT 1 FROM tb_deployment AS a
          WHERE a.fraise = :fraise AND a.environment = :environment AND a.job = :job
            AND a.status = 'success' AND a.kind IN ('deploy', 'rollback')
            AND a.release_id = {release} AND a.fencing > r.fencing
      )
)"""


def deployment(ledger: Ledger, deployment_id: str) -> Deployment | None:
    """By its id or the beginning of it (four characters at least); ``UsageError`` when several begin so."""
    sql = "SELECT * FROM tb_deployment WHERE id >= :low AND id < :high ORDER BY id"
    found = row_named(ledger, sql, deployment_id, what="deployments", hint=", see `fraisier history`")
    return shape.deployment(found) if found else None


def deployment_by_pk(ledger: Ledger, pk: int) -> Deployment | None:
    found = ledger.query("SELECT * FROM tb_deployment WHERE pk_deployment = :pk", pk=pk)
    return shape.deployment(found[0]) if found else None


def last_deployments(ledger: Ledger, target: Target, limit: int = 20) -> list[Deployment]:
    """The newest deployments of a target, of any status, newest first."""
    sql = f"SELECT * FROM tb_deployment WHERE {_HERE} ORDER BY requested_at DESC, pk_deployment DESC LIMIT :limit"  # noqa: S608 - a constant
    return [shape.deployment(row) for row in ledger.query(sql, **_key(target), limit=limit)]


def last_ended(ledger: Ledger, target: Target) -> Deployment | None:
    """The last deployment of a target that was carried out and has ended."""
    sql = (
        f"SELECT * FROM tb_deployment WHERE {_HERE} AND fencing > 0 AND completed_at IS NOT NULL"  # noqa: S608 - a constant
        " ORDER BY fencing DESC LIMIT 1"
    )
    found = ledger.query(sql, **_key(target))
    return shape.deployment(found[0]) if found else None


def pending(ledger: Ledger, target: Target) -> Deployment | None:
    """What waits for the target."""
    found = ledger.query(f"SELECT * FROM tb_deployment WHERE {_HERE} AND status = 'pending'", **_key(target))  # noqa: S608 - a constant
    return shape.deployment(found[0]) if found else None


def running(ledger: Ledger, target: Target | None = None) -> list[Deployment]:
    """What runs: of one target (at most one), or of all, by name."""
    where, parameters = (f" AND {_HERE}", _key(target)) if target else ("", {})
    sql = f"SELECT * FROM tb_deployment WHERE status = 'in_progress'{where} ORDER BY fraise, environment, job"  # noqa: S608 - a constant
    return [shape.deployment(row) for row in ledger.query(sql, **parameters)]


def ended_before(ledger: Ledger, deployment: Deployment) -> Status | None:
    """How the deployment of the same target before this one ended, of those that changed something or failed to; None for the first."""
    sql = (
        f"SELECT status FROM tb_deployment WHERE {_HERE} AND fencing > 0 AND fencing < :fencing"  # noqa: S608 - a constant
        " AND status IN ('success', 'failed', 'rolled_back', 'rollback_failed', 'interrupted')"
        " ORDER BY fencing DESC LIMIT 1"
    )
    found = ledger.query(sql, **_key(deployment.target), fencing=deployment.fencing)
    return Status(found[0]["status"]) if found else None


def all_pending(ledger: Ledger) -> list[Deployment]:
    """What waits, for whomever: highest priority first, then oldest."""
    rows = ledger.query("SELECT * FROM tb_deployment WHERE status = 'pending' ORDER BY priority DESC, pk_deployment")
    return [shape.deployment(row) for row in rows]


def is_cancel_requested(ledger: Ledger, deployment: Deployment) -> bool:
    rows = ledger.query("SELECT cancel_requested FROM tb_deployment WHERE pk_deployment = :pk", pk=deployment.pk)
    return bool(rows and rows[0]["cancel_requested"])


def current_release(ledger: Ledger, target: Target) -> Release | None:
    """What the last successful deployment or rollback left serving."""
    found = ledger.query(f"{_RELEASE} WHERE {_GOOD} ORDER BY fencing DESC LIMIT 1", **_key(target))
    return shape.release(found[0]) if found else None


def previous_good(ledger: Ledger, target: Target) -> Release | None:
    """Where a rollback goes: the newest earlier deployment of another release that no successful rollback has left."""
    current = current_release(ledger, target)
    if current is None:
        return None
    found = _good_deploys(ledger, target, current, limit=1)
    return found[0] if found else None


def good_releases(ledger: Ledger, target: Target, limit: int = 20) -> list[Release]:
    """The current release, then those that ``previous_good`` would choose one after the other."""
    current = current_release(ledger, target)
    return [current, *_good_deploys(ledger, target, current, limit=limit - 1)] if current else []


def is_bad(ledger: Ledger, target: Target, release_id: str) -> bool:
    """True when the target was rolled back from this release and has not returned to it."""
    sql = f"SELECT 1 AS yes WHERE {_BAD.format(release=':release_id')}"
    return bool(ledger.query(sql, **_key(target), release_id=release_id))


def history(
    ledger: Ledger,
    *,
    fraise: str | None = None,
    environment: str | None = None,
    job: str | None = None,
    status: Status | None = None,
    since: datetime | None = None,
    limit: int = 20,
) -> list[DeploymentSummary]:
    """The newest deployments, newest first. ``since`` is when they were requested."""
    given: dict[str, object] = {
        "fraise": fraise,
        "environment": environment,
        "job": job,
        "status": status.value if status else None,
    }
    where, values = _filter(given, "requested_at", since)
    sql = f"{_SUMMARY} {where} ORDER BY requested_at DESC, pk_deployment DESC LIMIT :limit"
    return [shape.summary(row) for row in ledger.query(sql, **values, limit=limit)]


def stats(
    ledger: Ledger,
    *,
    fraise: str | None = None,
    environment: str | None = None,
    job: str | None = None,
    days: int | None = None,
) -> Stats:
    """Numbers over the last ``days`` days (UTC, today counts as one), or over everything."""
    given: dict[str, object] = {"fraise": fraise, "environment": environment, "job": job}
    equal = {name: value for name, value in given.items() if value is not None}
    # A window is read from the index by day, and from nothing else: SQLite would rather take all there ever was of the fraise.
    conditions = [f"{name} = :{name}" if days is None else f"{name} || '' = :{name}" for name in equal]
    if days is not None:
        conditions.append("day >= :day")
        equal["day"] = (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = ledger.query(f"{_STATS} {where}", **equal)
    return shape.stats(rows[0] if rows else {})


def phase_timing(ledger: Ledger, deployment: Deployment) -> list[PhaseTiming]:
    """Where the time went, in the order in which the phases began."""
    sql = "SELECT * FROM v_phase_timing WHERE fk_deployment = :pk ORDER BY started_at, run"
    return [shape.phase_timing(row) for row in ledger.query(sql, pk=deployment.pk)]


def events(ledger: Ledger, deployment: Deployment, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
    """Events whose sequence is above ``after``, in order."""
    sql = "SELECT * FROM tb_deployment_event WHERE fk_deployment = :pk AND sequence > :after ORDER BY sequence LIMIT :limit"
    return [shape.event(row) for row in ledger.query(sql, pk=deployment.pk, after=after, limit=limit)]


def fraise_status(ledger: Ledger, target: Target | None = None) -> list[FraiseStatus]:
    """Every target that was ever asked for, by name; or the one."""
    where = f"WHERE {_HERE}" if target else ""
    sql = f"{_STATUS} {where} ORDER BY fraise, environment, job"
    return [shape.fraise_status(row) for row in ledger.query(sql, **(_key(target) if target else {}))]


def state_id(ledger: Ledger, target: Target) -> str:
    """The id of what this ledger knows of a target: fencing numbers count within it."""
    rows = ledger.query(f"SELECT id FROM tb_fraise_state WHERE {_HERE}", **_key(target))  # noqa: S608 - a constant
    return str(rows[0]["id"]) if rows else ""


def host_releases(ledger: Ledger, target: Target) -> list[HostRelease]:
    """What is known of each host of the target, by name."""
    sql = f"SELECT * FROM tb_host_release WHERE {_HERE} ORDER BY host"  # noqa: S608 - a constant
    return [shape.host_release(row) for row in ledger.query(sql, **_key(target))]


def debts(ledger: Ledger) -> list[HostRelease]:
    """Hosts of any target that owe a release."""
    rows = ledger.query("SELECT * FROM tb_host_release WHERE state = 'debt' ORDER BY fraise, environment, job, host")
    return [shape.host_release(row) for row in rows]


def recent_webhooks(
    ledger: Ledger,
    *,
    hook: str | None = None,
    decision: str | None = None,
    repository: str | None = None,
    since: datetime | None = None,
    limit: int = 20,
) -> list[WebhookEvent]:
    """Received webhooks, newest first, without what was kept of their bodies."""
    given: dict[str, object] = {"hook": hook, "decision": decision, "repository": repository}
    where, values = _filter(given, "received_at", since)
    sql = f"{_WEBHOOK} {where} ORDER BY received_at DESC, pk_webhook_event DESC LIMIT :limit"
    return [shape.webhook(row) for row in ledger.query(sql, **values, limit=limit)]


def unsent_notifications(ledger: Ledger, *, limit: int = 20) -> list[UnsentNotification]:
    """Messages that have not reached their places, newest first."""
    return [shape.unsent_notification(row) for row in ledger.query(_UNSENT, limit=limit)]


def _good_deploys(ledger: Ledger, target: Target, current: Release, *, limit: int) -> list[Release]:
    sql = (
        f"{_RELEASE} WHERE {_GOOD} AND kind = 'deploy' AND fencing < :fencing AND release_id <> '' AND release_id <> :current"
        f" AND NOT {_BAD.format(release='d.release_id')} ORDER BY fencing DESC LIMIT :limit"
    )
    rows = ledger.query(sql, **_key(target), fencing=current.fencing, current=current.release_id, limit=limit)
    return [shape.release(row) for row in rows]


def _filter(given: Mapping[str, object], moment: str, since: datetime | None) -> tuple[str, dict[str, object]]:
    """What is given must be equal, ``moment`` not before ``since``: the WHERE of it, and its values."""
    values = {name: value for name, value in given.items() if value is not None}
    conditions = [f"{name} = :{name}" for name in values]
    if since is not None:
        conditions.append(f"{moment} >= :since")
        values["since"] = encode.moment(since)
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _key(target: Target) -> dict[str, object]:
    return {"fraise": target.fraise, "environment": target.environment, "job": target.job}


_SUMMARY = """
SELECT id, fraise, environment, job, kind, status, trigger, actor, requested_at, started_at, completed_at, duration_seconds,
    old_version, new_version, version_change, release_id, git_branch, git_commit, error_code, error_message
FROM v_deployment_history
"""

_STATS = """
SELECT sum(total) AS total, sum(successful) AS successful, sum(unchanged) AS unchanged, sum(failed) AS failed,
    sum(rolled_back) AS rolled_back, sum(timed) AS timed, sum(duration_total) AS duration_total
FROM v_deployment_stats
"""

_STATUS = """
SELECT id, fraise, environment, job, status, current_version, release_id, last_deployed_at, last_deployed_by, last_deploy_duration,
    last_deployment_id, last_deployment_status, hosts, hosts_active
FROM v_fraise_status
"""

_UNSENT = """
SELECT n.channel, n.event, n.status, n.attempts, n.error_message, n.created_at, n.next_attempt_at, d.fraise, d.environment, d.job
FROM tb_notification AS n JOIN tb_deployment AS d ON d.pk_deployment = n.fk_deployment
WHERE n.status IN ('pending', 'failed') ORDER BY n.pk_notification DESC LIMIT :limit
"""

_WEBHOOK = """
SELECT pk_webhook_event, id, hook, provider, delivery_id, event_type, repository, branch, commit_sha, sender, received_at, processed,
    decision, reason, deployment_id
FROM v_recent_webhooks
"""
