"""Which shape the database has: a cheap look at its revision, so that Alembic is imported only when there is something to do."""

from __future__ import annotations

from typing import Any

from fraisier.errors import LedgerError
from fraisier.record.connect import create_file
from fraisier.record.url import SQLITE, Place

REVISIONS = ("0001", "0002", "0003")
"""Every migration, oldest first; a test holds it against the files."""
HEAD = REVISIONS[-1]

_EXISTS = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'",
    "postgresql": "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL",
}


def revision(connection: Any, place: Place) -> str | None:
    """The newest migration that was applied; None for an empty database."""
    if not connection.execute(_EXISTS[place.engine]).fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def make_current(connection: Any, place: Place) -> None:
    """Refuse what this code does not understand; bring an embedded database up to date, ask for it elsewhere."""
    found = revision(connection, place)
    if found == HEAD:
        return
    refuse_newer(found, place)
    if place.engine == SQLITE:
        from fraisier.record.migrate import upgrade  # half a second of imports that a current database does not pay

        upgrade(place)
        return
    state = f"at revision {found}, this Fraisier needs {HEAD}" if found else "empty"
    raise _refused(f"{place}: the ledger is {state}", "run `fraisier db migrate`")


def refuse_newer(found: str | None, place: Place) -> None:
    if found is not None and found not in REVISIONS:
        raise _refused(
            f"{place}: the ledger is at revision {found}, newer than this Fraisier knows ({HEAD})",
            "install the Fraisier that made it, or a later one",
        )


def prepare(place: Place) -> None:
    """The SQLite file, when it is not there yet."""
    if place.path is not None:
        create_file(place.path)


def _refused(message: str, hint: str) -> LedgerError:
    error = LedgerError(message, hint=hint)
    error.retriable = False
    return error
