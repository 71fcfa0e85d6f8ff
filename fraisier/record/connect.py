"""Opening one connection: to the SQLite file (private, waiting for its turn) or to PostgreSQL. Nothing else imports a driver."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from fraisier.errors import LedgerError
from fraisier.record.url import POSTGRESQL, SQLITE, Place

WAIT_SECONDS = 30.0
_CONNECT_SECONDS = 10


def connect(place: Place) -> Any:
    """A connection in autocommit: transactions are begun by statement. The SQLite file must exist."""
    return _postgresql(place) if place.engine == POSTGRESQL else _sqlite(place)


def driver_errors(place: Place) -> tuple[type[Exception], ...]:
    """What the driver of this place raises."""
    if place.engine == SQLITE:
        return (sqlite3.Error,)
    return (_psycopg().Error,)


def create_file(path: Path) -> None:
    """The empty ledger, for its owner's eyes only. Does nothing when it exists."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Before SQLite does: it would take the umask. The -wal and -shm files follow the file's mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite(place: Place) -> sqlite3.Connection:
    assert place.path is not None
    connection = sqlite3.connect(
        f"{place.path.as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")  # a file that is no database says so here
    except BaseException:
        connection.close()
        raise
    return connection


def _postgresql(place: Place) -> Any:
    psycopg = _psycopg()
    options = psycopg.conninfo.conninfo_to_dict(place.reveal())
    options.setdefault("connect_timeout", _CONNECT_SECONDS)
    options.setdefault("application_name", "fraisier")
    return psycopg.connect(**options, autocommit=True)


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as cause:
        error = LedgerError(
            "PostgreSQL needs psycopg, which is not installed", hint="pip install 'psycopg[binary]>=3.2'"
        )
        error.retriable = False
        raise error from cause
    return psycopg
