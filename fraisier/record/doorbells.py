"""Procrastinate's tables beside ours on PostgreSQL: its doorbells for workers. Its own SQL, applied and brought up to date here."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from typing import Any

_MIGRATION = re.compile(r"(\d+)\.(\d+)\.(\d+)_\d+_")
_MARK = re.compile(r"procrastinate (\d+)\.(\d+)\.(\d+)")
_FIND = "SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class'), to_regclass('procrastinate_jobs') IS NOT NULL"

Version = tuple[int, ...]


def bring_up(connection: Any) -> None:
    """Create the tables, or apply what the installed Procrastinate has added since; inside the transaction of ``connection`` (psycopg's).

    The version that was applied last is the comment of the table of jobs.
    """
    installed = version("procrastinate")
    mark, found = connection.execute(_FIND).fetchone()
    scripts = [_sql("migrations", name) for name in _since(_applied(mark))] if found else [_sql("schema.sql")]
    for script in scripts:
        connection.execute(script)
    if not found or scripts or _applied(mark) != _parsed(installed):
        connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS 'procrastinate {installed}'")


def _applied(mark: str | None) -> Version:
    """The version of a table that somebody else has made is not known: the oldest that we accept."""
    found = _MARK.search(mark or "")
    return tuple(map(int, found.groups())) if found else (3, 10, 0)


def _parsed(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _since(applied: Version) -> list[str]:
    """Names of migrations, in order; those to be run before and after an upgrade of the code in one go."""
    names = (file.name for file in files("procrastinate").joinpath("sql", "migrations").iterdir())
    found = [(tuple(map(int, match.groups())), name) for name in sorted(names) if (match := _MIGRATION.match(name))]
    return [name for number, name in found if number > applied]


def _sql(*path: str) -> str:
    return files("procrastinate").joinpath("sql", *path).read_text(encoding="utf-8")
