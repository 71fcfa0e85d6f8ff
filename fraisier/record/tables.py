"""The tables as SQLModel classes: what Alembic compares the database with, and what an embedding application may query.

FraiseQL's conventions: ``pk_*`` (integer, stays inside), ``id`` (UUID as text of 36 characters, the same on both engines), ``identifier``
(slug), ``fk_*``. Fraisier itself reads and writes by SQL (``read``, ``write``): importing this module takes longer than most commands may.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from fraisier.record.columns import BIG, DOCUMENT, Moment, fk, flag, id_, maybe, number, one_of, pk, when, where, words
from fraisier.vocabulary import EventKind, FraiseState, Kind, Status, Trigger

RUNS = ("deploy", "compensate", "probe")
HOST_STATES = ("active", "unknown", "failed", "debt")
DECISIONS = ("received", "accepted", "ignored", "refused")
NOTIFICATION_STATES = ("pending", "sent", "failed")


class TbFraiseState(SQLModel, table=True):
    """What is known of a target now, and the counter that numbers its runs."""

    __tablename__ = "tb_fraise_state"
    __table_args__ = (
        UniqueConstraint("id", name="uq_fraise_state_id"),
        UniqueConstraint("identifier", name="uq_fraise_state_identifier"),
        UniqueConstraint("fraise", "environment", "job", name="uq_fraise_state_target"),
        one_of("fraise_state", "status", FraiseState),
    )

    pk_fraise_state: int | None = pk()
    id: str = id_()
    identifier: str = words(None)
    fraise: str = words(None)
    environment: str = words(None)
    job: str = words()
    status: str = words(FraiseState.UNKNOWN.value)
    current_version: str = words()
    release_id: str = words()
    last_deployed_at: datetime | None = maybe(Moment)
    last_deployed_by: str = words()
    fencing: int = number(kind=BigInteger)
    updated_at: datetime = when()


_RUNNING = "status = 'in_progress'"
_GOOD = "status = 'success' AND kind IN ('deploy', 'rollback')"


class TbDeployment(SQLModel, table=True):
    """One run of a target: the state machine. Two partial unique indexes are its law."""

    __tablename__ = "tb_deployment"
    __table_args__ = (
        UniqueConstraint("id", name="uq_deployment_id"),
        one_of("deployment", "kind", Kind),
        one_of("deployment", "status", Status),
        one_of("deployment", "trigger", Trigger),
        Index("ux_deployment_running", "fraise", "environment", "job", unique=True, **where(_RUNNING)),
        Index("ux_deployment_pending", "fraise", "environment", "job", unique=True, **where("status = 'pending'")),
        # The history by any of its filters, newest first, without sorting; the last columns let sums be read from the index alone.
        Index("ix_deployment_requested", "requested_at", "pk_deployment"),
        Index("ix_deployment_target", "fraise", "environment", "job", "requested_at", "pk_deployment"),
        Index("ix_deployment_fraise", "fraise", "requested_at", "pk_deployment"),
        Index("ix_deployment_environment", "environment", "requested_at", "pk_deployment"),
        Index("ix_deployment_place", "fraise", "environment", "requested_at", "pk_deployment"),
        Index("ix_deployment_status", "status", "requested_at", "pk_deployment"),
        Index("ix_deployment_fraise_status", "fraise", "status", "requested_at", "pk_deployment"),
        Index("ix_deployment_environment_status", "environment", "status", "requested_at", "pk_deployment"),
        Index("ix_deployment_place_status", "fraise", "environment", "status", "requested_at", "pk_deployment"),
        Index("ix_deployment_day", "requested_on", "fraise", "environment", "job", "status", "duration_seconds"),
        # In the order in which they were carried out, which is not always the one in which they were asked for.
        Index("ix_deployment_carried", "fraise", "environment", "job", "fencing", **where("fencing > 0")),
        Index("ix_deployment_good", "fraise", "environment", "job", "fencing", **where(_GOOD)),
        Index("ix_deployment_good_release", "fraise", "environment", "job", "release_id", "fencing", **where(_GOOD)),
        Index(
            "ix_deployment_left",
            "fraise",
            "environment",
            "job",
            "old_release_id",
            "fencing",
            **where("status = 'success' AND kind = 'rollback'"),
        ),
        Index("ix_deployment_queue", "priority", "pk_deployment", **where("status = 'pending'")),
        Index("ix_deployment_retry_of", "fk_retry_of", **where("fk_retry_of IS NOT NULL")),
        Index("ix_deployment_superseded_by", "fk_superseded_by", **where("fk_superseded_by IS NOT NULL")),
        {"sqlite_autoincrement": True},  # a number that was pruned is not given out again
    )

    pk_deployment: int | None = pk()
    id: str = id_()
    fraise: str = words(None)
    environment: str = words(None)
    job: str = words()
    kind: str = words(None)
    status: str = words(None)
    trigger: str = words(None)
    actor: str = words()
    priority: int = number()
    requested_at: datetime = when()
    requested_on: date = Field(sa_type=Date)
    started_at: datetime | None = maybe(Moment)
    completed_at: datetime | None = maybe(Moment)
    duration_seconds: float | None = None
    old_version: str = words()
    new_version: str = words()
    old_release_id: str = words()
    release_id: str = words()
    git_repo: str = words()
    git_branch: str = words()
    git_commit: str | None = maybe()
    plan_hash: str = words()
    config_hash: str = words()
    plan: dict[str, Any] | None = maybe(DOCUMENT)
    schema_before: str = words()
    schema_after: str = words()
    error_code: str | None = maybe()
    error_message: str | None = maybe()
    details: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    owner_host: str = words()
    owner_pid: int = number()
    owner_boot_id: str = words()
    owner_started: str = words()
    heartbeat_at: datetime | None = maybe(Moment)
    fencing: int = number(kind=BigInteger)
    cancel_requested: bool = flag()
    fk_retry_of: int | None = fk("tb_deployment.pk_deployment", "SET NULL")
    fk_superseded_by: int | None = fk("tb_deployment.pk_deployment", "SET NULL")
    forced: bool = flag()
    background: bool = flag()


class TbDeploymentEvent(SQLModel, table=True):
    """One event of a run. Append-only: triggers refuse changes, and removal other than with its whole deployment.

    No ``id`` of its own: an event is known by its deployment and its ``sequence`` there.
    """

    __tablename__ = "tb_deployment_event"
    __table_args__ = (
        UniqueConstraint("fk_deployment", "sequence", name="uq_deployment_event_sequence"),
        one_of("deployment_event", "run", RUNS),
        one_of("deployment_event", "event", EventKind),
    )

    pk_deployment_event: int | None = pk()
    fk_deployment: int = Field(sa_type=BIG, foreign_key="tb_deployment.pk_deployment", ondelete="CASCADE")
    sequence: int
    run: str = words(None)
    created_at: datetime = when()
    event: str = words(None)
    phase: str = words()
    play: str = words()
    task: str = words()
    role: str = words()
    action: str = words()
    host: str = words()
    item: str = words()
    status: str = words()
    duration_seconds: float | None = None
    changed: bool = flag()
    message: str = words()
    stdout: str = words()
    stderr: str = words()
    data: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})


class TbHostRelease(SQLModel, table=True):
    """What is active on a host for a target, and how that is known."""

    __tablename__ = "tb_host_release"
    __table_args__ = (
        UniqueConstraint("id", name="uq_host_release_id"),
        UniqueConstraint("fraise", "environment", "job", "host", name="uq_host_release_target_host"),
        one_of("host_release", "state", HOST_STATES),
        Index("ix_host_release_deployment", "fk_deployment"),
        Index("ix_host_release_host", "host"),
    )

    pk_host_release: int | None = pk()
    id: str = id_()
    identifier: str = words(None)
    fraise: str = words(None)
    environment: str = words(None)
    job: str = words()
    host: str = words(None)
    release_id: str = words()
    version: str = words()
    previous_release_id: str = words()
    state: str = words(None)
    evidence: str = words()
    activated_at: datetime | None = maybe(Moment)
    fk_deployment: int | None = fk("tb_deployment.pk_deployment", "SET NULL")
    updated_at: datetime = when()


class TbPlan(SQLModel, table=True):
    """What a deployment would do, as ``fraisier plan`` found it; ``deploy --plan`` does exactly that, once, or refuses.

    ``hash`` is over all of it: target, commit, configuration, compiled plan and findings.
    """

    __tablename__ = "tb_plan"
    __table_args__ = (
        UniqueConstraint("id", name="uq_plan_id"),
        UniqueConstraint("identifier", name="uq_plan_identifier"),
        Index("ix_plan_target", "fraise", "environment", "job", "pk_plan"),
        Index("ix_plan_expires", "expires_at"),
        Index("ix_plan_deployment", "fk_deployment"),
    )

    pk_plan: int | None = pk()
    id: str = id_()
    identifier: str = words(None)
    fraise: str = words(None)
    environment: str = words(None)
    job: str = words()
    actor: str = words()
    created_at: datetime = when()
    expires_at: datetime = when()
    git_branch: str = words()
    git_commit: str = words(None)
    pinned: bool = flag()
    forced: bool = flag()
    host_limit: str = words()
    old_version: str = words()
    old_release_id: str = words()
    release_id: str = words(None)
    config_hash: str = words(None)
    plan_hash: str = words(None)
    hash: str = words(None)
    plan: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    findings: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    fk_deployment: int | None = fk("tb_deployment.pk_deployment", "CASCADE")


class TbWebhookEvent(SQLModel, table=True):
    """One received webhook. Among the accepted ones a delivery id, and a body, exists once per hook."""

    __tablename__ = "tb_webhook_event"
    __table_args__ = (
        UniqueConstraint("id", name="uq_webhook_event_id"),
        one_of("webhook_event", "decision", DECISIONS),
        Index(
            "ux_webhook_event_delivery",
            "hook",
            "delivery_id",
            unique=True,
            **where("decision = 'accepted' AND delivery_id <> ''"),
        ),
        Index(
            "ux_webhook_event_body",
            "hook",
            "body_sha256",
            unique=True,
            **where("decision = 'accepted' AND body_sha256 <> ''"),
        ),
        Index("ix_webhook_event_received", "received_at", "pk_webhook_event"),
        Index("ix_webhook_event_deployment", "fk_deployment"),
    )

    pk_webhook_event: int | None = pk()
    id: str = id_()
    received_at: datetime = when()
    hook: str = words(None)
    provider: str = words(None)
    delivery_id: str = words()
    body_sha256: str = words()
    event_type: str = words()
    repository: str = words()
    branch: str = words()
    commit_sha: str = words()
    sender: str = words()
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    processed: bool = flag()
    decision: str = words("received")
    reason: str = words()
    fk_deployment: int | None = fk("tb_deployment.pk_deployment", "SET NULL")
    request_id: str = words()


class TbScheduleTick(SQLModel, table=True):
    """A moment at which a deployment was due by the clock: whoever of several workers writes its row asks for the deployment.

    ``schedule`` is what the moment was taken from. A target's first row of a schedule is only where counting begins.
    """

    __tablename__ = "tb_schedule_tick"
    __table_args__ = (
        UniqueConstraint("fraise", "environment", "job", "schedule", "due_at", name="uq_schedule_tick_due"),
        Index("ix_schedule_tick_due", "due_at"),
        Index("ix_schedule_tick_deployment", "fk_deployment"),
    )

    pk_schedule_tick: int | None = pk()
    fraise: str = words(None)
    environment: str = words(None)
    job: str = words()
    schedule: str = words()
    due_at: datetime = when()
    fk_deployment: int | None = fk("tb_deployment.pk_deployment", "SET NULL")


class TbGitCommit(SQLModel, table=True):
    """A commit that was deployed or announced, once per repository."""

    __tablename__ = "tb_git_commit"
    __table_args__ = (
        UniqueConstraint("id", name="uq_git_commit_id"),
        UniqueConstraint("git_repo", "commit_sha", name="uq_git_commit_commit"),
        Index("ix_git_commit_sha", "commit_sha"),
    )

    pk_git_commit: int | None = pk()
    id: str = id_()
    git_repo: str = words(None)
    commit_sha: str = words(None)
    git_branch: str = words()
    author: str = words()
    message: str = words()
    committed_at: datetime | None = maybe(Moment)
    created_at: datetime = when()


class TbAuditLog(SQLModel, table=True):
    """Who asked for what, and the answer. Append-only by triggers; therefore the deployment is named, not referenced."""

    __tablename__ = "tb_audit_log"
    __table_args__ = (
        UniqueConstraint("id", name="uq_audit_log_id"),
        Index("ix_audit_log_created", "created_at"),
        Index("ix_audit_log_deployment", "deployment_id", **where("deployment_id <> ''")),
    )

    pk_audit_log: int | None = pk()
    id: str = id_()
    created_at: datetime = when()
    actor: str = words()
    door: str = words()
    action: str = words(None)
    subject: str = words()
    outcome: str = words()
    deployment_id: str = words()
    details: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})


class TbNotification(SQLModel, table=True):
    """A message about a deployment to one place; ``channel`` names the place without its secret.

    Of several with the same ``subject`` only the newest counts: an older one that still waits is not sent any more.
    """

    __tablename__ = "tb_notification"
    __table_args__ = (
        UniqueConstraint("id", name="uq_notification_id"),
        one_of("notification", "status", NOTIFICATION_STATES),
        Index("ux_notification_once", "fk_deployment", "channel", "event", unique=True),
        Index("ix_notification_status", "status", "pk_notification"),
        Index("ix_notification_due", "next_attempt_at", **where("status = 'pending'")),
        Index("ix_notification_subject", "subject", "pk_notification", **where("subject <> ''")),
    )

    pk_notification: int | None = pk()
    id: str = id_()
    fk_deployment: int | None = fk("tb_deployment.pk_deployment", "CASCADE")
    channel: str = words(None)
    event: str = words(None)
    status: str = words("pending")
    attempts: int = number()
    error_message: str = words()
    created_at: datetime = when()
    sent_at: datetime | None = maybe(Moment)
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    next_attempt_at: datetime | None = maybe(Moment)
    subject: str = words()
    claimed_until: datetime | None = maybe(Moment)
