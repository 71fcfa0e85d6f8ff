"""The tables as SQLModel classes: what Alembic compares the database with, and what an embedding application may query.

FraiseQL's conventions: ``pk_*`` (integer, stays inside), ``id`` (UUID as text of 36 characters, the same on both engines), ``identifier``
(slug), ``fk_*``. Fraisier itself reads and writes by SQL (``read``, ``write``): importing this module takes longer than most commands may.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from fraisier.record import encode
from fraisier.vocabulary import EventKind, FraiseState, Kind, Status, Trigger

RUNS = ("deploy", "compensate", "probe")
HOST_STATES = ("active", "unknown", "failed", "debt")
DECISIONS = ("received", "accepted", "ignored", "refused")
NOTIFICATION_STATES = ("pending", "sent", "failed")

BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows by themselves only in a column of type INTEGER
DOCUMENT = JSON().with_variant(JSONB(), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A time with its zone: timestamptz on PostgreSQL, on SQLite text in ISO 8601 that sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return encode.moment(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        return encode.read_moment(value)


def _pk() -> Any:
    return Field(default=None, primary_key=True, sa_type=BIG, sa_column_args=(Identity(),))


ID = String(36).with_variant(String(36, collation="C"), "postgresql")  # looked up by prefix: order of bytes


def _id() -> Any:
    return Field(default_factory=lambda: str(uuid4()), sa_type=ID)


def _words(default: str | None = "") -> Any:
    return Field(default=default, sa_type=Text, sa_column_kwargs={"server_default": default})


def _maybe(kind: Any = Text) -> Any:
    return Field(default=None, sa_type=kind)


def _number(default: int = 0, kind: Any = Integer) -> Any:
    return Field(default=default, sa_type=kind, sa_column_kwargs={"server_default": str(default)})


def _flag() -> Any:
    return Field(default=False, sa_column_kwargs={"server_default": text("false")})


def _when() -> Any:
    return Field(sa_type=Moment)


def _fk(column: str, on_delete: Literal["CASCADE", "SET NULL"]) -> Any:
    return Field(default=None, sa_type=BIG, foreign_key=column, ondelete=on_delete)


def _one_of(table: str, column: str, words: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=f"ck_{table}_{column}")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class TbFraiseState(SQLModel, table=True):
    """What is known of a target now, and the counter that numbers its runs."""

    __tablename__ = "tb_fraise_state"
    __table_args__ = (
        UniqueConstraint("id", name="uq_fraise_state_id"),
        UniqueConstraint("identifier", name="uq_fraise_state_identifier"),
        UniqueConstraint("fraise", "environment", "job", name="uq_fraise_state_target"),
        _one_of("fraise_state", "status", FraiseState),
    )

    pk_fraise_state: int | None = _pk()
    id: str = _id()
    identifier: str = _words(None)
    fraise: str = _words(None)
    environment: str = _words(None)
    job: str = _words()
    status: str = _words(FraiseState.UNKNOWN.value)
    current_version: str = _words()
    release_id: str = _words()
    last_deployed_at: datetime | None = _maybe(Moment)
    last_deployed_by: str = _words()
    fencing: int = _number(kind=BigInteger)
    updated_at: datetime = _when()


_RUNNING = "status = 'in_progress'"
_GOOD = "status = 'success' AND kind IN ('deploy', 'rollback')"


class TbDeployment(SQLModel, table=True):
    """One run of a target: the state machine. Two partial unique indexes are its law."""

    __tablename__ = "tb_deployment"
    __table_args__ = (
        UniqueConstraint("id", name="uq_deployment_id"),
        _one_of("deployment", "kind", Kind),
        _one_of("deployment", "status", Status),
        _one_of("deployment", "trigger", Trigger),
        Index("ux_deployment_running", "fraise", "environment", "job", unique=True, **_where(_RUNNING)),
        Index("ux_deployment_pending", "fraise", "environment", "job", unique=True, **_where("status = 'pending'")),
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
        Index("ix_deployment_good", "fraise", "environment", "job", "pk_deployment", **_where(_GOOD)),
        Index(
            "ix_deployment_good_release", "fraise", "environment", "job", "release_id", "pk_deployment", **_where(_GOOD)
        ),
        Index(
            "ix_deployment_left",
            "fraise",
            "environment",
            "job",
            "old_release_id",
            "pk_deployment",
            **_where("status = 'success' AND kind = 'rollback'"),
        ),
        Index("ix_deployment_queue", "priority", "pk_deployment", **_where("status = 'pending'")),
        Index("ix_deployment_retry_of", "fk_retry_of", **_where("fk_retry_of IS NOT NULL")),
        Index("ix_deployment_superseded_by", "fk_superseded_by", **_where("fk_superseded_by IS NOT NULL")),
        {"sqlite_autoincrement": True},  # a number that was pruned is not given out again
    )

    pk_deployment: int | None = _pk()
    id: str = _id()
    fraise: str = _words(None)
    environment: str = _words(None)
    job: str = _words()
    kind: str = _words(None)
    status: str = _words(None)
    trigger: str = _words(None)
    actor: str = _words()
    priority: int = _number()
    requested_at: datetime = _when()
    requested_on: date = Field(sa_type=Date)
    started_at: datetime | None = _maybe(Moment)
    completed_at: datetime | None = _maybe(Moment)
    duration_seconds: float | None = None
    old_version: str = _words()
    new_version: str = _words()
    old_release_id: str = _words()
    release_id: str = _words()
    git_repo: str = _words()
    git_branch: str = _words()
    git_commit: str | None = _maybe()
    plan_hash: str = _words()
    config_hash: str = _words()
    plan: dict[str, Any] | None = _maybe(DOCUMENT)
    schema_before: str = _words()
    schema_after: str = _words()
    error_code: str | None = _maybe()
    error_message: str | None = _maybe()
    details: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    owner_host: str = _words()
    owner_pid: int = _number()
    owner_boot_id: str = _words()
    owner_started: str = _words()
    heartbeat_at: datetime | None = _maybe(Moment)
    fencing: int = _number(kind=BigInteger)
    cancel_requested: bool = _flag()
    fk_retry_of: int | None = _fk("tb_deployment.pk_deployment", "SET NULL")
    fk_superseded_by: int | None = _fk("tb_deployment.pk_deployment", "SET NULL")
    forced: bool = _flag()


class TbDeploymentEvent(SQLModel, table=True):
    """One event of a run. Append-only: triggers refuse changes, and removal other than with its whole deployment.

    No ``id`` of its own: an event is known by its deployment and its ``sequence`` there.
    """

    __tablename__ = "tb_deployment_event"
    __table_args__ = (
        UniqueConstraint("fk_deployment", "sequence", name="uq_deployment_event_sequence"),
        _one_of("deployment_event", "run", RUNS),
        _one_of("deployment_event", "event", EventKind),
    )

    pk_deployment_event: int | None = _pk()
    fk_deployment: int = Field(sa_type=BIG, foreign_key="tb_deployment.pk_deployment", ondelete="CASCADE")
    sequence: int
    run: str = _words(None)
    created_at: datetime = _when()
    event: str = _words(None)
    phase: str = _words()
    play: str = _words()
    task: str = _words()
    role: str = _words()
    action: str = _words()
    host: str = _words()
    item: str = _words()
    status: str = _words()
    duration_seconds: float | None = None
    changed: bool = _flag()
    message: str = _words()
    stdout: str = _words()
    stderr: str = _words()
    data: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})


class TbHostRelease(SQLModel, table=True):
    """What is active on a host for a target, and how that is known."""

    __tablename__ = "tb_host_release"
    __table_args__ = (
        UniqueConstraint("id", name="uq_host_release_id"),
        UniqueConstraint("fraise", "environment", "job", "host", name="uq_host_release_target_host"),
        _one_of("host_release", "state", HOST_STATES),
        Index("ix_host_release_deployment", "fk_deployment"),
        Index("ix_host_release_host", "host"),
    )

    pk_host_release: int | None = _pk()
    id: str = _id()
    identifier: str = _words(None)
    fraise: str = _words(None)
    environment: str = _words(None)
    job: str = _words()
    host: str = _words(None)
    release_id: str = _words()
    version: str = _words()
    previous_release_id: str = _words()
    state: str = _words(None)
    evidence: str = _words()
    activated_at: datetime | None = _maybe(Moment)
    fk_deployment: int | None = _fk("tb_deployment.pk_deployment", "SET NULL")
    updated_at: datetime = _when()


class TbWebhookEvent(SQLModel, table=True):
    """One received webhook. Among the accepted ones a delivery id, and a body, exists once per hook."""

    __tablename__ = "tb_webhook_event"
    __table_args__ = (
        UniqueConstraint("id", name="uq_webhook_event_id"),
        _one_of("webhook_event", "decision", DECISIONS),
        Index(
            "ux_webhook_event_delivery",
            "hook",
            "delivery_id",
            unique=True,
            **_where("decision = 'accepted' AND delivery_id <> ''"),
        ),
        Index(
            "ux_webhook_event_body",
            "hook",
            "body_sha256",
            unique=True,
            **_where("decision = 'accepted' AND body_sha256 <> ''"),
        ),
        Index("ix_webhook_event_received", "received_at", "pk_webhook_event"),
        Index("ix_webhook_event_deployment", "fk_deployment"),
    )

    pk_webhook_event: int | None = _pk()
    id: str = _id()
    received_at: datetime = _when()
    hook: str = _words(None)
    provider: str = _words(None)
    delivery_id: str = _words()
    body_sha256: str = _words()
    event_type: str = _words()
    repository: str = _words()
    branch: str = _words()
    commit_sha: str = _words()
    sender: str = _words()
    payload: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})
    processed: bool = _flag()
    decision: str = _words("received")
    reason: str = _words()
    fk_deployment: int | None = _fk("tb_deployment.pk_deployment", "SET NULL")


class TbGitCommit(SQLModel, table=True):
    """A commit that was deployed or announced, once per repository."""

    __tablename__ = "tb_git_commit"
    __table_args__ = (
        UniqueConstraint("id", name="uq_git_commit_id"),
        UniqueConstraint("git_repo", "commit_sha", name="uq_git_commit_commit"),
        Index("ix_git_commit_sha", "commit_sha"),
    )

    pk_git_commit: int | None = _pk()
    id: str = _id()
    git_repo: str = _words(None)
    commit_sha: str = _words(None)
    git_branch: str = _words()
    author: str = _words()
    message: str = _words()
    committed_at: datetime | None = _maybe(Moment)
    created_at: datetime = _when()


class TbAuditLog(SQLModel, table=True):
    """Who asked for what, and the answer. Append-only by triggers; therefore the deployment is named, not referenced."""

    __tablename__ = "tb_audit_log"
    __table_args__ = (
        UniqueConstraint("id", name="uq_audit_log_id"),
        Index("ix_audit_log_created", "created_at"),
        Index("ix_audit_log_deployment", "deployment_id", **_where("deployment_id <> ''")),
    )

    pk_audit_log: int | None = _pk()
    id: str = _id()
    created_at: datetime = _when()
    actor: str = _words()
    door: str = _words()
    action: str = _words(None)
    subject: str = _words()
    outcome: str = _words()
    deployment_id: str = _words()
    details: dict[str, Any] = Field(default_factory=dict, sa_type=DOCUMENT, sa_column_kwargs={"server_default": "{}"})


class TbNotification(SQLModel, table=True):
    """A message about a deployment to one place; ``channel`` names the place without its secret."""

    __tablename__ = "tb_notification"
    __table_args__ = (
        UniqueConstraint("id", name="uq_notification_id"),
        _one_of("notification", "status", NOTIFICATION_STATES),
        Index("ix_notification_deployment", "fk_deployment"),
        Index("ix_notification_status", "status", "pk_notification"),
    )

    pk_notification: int | None = _pk()
    id: str = _id()
    fk_deployment: int | None = _fk("tb_deployment.pk_deployment", "CASCADE")
    channel: str = _words(None)
    event: str = _words(None)
    status: str = _words("pending")
    attempts: int = _number()
    error_message: str = _words()
    created_at: datetime = _when()
    sent_at: datetime | None = _maybe(Moment)
