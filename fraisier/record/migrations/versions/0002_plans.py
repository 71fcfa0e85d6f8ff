"""Plans: what a deployment would do, kept so that exactly that can be deployed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
ID = sa.String(36).with_variant(sa.String(36, collation="C"), "postgresql")
DOCUMENT = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tb_plan",
        sa.Column("pk_plan", BIG, sa.Identity(), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("fraise", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("git_branch", sa.Text(), server_default="", nullable=False),
        sa.Column("git_commit", sa.Text(), nullable=False),
        sa.Column("pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("forced", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("host_limit", sa.Text(), server_default="", nullable=False),
        sa.Column("old_version", sa.Text(), server_default="", nullable=False),
        sa.Column("old_release_id", sa.Text(), server_default="", nullable=False),
        sa.Column("release_id", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("plan", DOCUMENT, server_default="{}", nullable=False),
        sa.Column("findings", DOCUMENT, server_default="{}", nullable=False),
        sa.Column("fk_deployment", BIG, nullable=True),
        sa.ForeignKeyConstraint(["fk_deployment"], ["tb_deployment.pk_deployment"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk_plan"),
        sa.UniqueConstraint("id", name="uq_plan_id"),
        sa.UniqueConstraint("identifier", name="uq_plan_identifier"),
    )
    op.create_index("ix_plan_target", "tb_plan", ["fraise", "environment", "job", "pk_plan"])
    op.create_index("ix_plan_expires", "tb_plan", ["expires_at"])
    op.create_index("ix_plan_deployment", "tb_plan", ["fk_deployment"])
