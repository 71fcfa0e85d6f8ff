"""A database is replaced beside the one that serves, once per release; what served before can serve again, however the run ended."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import Rows, databases, fill, fill_sqlite, rows, sqlite_rows
from direct import perform
from estate import Estate, release_id

from tests.integration.record.postgresql import PostgresServer

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # its python has a driver of PostgreSQL
COMMIT = "0123456789ab" + "0" * 28
FIRST, SECOND, THIRD = (release_id(COMMIT, number) for number in (1, 2, 3))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    started = PostgresServer()
    started.start()
    yield started
    started.stop()
    started.remove()


class Shop:
    """A filled database of either system, and the action on it."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self.app, self.server = folder / "app", server
        self.source: dict[str, Any]
        self.path = folder / "shop 'n.db"
        if server:
            self.name = server.create_database()
            fill(server.url(self.name))
            self.source = {"url": server.url(self.name), "bin_dir": str(server.programs)}
        else:
            fill_sqlite(self.path)
            self.name = str(self.path)
            self.source = {"kind": "sqlite", "path": str(self.path)}
        self.copies = {"name": "shop", "destination": {"path": str(folder / "copies")}}

    def replace(self, release: str, *, check: bool = False, **more: Any) -> dict[str, Any]:
        given = {"app_path": str(self.app), "release_id": release, "source": self.source, **more}
        return perform("replace", given, path=PATH, check=check)

    def ok(self, release: str, **more: Any) -> dict[str, Any]:
        result = self.replace(release, **more)
        assert not result.get("failed"), result
        assert "warnings" not in result, result
        return result

    def back_up(self) -> None:
        given = {"app_path": str(self.app), "source": self.source, **self.copies}
        assert not perform("backup", given, path=PATH).get("failed")

    def rows(self, name: str = "") -> Rows:
        if self.server:
            return rows(self.server.url(name or self.name))
        return sqlite_rows(Path(name or self.name))

    def execute(self, sql: str) -> None:
        if self.server:
            with psycopg.connect(self.server.url(self.name), autocommit=True) as connection:
                connection.execute(sql)
        else:
            with closing(sqlite3.connect(self.path)) as database:
                database.execute(sql)
                database.commit()

    def all(self) -> set[str]:
        """Names of this database and of those beside it."""
        if self.server:
            return {name for name in databases(self.server) if name.startswith(self.name[:31])}
        return {
            str(path) for path in self.path.parent.glob("shop*") if not path.name.endswith(("-wal", "-shm", ".lock"))
        }


@pytest.fixture(params=["postgresql", "sqlite"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, server: PostgresServer) -> Shop:
    return Shop(tmp_path, server if request.param == "postgresql" else None)


def test_database_is_empty_once_per_release_and_what_served_before_is_kept(shop: Shop) -> None:
    filled = shop.rows()
    assert (shop.ok(FIRST, check=True)["changed"], shop.rows()) == (True, filled)
    assert shop.all() == {shop.name}
    result = shop.ok(FIRST)
    assert (result["replaced"], result["changed"], result["database"]) == (True, True, shop.name)
    assert shop.rows() == {}
    assert shop.rows(result["before"]) == filled
    shop.execute("CREATE TABLE made (id INTEGER, n INTEGER)")
    again = shop.ok(FIRST)
    assert (again["replaced"], again["changed"], again["before"]) == (True, False, result["before"])
    assert shop.rows() == {"made": []}, "a second attempt goes on with what the first one has begun"
    assert shop.ok(FIRST, check=True)["changed"] is False
    assert shop.all() == {shop.name, result["before"]}


def test_what_served_before_serves_again_and_again_is_nothing_to_do(shop: Shop) -> None:
    filled = shop.rows()
    assert shop.ok(FIRST, state="undone")["changed"] is False, "it has replaced nothing"
    shop.ok(FIRST)
    shop.execute("CREATE TABLE made (id INTEGER, n INTEGER)")
    assert shop.ok(FIRST, state="undone", check=True)["changed"] is True
    result = shop.ok(FIRST, state="undone")
    assert (result["replaced"], result["changed"]) == (False, True)
    assert (shop.rows(), shop.all()) == (filled, {shop.name})
    assert shop.ok(FIRST, state="undone")["changed"] is False


def test_release_that_did_not_come_to_its_end_is_no_state_to_go_back_to(shop: Shop) -> None:
    filled = shop.rows()
    shop.ok(FIRST)
    shop.execute("CREATE TABLE half_made (id INTEGER, n INTEGER)")
    result = shop.ok(SECOND)
    assert (result["undone"], shop.rows(), shop.rows(result["before"])) == ([FIRST], {}, filled)
    shop.ok(SECOND, state="undone")
    assert (shop.rows(), shop.all()) == (filled, {shop.name})


def test_release_that_has_proven_itself_here_needs_nobody_who_says_so(shop: Shop) -> None:
    """A playbook that is run without Fraisier knows of no release that holds."""
    shop.ok(FIRST)
    shop.execute("CREATE TABLE made (id INTEGER, n INTEGER)")
    shop.ok(FIRST, state="settled", check=True)
    assert shop.ok(SECOND, check=True)["changed"] is True
    shop.ok(FIRST, state="settled")
    result = shop.ok(SECOND)
    assert (result["undone"], shop.rows(result["before"])) == ([], {"made": []})
    shop.ok(SECOND, state="undone")
    assert shop.rows() == {"made": []}


def test_only_the_last_one_is_kept_once_a_release_has_proven_itself(shop: Shop) -> None:
    first = shop.ok(FIRST)["before"]
    assert shop.ok(FIRST, state="settled")["removed"] == []
    shop.execute("CREATE TABLE one (id INTEGER, n INTEGER)")
    second = shop.ok(SECOND, good=FIRST)
    assert second["undone"] == []
    assert shop.all() == {shop.name, first, second["before"]}, "nothing goes before it has"
    assert shop.ok(SECOND, state="settled", check=True)["removed"] == [first]
    result = shop.ok(SECOND, state="settled")
    assert (result["removed"], result["before"]) == ([first], second["before"])
    assert shop.all() == {shop.name, second["before"]}
    assert list(shop.rows(second["before"])) == ["one"]
    assert shop.ok(SECOND, state="settled")["changed"] is False
    shop.ok(THIRD, good=SECOND)
    shop.ok(THIRD, state="undone")
    assert shop.all() == {shop.name, second["before"]}


def test_where_nothing_served_nothing_does_again(shop: Shop) -> None:
    if shop.server:
        shop.server.drop_database(shop.name)
    else:
        for path in shop.path.parent.glob("shop*"):
            path.unlink()
    assert shop.ok(FIRST)["before"] == ""
    shop.execute("CREATE TABLE made (id INTEGER, n INTEGER)")
    shop.ok(FIRST, state="undone")
    assert shop.all() == set()


def test_copy_takes_its_place_and_a_bad_one_does_not(shop: Shop) -> None:
    filled = shop.rows()
    copying = {"by": "copy", "copies": shop.copies}
    none = shop.replace(FIRST, **copying)
    assert "there is no good copy in " in none["msg"]
    assert none["replaced"] is False
    shop.back_up()
    shop.execute("CREATE TABLE later (id INTEGER, n INTEGER)")
    assert shop.ok(FIRST, check=True, **copying)["copy"]
    result = shop.ok(FIRST, **copying)
    assert shop.rows() == filled
    assert "later" in shop.rows(result["before"])
    (copy,) = (shop.app.parent / "copies" / "shop").iterdir()
    dump = next(copy.glob("dump*"))
    dump.write_bytes(dump.read_bytes()[:-100])
    refused = shop.replace(SECOND, good=FIRST, **copying)
    assert "a checksum does not hold" in refused["msg"]
    assert (refused["replaced"], shop.rows()) == (False, filled)
    assert copy.is_dir(), "somebody else's copies are theirs to put aside"
    assert shop.all() == {shop.name, result["before"]}


@pytest.mark.parametrize("moment", ["before the swap", "after the swap"])
def test_killed_at_any_moment_what_served_before_is_found(shop: Shop, moment: str) -> None:
    """A kill leaves the note without its last line: the swap was through, or it was not."""
    filled = shop.rows()
    shop.ok(FIRST)
    note = shop.app / ".fraisier" / "replaced" / FIRST
    said = note.read_text()
    assert said.endswith("\nthrough\n")
    if moment == "before the swap":
        shop.ok(FIRST, state="undone")
    note.write_text(said.removesuffix("through\n"))
    result = shop.ok(FIRST)
    assert (result["replaced"], shop.rows()) == (True, {})
    assert shop.rows(result["before"]) == filled
    note.write_text(said.removesuffix("through\n"))
    shop.ok(FIRST, state="undone")
    assert (shop.rows(), shop.all()) == (filled, {shop.name})


def test_database_is_locked_against_migrations_while_it_is_replaced(tmp_path: Path, server: PostgresServer) -> None:
    shop = Shop(tmp_path, server)
    with psycopg.connect(shop.source["url"], autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (0x66726169736965,))
        refused = shop.replace(FIRST, lock_timeout_seconds=1)
    assert "another migration of this database is going on" in refused["msg"]
    assert (refused["replaced"], refused["retriable"], "customer" in shop.rows()) == (False, True, True)
    assert shop.all() == {shop.name}


def test_user_that_may_not_make_databases_is_told_so(tmp_path: Path, server: PostgresServer) -> None:
    shop = Shop(tmp_path, server)
    user = f"u{shop.name}"
    shop.execute(f"CREATE ROLE {user} LOGIN")
    refused = shop.replace(
        FIRST, check=True, source={**shop.source, "url": shop.source["url"].replace("fraisier@", f"{user}@")}
    )
    assert f"may not replace {shop.name}: it must own it, and be allowed to create databases" in refused["msg"]


def test_role_in_check_mode_for_real_and_again(estate: Estate) -> None:
    path = estate.folder / "shop.db"
    fill_sqlite(path)
    given = {
        "fraisier_release_id": FIRST,
        "fraisier_replace_by": "nothing",
        "fraisier_replace_source": {"kind": "sqlite", "path": str(path)},
    }
    assert estate.role("replace", "--check", **given).ok().changed == 1
    assert len(sqlite_rows(path)) == 2
    assert estate.role("replace", **given).ok().changed == 1
    assert sqlite_rows(path) == {}
    assert estate.role("replace", **given).ok().changed == 0
