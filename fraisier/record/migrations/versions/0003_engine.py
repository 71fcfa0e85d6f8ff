"""Deployments that workers carry out, and their order; moments of the clock that were taken; when a message is tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "tb_deployment", sa.Column("background", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("tb_webhook_event", sa.Column("request_id", sa.Text(), server_default="", nullable=False))
    op.add_column("tb_notification", sa.Column("payload", DOCUMENT, server_default="{}", nullable=False))
    op.add_column("tb_notification", sa.Column("next_attempt_at", MOMENT, nullable=True))
    op.add_column("tb_notification", sa.Column("subject", sa.Text(), server_default="", nullable=False))
    op.add_column("tb_notification", sa.Column("claimed_until", MOMENT, nullable=True))
    op.drop_index("ix_notification_deployment", "tb_notification")
    op.create_index("ux_notification_once", "tb_notification", ["fk_deployment", "channel", "event"], unique=True)
    about_something = sa.text("subject <> ''")
    op.create_index(
        "ix_notification_subject",
        "tb_notification",
        ["subject", "pk_notification"],
        sqlite_where=about_something,
        postgresql_where=about_something,
    )
    pending = sa.text("status = 'pending'")
    op.create_index(
        "ix_notification_due",
        "tb_notification",
        ["next_attempt_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "tb_schedule_tick",
        sa.Column("pk_schedule_tick", BIG, sa.Identity(), nullable=False),
        sa.Column("fraise", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("schedule", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("fk_deployment", BIG, nullable=True),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("pk_schedule_tick"),
        sa.UniqueConstraint("fraise", "environment", "job", "schedule", "due_at", name="uq_schedule_tick_due"),
    )
    op.create_index("ix_schedule_tick_due", "tb_schedule_tick", ["due_at"])
    op.create_index("ix_schedule_tick_deployment", "tb_schedule_tick", ["fk_deployment"])
    # What was carried out last is known by its number: who goes on with a cut off deployment may be asked after one that waits.
    good, left = "status = 'success' AND kind IN ('deploy', 'rollback')", "status = 'success' AND kind = 'rollback'"
    for name, columns, condition in (
        ("ix_deployment_good", ("fencing",), good),
        ("ix_deployment_good_release", ("release_id", "fencing"), good),
        ("ix_deployment_left", ("old_release_id", "fencing"), left),
        ("ix_deployment_carried", ("fencing",), "fencing > 0"),
    ):
        op.drop_index(name, "tb_deployment", if_exists=True)
        place = ["fraise", "environment", "job", *columns]
        where = sa.text(condition)
        op.create_index(name, "tb_deployment", place, sqlite_where=where, postgresql_where=where)
