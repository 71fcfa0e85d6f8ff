"""The first shape of the ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
ID = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _fraise_state()
    _deployment()
    _deployment_event()
    _host_release()
    _webhook_event()
    _git_commit()
    _audit_log()
    _notification()
    triggers = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for trigger in triggers:
        op.execute(trigger)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _fraise_state() -> None:
    op.create_table(
        "tb_fraise_state",
        sa.Column("pk_fraise_state", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("fraise", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("current_version", sa.Text(), server_default="", nullable=False),
        sa.Column("release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("last_deployed_at", MOMENT, nullable=True),
        sa.Column("last_deployed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("fencing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("status IN ('healthy', 'degraded', 'down', 'unknown')", name="ck_fraise_state_status"),
        sa.PrimaryKeyConstraint("pk_fraise_state"),
        sa.UniqueConstraint("fraise", "environment", "job", name="uq_fraise_state_target"),
        sa.UniqueConstraint("id", name="uq_fraise_state_id"),
        sa.UniqueConstraint("identifier", name="uq_fraise_state_identifier"),
    )


def _deployment() -> None:
    op.create_table(
        "tb_deployment",
        sa.Column("pk_deployment", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("fraise", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("requested_on", sa.Date(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("old_version", sa.Text(), server_default="", nullable=False),
        sa.Column("new_version", sa.Text(), server_default="", nullable=False),
        sa.Column("old_release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("git_repo", sa.Text(), server_default="", nullable=False),
        sa.Column("git_branch", sa.Text(), server_default="", nullable=False),
        sa.Column("git_commit", sa.Text(), nullable=True),
        sa.Column("plan_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("config_hash", sa.Text(), server_default="", nullable=False),
        sa.Column("plan", DOCUMENT, nullable=True),
        sa.Column("schema_before", sa.Text(), server_default="", nullable=False),
        sa.Column("schema_after", sa.Text(), server_default="", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("details", DOCUMENT, server_default="{}", nullable=False),
        sa.Column("owner_host", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_pid", sa.Integer(), server_default="0", nullable=False),
        sa.Column("owner_boot_id", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_started", sa.Text(), server_default="", nullable=False),
        sa.Column("heartbeat_at", MOMENT, nullable=True),
        sa.Column("fencing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("fk_retry_of", BIG, nullable=True),
        sa.Column("fk_superseded_by", BIG, nullable=True),
        sa.Column("forced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("kind IN ('deploy', 'rollback', 'job')", name="ck_deployment_kind"),
        sa.CheckConstraint(
            "status IN ('pending', 'in_progress', 'success', 'unchanged', 'failed', 'rolled_back', 'rollback_failed',"
            " 'cancelled', 'superseded', 'interrupted')",
            name="ck_deployment_status",
        ),
        sa.CheckConstraint("trigger IN ('manual', 'webhook', 'scheduled', 'api')", name="ck_deployment_trigger"),
        sa.ForeignKeyConstraint(["fk_retry_of"], ["tb_deployment.pk_deployment"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["fk_superseded_by"], ["tb_deployment.pk_deployment"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("pk_deployment"),
        sa.UniqueConstraint("id", name="uq_deployment_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_deployment_day",
        "tb_deployment",
        ["requested_on", "fraise", "environment", "job", "status", "duration_seconds"],
    )
    op.create_index("ix_deployment_environment", "tb_deployment", ["environment", "requested_at", "pk_deployment"])
    op.create_index(
        "ix_deployment_environment_status", "tb_deployment", ["environment", "status", "requested_at", "pk_deployment"]
    )
    op.create_index("ix_deployment_fraise", "tb_deployment", ["fraise", "requested_at", "pk_deployment"])
    op.create_index(
        "ix_deployment_fraise_status", "tb_deployment", ["fraise", "status", "requested_at", "pk_deployment"]
    )
    op.create_index(
        "ix_deployment_good",
        "tb_deployment",
        ["fraise", "environment", "job", "pk_deployment"],
        **_where("status = 'success' AND kind IN ('deploy', 'rollback')"),
    )
    op.create_index(
        "ix_deployment_good_release",
        "tb_deployment",
        ["fraise", "environment", "job", "release_id", "pk_deployment"],
        **_where("status = 'success' AND kind IN ('deploy', 'rollback')"),
    )
    op.create_index(
        "ix_deployment_left",
        "tb_deployment",
        ["fraise", "environment", "job", "old_release_id", "pk_deployment"],
        **_where("status = 'success' AND kind = 'rollback'"),
    )
    op.create_index("ix_deployment_place", "tb_deployment", ["fraise", "environment", "requested_at", "pk_deployment"])
    op.create_index(
        "ix_deployment_place_status",
        "tb_deployment",
        ["fraise", "environment", "status", "requested_at", "pk_deployment"],
    )
    op.create_index(
        "ix_deployment_queue", "tb_deployment", ["priority", "pk_deployment"], **_where("status = 'pending'")
    )
    op.create_index("ix_deployment_requested", "tb_deployment", ["requested_at", "pk_deployment"])
    op.create_index("ix_deployment_retry_of", "tb_deployment", ["fk_retry_of"], **_where("fk_retry_of IS NOT NULL"))
    op.create_index("ix_deployment_status", "tb_deployment", ["status", "requested_at", "pk_deployment"])
    op.create_index(
        "ix_deployment_superseded_by", "tb_deployment", ["fk_superseded_by"], **_where("fk_superseded_by IS NOT NULL")
    )
    op.create_index(
        "ix_deployment_target", "tb_deployment", ["fraise", "environment", "job", "requested_at", "pk_deployment"]
    )
    op.create_index(
        "ux_deployment_pending",
        "tb_deployment",
        ["fraise", "environment", "job"],
        unique=True,
        **_where("status = 'pending'"),
    )
    op.create_index(
        "ux_deployment_running",
        "tb_deployment",
        ["fraise", "environment", "job"],
        unique=True,
        **_where("status = 'in_progress'"),
    )


def _deployment_event() -> None:
    op.create_table(
        "tb_deployment_event",
        sa.Column("pk_deployment_event", BIG, sa.Identity(), nullable=False),
        sa.Column("fk_deployment", BIG, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), server_default="", nullable=False),
        sa.Column("play", sa.Text(), server_default="", nullable=False),
        sa.Column("task", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="", nullable=False),
        sa.Column("action", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("item", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=True),
        sa.Column("changed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("stdout", sa.Text(), server_default="", nullable=False),
        sa.Column("stderr", sa.Text(), server_default="", nullable=False),
        sa.Column("data", DOCUMENT, server_default="{}", nullable=False),
        sa.CheckConstraint(
            "event IN ('play', 'task', 'ok', 'failed', 'unreachable', 'skipped', 'stats', 'output')",
            name="ck_deployment_event_event",
        ),
        sa.CheckConstraint("run IN ('deploy', 'compensate', 'probe')", name="ck_deployment_event_run"),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk_deployment_event"),
        sa.UniqueConstraint("fk_deployment", "sequence", name="uq_deployment_event_sequence"),
    )


def _host_release() -> None:
    op.create_table(
        "tb_host_release",
        sa.Column("pk_host_release", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("fraise", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("previous_release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False),
        sa.Column("activated_at", MOMENT, nullable=True),
        sa.Column("fk_deployment", BIG, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('active', 'unknown', 'failed', 'debt')", name="ck_host_release_state"),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("pk_host_release"),
        sa.UniqueConstraint("fraise", "environment", "job", "host", name="uq_host_release_target_host"),
        sa.UniqueConstraint("id", name="uq_host_release_id"),
    )
    op.create_index("ix_host_release_deployment", "tb_host_release", ["fk_deployment"])
    op.create_index("ix_host_release_host", "tb_host_release", ["host"])


def _webhook_event() -> None:
    op.create_table(
        "tb_webhook_event",
        sa.Column("pk_webhook_event", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), server_default="", nullable=False),
        sa.Column("body_sha256", sa.Text(), server_default="", nullable=False),
        sa.Column("event_type", sa.Text(), server_default="", nullable=False),
        sa.Column("repository", sa.Text(), server_default="", nullable=False),
        sa.Column("branch", sa.Text(), server_default="", nullable=False),
        sa.Column("commit_sha", sa.Text(), server_default="", nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", DOCUMENT, server_default="{}", nullable=False),
        sa.Column("processed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("decision", sa.Text(), server_default="received", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("fk_deployment", BIG, nullable=True),
        sa.CheckConstraint(
            "decision IN ('received', 'accepted', 'ignored', 'refused')", name="ck_webhook_event_decision"
        ),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("pk_webhook_event"),
        sa.UniqueConstraint("id", name="uq_webhook_event_id"),
    )
    op.create_index("ix_webhook_event_deployment", "tb_webhook_event", ["fk_deployment"])
    op.create_index("ix_webhook_event_received", "tb_webhook_event", ["received_at", "pk_webhook_event"])
    op.create_index(
        "ux_webhook_event_body",
        "tb_webhook_event",
        ["hook", "body_sha256"],
        unique=True,
        **_where("decision = 'accepted' AND body_sha256 <> ''"),
    )
    op.create_index(
        "ux_webhook_event_delivery",
        "tb_webhook_event",
        ["hook", "delivery_id"],
        unique=True,
        **_where("decision = 'accepted' AND delivery_id <> ''"),
    )


def _git_commit() -> None:
    op.create_table(
        "tb_git_commit",
        sa.Column("pk_git_commit", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("git_repo", sa.Text(), nullable=False),
        sa.Column("commit_sha", sa.Text(), nullable=False),
        sa.Column("git_branch", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("committed_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("pk_git_commit"),
        sa.UniqueConstraint("git_repo", "commit_sha", name="uq_git_commit_commit"),
        sa.UniqueConstraint("id", name="uq_git_commit_id"),
    )
    op.create_index("ix_git_commit_sha", "tb_git_commit", ["commit_sha"])


def _audit_log() -> None:
    op.create_table(
        "tb_audit_log",
        sa.Column("pk_audit_log", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("door", sa.Text(), server_default="", nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("deployment_id", sa.Text(), server_default="", nullable=False),
        sa.Column("details", DOCUMENT, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("pk_audit_log"),
        sa.UniqueConstraint("id", name="uq_audit_log_id"),
    )
    op.create_index("ix_audit_log_created", "tb_audit_log", ["created_at"])
    op.create_index("ix_audit_log_deployment", "tb_audit_log", ["deployment_id"], **_where("deployment_id <> ''"))


def _notification() -> None:
    op.create_table(
        "tb_notification",
        sa.Column("pk_notification", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("fk_deployment", BIG, nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_message", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('pending', 'sent', 'failed')", name="ck_notification_status"),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk_notification"),
        sa.UniqueConstraint("id", name="uq_notification_id"),
    )
    op.create_index("ix_notification_deployment", "tb_notification", ["fk_deployment"])
    op.create_index("ix_notification_status", "tb_notification", ["status", "pk_notification"])


# Events leave with their deployment and by no other way: when the cascade reaches them, their deployment is gone already.
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER tr_deployment_event_no_update BEFORE UPDATE ON tb_deployment_event
    BEGIN SELECT RAISE(ABORT, 'tb_deployment_event is append-only'); END
    """,
    """
    CREATE TRIGGER tr_deployment_event_no_delete BEFORE DELETE ON tb_deployment_event
    WHEN EXISTS (SELECT 1 FROM tb_deployment WHERE pk_deployment = OLD.fk_deployment)
    BEGIN SELECT RAISE(ABORT, 'tb_deployment_event is append-only: events leave with their deployment'); END
    """,
    """
    CREATE TRIGGER tr_deployment_no_delete BEFORE DELETE ON tb_deployment WHEN OLD.status IN ('pending', 'in_progress')
    BEGIN SELECT RAISE(ABORT, 'an open deployment cannot be removed'); END
    """,
    """
    CREATE TRIGGER tr_audit_log_no_update BEFORE UPDATE ON tb_audit_log
    BEGIN SELECT RAISE(ABORT, 'tb_audit_log is append-only'); END
    """,
    """
    CREATE TRIGGER tr_audit_log_no_delete BEFORE DELETE ON tb_audit_log
    BEGIN SELECT RAISE(ABORT, 'tb_audit_log is append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION tf_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE FUNCTION tf_deployment_event_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM tb_deployment WHERE pk_deployment = OLD.fk_deployment) THEN
            RAISE EXCEPTION 'tb_deployment_event is append-only: events leave with their deployment' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END $$
    """,
    """
    CREATE FUNCTION tf_deployment_no_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.status IN ('pending', 'in_progress') THEN
            RAISE EXCEPTION 'an open deployment cannot be removed' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END $$
    """,
    "CREATE TRIGGER tr_deployment_event_no_update BEFORE UPDATE ON tb_deployment_event FOR EACH ROW EXECUTE FUNCTION tf_append_only()",
    "CREATE TRIGGER tr_deployment_event_no_truncate BEFORE TRUNCATE ON tb_deployment_event EXECUTE FUNCTION tf_append_only()",
    """
    CREATE TRIGGER tr_deployment_event_no_delete BEFORE DELETE ON tb_deployment_event
    FOR EACH ROW EXECUTE FUNCTION tf_deployment_event_no_delete()
    """,
    "CREATE TRIGGER tr_deployment_no_delete BEFORE DELETE ON tb_deployment FOR EACH ROW EXECUTE FUNCTION tf_deployment_no_delete()",
    "CREATE TRIGGER tr_audit_log_no_update BEFORE UPDATE OR DELETE ON tb_audit_log FOR EACH ROW EXECUTE FUNCTION tf_append_only()",
    "CREATE TRIGGER tr_audit_log_no_truncate BEFORE TRUNCATE ON tb_audit_log EXECUTE FUNCTION tf_append_only()",
)
