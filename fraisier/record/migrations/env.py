"""Alembic's way in: runs the migrations on the connection, and inside the transaction, that ``migrate.upgrade`` hands over."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import fraisier.record.tables  # noqa: F401 - its classes are what the metadata knows

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
context.run_migrations()
