"""A database's complaint, told by where, what and the next step. No password is ever in it."""

from __future__ import annotations

import sqlite3

from fraisier.errors import LedgerError
from fraisier.record.url import Place

_SQLITE = (
    (
        "locked",
        True,
        "another process has been writing for longer than 30 seconds; see `fraisier status`, then try again",
    ),
    ("readonly", False, "the file or its folder is not writable for this user (WAL needs both)"),
    ("disk is full", True, "free some space, then try again"),
    (
        "not a database",
        False,
        "this file is no SQLite database, or it is damaged; name another in FRAISIER_DATABASE_URL or restore a copy",
    ),
    ("malformed", False, "the file is damaged; restore a copy"),
    ("unable to open", False, "the folder is missing or this user may not use it"),
    ("disk i/o", True, "the file system reports errors; SQLite also needs a local one, not NFS"),
)
# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = (
    ("28", False, "check user, password and pg_hba.conf"),
    ("3D", False, "create it, then run `fraisier db migrate`"),
    ("42501", False, "grant this user the tables and their sequences"),
    ("42P01", False, "run `fraisier db migrate`"),
    ("53100", True, "free some space on the database server"),
    ("53300", True, "too many connections: raise max_connections, or stop what holds them"),
    ("57", True, "the server is stopping or starting; try again"),
    ("08", True, "is the server running, and reachable from here?"),
    ("25006", False, "this is a read-only standby; name the primary"),
)


def ledger_error(cause: Exception, place: Place) -> LedgerError:
    """The LedgerError for what sqlite3 or psycopg raised."""
    what = _first_line(cause, place)
    retriable, hint = _advice(cause, what)
    error = LedgerError(f"{place}: {what}", hint=hint)
    error.retriable = retriable
    return error


def is_away(cause: Exception) -> bool:
    """True when the same statement may succeed later: locked, restarting, unreachable, full."""
    if isinstance(cause, LedgerError):
        return cause.retriable
    return _advice(cause, str(cause))[0]


def _advice(cause: Exception, what: str) -> tuple[bool, str | None]:
    if isinstance(cause, sqlite3.Error):
        lowered = what.lower()
        return next(((again, hint) for words, again, hint in _SQLITE if words in lowered), (False, None))
    if isinstance(cause, OSError):
        return False, "check the folder and its owner"
    state = str(getattr(cause, "sqlstate", None) or _guessed_state(what))
    return next(((again, hint) for code, again, hint in _POSTGRESQL if state.startswith(code)), (False, None))


def _guessed_state(what: str) -> str:
    """libpq has no SQLSTATE for what failed before there was a session."""
    if "password" in what or "pg_hba" in what or "authentication" in what:
        return "28"
    if "does not exist" in what and "database" in what:
        return "3D"
    return "08" if "connect" in what or "resolve" in what or "closed" in what else ""


def _first_line(cause: Exception, place: Place) -> str:
    if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, sqlite3.Error):
        return f"{cause.strerror.lower()}: {cause.filename}"
    line = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
    return line.replace(place.password, "***") if place.password else line
