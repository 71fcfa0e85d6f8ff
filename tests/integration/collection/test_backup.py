"""Copies: real dumps of real databases, verified before they have a name; which go, and what is never believed."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import TABLES, fill, fill_sqlite
from estate import Estate, Run, processes_with

from tests.integration.record.postgresql import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    started = PostgresServer()
    started.start()
    yield started
    started.stop()
    started.remove()


@pytest.fixture
def url(server: PostgresServer) -> str:
    """A database with tables, types and 650 rows."""
    found = server.url(server.create_database())
    fill(found)
    return found


def store(estate: Estate) -> Path:
    return estate.folder / "copies" / "shop-production"


def names(estate: Estate) -> list[str]:
    return sorted(path.name for path in store(estate).iterdir()) if store(estate).exists() else []


def backup(estate: Estate, source: dict[str, Any], *arguments: str, **variables: Any) -> Run:
    given = {
        "fraisier_backup_name": "shop-production",
        "fraisier_backup_source": source,
        "fraisier_backup_destination": {"path": str(estate.folder / "copies")},
        **{f"fraisier_backup_{name}": value for name, value in variables.items()},
    }
    return estate.role("backup", *arguments, **given)


def of_postgresql(server: PostgresServer, url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "bin_dir": str(server.programs), **more}


@pytest.fixture
def sqlite(estate: Estate) -> dict[str, Any]:
    path = estate.folder / "shop.db"
    fill_sqlite(path)
    return {"kind": "sqlite", "path": str(path)}


def stamp(age: timedelta) -> str:
    return (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize("more", [{}, {"format": "directory", "jobs": 2}], ids=["custom", "directory"])
def test_dump_of_postgresql_is_there_once_it_is_verified(
    more: dict[str, Any], estate: Estate, server: PostgresServer, url: str
) -> None:
    result = backup(estate, of_postgresql(server, url, min_tables=TABLES, **more)).ok().result("backup")
    assert (result["changed"], result["taken"], result["verified"]) == (True, True, True)
    assert (result["tables"], result["copies"]) == (TABLES, [result["copy"]])
    assert names(estate) == [result["copy"]]
    assert result["bytes"] > 1000
    assert not [path for path in store(estate).rglob("*") if path.stat().st_mode & 0o077], "for its owner alone"


def test_password_stands_in_no_argv(estate: Estate, server: PostgresServer, url: str) -> None:
    """A pg_dump of our own looks at itself while it runs."""
    folder = estate.folder / "bin"
    folder.mkdir()
    for program in ("psql", "pg_restore"):
        (folder / program).symlink_to(server.programs / program)
    seen = estate.folder / "seen"
    (folder / "pg_dump").write_text(
        f'#!/bin/sh\nps axww -o args >>{seen}\necho "in the environment: $PGPASSWORD" >>{seen}\nexec {server.programs}/pg_dump "$@"\n'
    )
    (folder / "pg_dump").chmod(0o755)
    run = backup(estate, {"url": url.replace("@", ":hunter2secret@"), "bin_dir": str(folder)}, "-vvv").ok()
    lines = [line for line in seen.read_text().splitlines() if "hunter2secret" in line]
    assert set(lines) == {"in the environment: hunter2secret"}
    assert "hunter2secret" not in run.text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_tables": TABLES + 1}, f"it has {TABLES} tables, and min_tables asks for {TABLES + 1}"),
        ({"database": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"bin_dir": "/nowhere"}, ""),
        ({"url": "mysql://x/y"}, "kind is required where url does not say it"),
        ({"url": "postgresql://x/y?colour=red"}, "a parameter that libpq has no variable for: colour"),
        ({"kind": "sqlite"}, "url is no address of a sqlite database"),
        ({"url": "sqlite:///shop.db"}, "absolute path, with four slashes"),
        ({"colour": "red"}, "source: unknown argument colour"),
    ],
    ids=lambda value: next(iter(value)) + str(next(iter(value.values()))) if isinstance(value, dict) else "",
)
def test_what_cannot_be_copied_leaves_nothing(
    wrong: dict[str, Any], message: str, estate: Estate, server: PostgresServer, url: str
) -> None:
    run = backup(estate, {**of_postgresql(server, url), **wrong})
    assert message in run.message("backup")
    assert "hunter" not in run.message("backup")
    assert names(estate) == []


def test_failing_pg_dump_says_its_own_words_and_leaves_nothing(
    estate: Estate, server: PostgresServer, url: str
) -> None:
    (folder := estate.folder / "bin").mkdir()
    for program in ("psql", "pg_restore"):
        (folder / program).symlink_to(server.programs / program)
    (folder / "pg_dump").write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] || { echo 'server version mismatch' >&2; exit 1; }\n"
    )
    (folder / "pg_dump").chmod(0o755)
    assert "pg_dump failed: server version mismatch" in backup(estate, {"url": url, "bin_dir": str(folder)}).message(
        "backup"
    )
    assert names(estate) == []


def test_dump_that_hangs_is_ended(estate: Estate, server: PostgresServer, url: str) -> None:
    (folder := estate.folder / "bin").mkdir()
    for program in ("psql", "pg_restore"):
        (folder / program).symlink_to(server.programs / program)
    (folder / "pg_dump").write_text(f'#!/bin/sh\n[ "$1" = --version ] || exec sleep 300 # {folder}\n')
    (folder / "pg_dump").chmod(0o755)
    run = backup(estate, {"url": url, "bin_dir": str(folder)}, timeout_seconds=3)
    assert "not done within 3 s" in run.message("backup")
    assert not processes_with(f"{folder}/pg_dump")
    assert names(estate) == []


def test_database_in_use_is_copied_as_it_is_committed(estate: Estate, sqlite: dict[str, Any]) -> None:
    with closing(sqlite3.connect(sqlite["path"])) as writer:
        writer.execute("INSERT INTO note (text) VALUES ('committed, in the WAL')")
        writer.commit()
        writer.execute("INSERT INTO note (text) VALUES ('not committed')")
        result = backup(estate, {**sqlite, "min_tables": 2}, destination=plain(estate)).ok().result("backup")
        writer.rollback()
    with closing(sqlite3.connect(store(estate) / result["copy"] / "dump")) as copy:
        assert copy.execute("SELECT count(*) FROM note").fetchone() == (201,)
    assert (result["tables"], result["verified"]) == (2, True)


def plain(estate: Estate) -> dict[str, Any]:
    return {"path": str(estate.folder / "copies"), "compress": False}


def test_missing_database_is_not_made(estate: Estate, sqlite: dict[str, Any]) -> None:
    run = backup(estate, {**sqlite, "path": str(estate.folder / "other.db")})
    assert "other.db is not there" in run.message("backup")
    assert not (estate.folder / "other.db").exists()


def test_database_that_may_be_missing_is_no_failure(estate: Estate, sqlite: dict[str, Any]) -> None:
    source = {**sqlite, "path": str(estate.folder / "other.db"), "may_be_missing": True}
    result = backup(estate, source).ok().result("backup")
    assert (result["changed"], result["missing"], result["verified"], result["copy"]) == (False, True, False, "")
    assert backup(estate, {**source, **sqlite}).ok().result("backup")["verified"]


def test_damaged_database_gives_no_copy(estate: Estate, sqlite: dict[str, Any]) -> None:
    with closing(sqlite3.connect(sqlite["path"])) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
    with Path(sqlite["path"]).open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096))
    assert backup(estate, sqlite).rc != 0
    assert names(estate) == []


def test_recent_copy_is_verified_instead_of_making_one(estate: Estate, sqlite: dict[str, Any]) -> None:
    first = backup(estate, sqlite).ok().result("backup")
    again = backup(estate, sqlite, reuse_seconds=3600).ok().result("backup")
    assert (again["changed"], again["taken"], again["verified"], again["copy"]) == (False, False, True, first["copy"])
    assert again["sha256"] == first["sha256"]


def test_copy_that_went_bad_is_put_aside_and_never_counts(estate: Estate, sqlite: dict[str, Any]) -> None:
    copy = backup(estate, sqlite).ok().result("backup")["copy"]
    with (store(estate) / copy / "dump.gz").open("r+b") as dump:
        dump.seek(100)
        dump.write(b"rust")
    run = backup(estate, sqlite, state="verified")
    assert f"the copy of {copy} is not good: a checksum does not hold" in run.message("backup")
    assert run.result("backup")["bad"] == [copy]
    assert not run.result("backup")["verified"]
    assert names(estate) == [f"{copy}.bad"]
    assert "there is no copy yet" in backup(estate, sqlite, state="verified").message("backup")
    newer = backup(estate, sqlite).ok().result("backup")
    assert newer["removed"] == [copy]
    assert names(estate) == [newer["copy"]]


def test_old_copy_does_not_pass_for_a_recent_one(estate: Estate, sqlite: dict[str, Any]) -> None:
    copy = backup(estate, sqlite).ok().result("backup")["copy"]
    old = stamp(timedelta(hours=3))
    (store(estate) / copy).rename(store(estate) / old)
    assert backup(estate, sqlite, state="verified", max_age_seconds=4 * 3600).ok().result("backup")["copy"] == old
    run = backup(estate, sqlite, state="verified", max_age_seconds=2 * 3600)
    assert f"the newest copy, of {old}, is" in run.message("backup")


def test_old_copies_go_and_strangers_stay(estate: Estate, sqlite: dict[str, Any]) -> None:
    copy = backup(estate, sqlite).ok().result("backup")["copy"]
    for days in range(1, 6):
        (store(estate) / stamp(timedelta(days=days))).mkdir()
    (store(estate) / "mine").mkdir()
    outside = estate.folder / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    link = store(estate) / stamp(timedelta(days=9))
    link.symlink_to(outside)
    kept = {"keep_last": 3}
    check = backup(estate, sqlite, "--check", "--diff", retention=kept, reuse_seconds=3600).ok().result("backup")
    gone = sorted(stamp(timedelta(days=days))[:8] for days in (3, 4, 5))
    assert [name[:8] for name in check["removed"]] == gone
    assert check["diff"]["before"].split() == check["removed"]
    run = backup(estate, sqlite, retention=kept, reuse_seconds=3600).ok().result("backup")
    assert run["removed"] == check["removed"]
    assert run["changed"]
    assert set(names(estate)) == {copy, *run["copies"], "mine", link.name}
    assert (outside / "precious").exists()


def test_what_a_killed_run_left_goes(estate: Estate, sqlite: dict[str, Any]) -> None:
    backup(estate, sqlite).ok()
    (store(estate) / ".fraisier-work.x1y2z3").mkdir()
    backup(estate, sqlite, reuse_seconds=3600).ok()
    assert len(names(estate)) == 1


def test_another_backup_on_the_host_is_retriable(estate: Estate, sqlite: dict[str, Any]) -> None:
    (estate.app / ".fraisier").mkdir(parents=True)
    with (estate.app / ".fraisier" / "backup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = backup(estate, sqlite, lock_timeout_seconds=0)
    assert "another backup or restore holds" in run.message("backup")
    assert run.result("backup")["retriable"]


def test_copies_are_kept_through_no_link(estate: Estate, sqlite: dict[str, Any]) -> None:
    (estate.folder / "copies").mkdir()
    store(estate).symlink_to(estate.folder)
    assert "is a symbolic link" in backup(estate, sqlite).message("backup")
