"""A copy comes back row by row, beside what serves; what serves changes only when all of it is there."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import databases, fill, fill_sqlite, rows, sqlite_rows
from estate import Estate, Run

from tests.integration.record.postgresql import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    started = PostgresServer()
    started.start()
    yield started
    started.stop()
    started.remove()


def variables(estate: Estate, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "fraisier_backup_name": "shop",
        "fraisier_backup_source": source,
        "fraisier_backup_destination": {"path": str(estate.folder / "copies")},
    }


def backup(estate: Estate, source: dict[str, Any]) -> str:
    return str(estate.role("backup", **variables(estate, source)).ok().result("backup")["copy"])


def restore(estate: Estate, source: dict[str, Any], *arguments: str, **more: Any) -> Run:
    given = {f"fraisier_restore_{name}": value for name, value in more.items()}
    return estate.role("restore", *arguments, **variables(estate, source), **given)


class Shop:
    """A filled database with a name of its own, and its copy."""

    def __init__(self, estate: Estate, server: PostgresServer, **more: Any) -> None:
        self.name = server.create_database()
        self.url = server.url(self.name)
        fill(self.url)
        self.source = {"url": self.url, "bin_dir": str(server.programs), **more}
        self.rows = rows(self.url)
        self.execute(f"ALTER DATABASE {self.name} SET search_path = public, pg_temp")
        self.execute(f"ALTER DATABASE {self.name} SET statement_timeout = '17s'")
        self.copy = backup(estate, self.source)

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    def asked(self, sql: str) -> Any:
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchone()


@pytest.mark.parametrize("more", [{}, {"format": "directory", "jobs": 2}], ids=["custom", "directory"])
def test_postgresql_comes_back_row_by_row(more: dict[str, Any], estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server, **more)
    assert sum(map(len, shop.rows.values())) > 900
    grants = shop.asked(f"SELECT datacl::text, encoding, datcollate FROM pg_database WHERE datname = '{shop.name}'")
    shop.execute("DROP TABLE parcel CASCADE")
    shop.execute("UPDATE customer SET name = 'lost'")
    with closing(psycopg.connect(shop.url)) as left_open:  # an application that holds a connection must come again
        left_open.execute("SELECT 1")
        result = restore(estate, shop.source).ok().result("restore")
    assert rows(shop.url) == shop.rows
    assert (result["copy"], result["verified"], result["restored"], result["tables"]) == (shop.copy, True, True, 4)
    assert rows(server.url(result["before"]))["customer"][0][1] == "lost", "what served before is kept"
    assert databases(server) >= {shop.name, result["before"]}
    assert not [name for name in databases(server) if "_restore_" in name]
    assert (
        shop.asked(f"SELECT datacl::text, encoding, datcollate FROM pg_database WHERE datname = '{shop.name}'")
        == grants
    )
    assert shop.asked("SHOW search_path") == ("public, pg_temp",)
    assert shop.asked("SHOW statement_timeout") == ("17s",)
    shop.execute("INSERT INTO customer (name) VALUES ('identity goes on')")
    assert shop.asked("SELECT max(id) FROM customer") == (302,)


def test_application_that_connects_again_and_again_is_not_in_the_way(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    shop.execute("DELETE FROM parcel")
    is_over = threading.Event()

    def connect() -> None:
        while not is_over.is_set():
            with suppress(psycopg.OperationalError), closing(psycopg.connect(shop.url)) as connection:
                while not is_over.is_set():
                    connection.execute("SELECT count(*) FROM parcel")

    pool = [threading.Thread(target=connect) for _ in range(3)]
    for thread in pool:
        thread.start()
    try:
        restore(estate, shop.source).ok()
    finally:
        is_over.set()
        for thread in pool:
            thread.join()
    assert rows(shop.url) == shop.rows


def test_database_that_is_gone_comes_back(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    server.drop_database(shop.name)
    assert restore(estate, shop.source).ok().result("restore")["before"] == ""
    assert rows(shop.url) == shop.rows


def test_grants_of_the_database_stay(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    role = f"r{shop.name}"
    shop.execute(
        f"CREATE ROLE {role}; REVOKE CONNECT ON DATABASE {shop.name} FROM PUBLIC; GRANT CREATE ON DATABASE {shop.name} TO {role}"
    )
    asked = "SELECT has_database_privilege(%s, %s, %s)".replace("%s", "'{}'")
    restore(estate, shop.source).ok()
    assert shop.asked(asked.format(role, shop.name, "CREATE")) == (True,)
    assert shop.asked(asked.format("public", shop.name, "CONNECT")) == (False,)


def test_check_mode_verifies_and_changes_nothing(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    shop.execute("DELETE FROM parcel")
    before = databases(server)
    result = restore(estate, shop.source, "--check").ok().result("restore")
    assert (result["changed"], result["verified"], result["restored"]) == (True, True, False)
    assert databases(server) == before
    assert shop.asked("SELECT count(*) FROM parcel") == (0,)


def test_restore_that_fails_half_way_leaves_what_serves(estate: Estate, server: PostgresServer) -> None:
    """The role that owned a table is gone: pg_restore stops in the middle of the new database."""
    shop = Shop(estate, server)
    role = f"r{shop.name}"
    shop.execute(f"CREATE ROLE {role}; ALTER TABLE parcel OWNER TO {role}")
    backup(estate, shop.source)
    shop.execute(f"ALTER TABLE parcel OWNER TO fraisier; DROP OWNED BY {role}; DROP ROLE {role}")
    before = databases(server)
    assert f'role "{role}" does not exist' in restore(estate, shop.source).message("restore")
    assert databases(server) == before
    assert rows(shop.url) == shop.rows


def test_moment_chooses_the_newest_copy_up_to_it(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    shop.execute("DELETE FROM parcel")
    later = backup(estate, shop.source)
    assert restore(estate, shop.source, state="listed").ok().result("restore")["copies"] == [shop.copy, later]
    missing = restore(estate, shop.source, at="20200101T000000Z").message("restore")
    assert "there is no good copy from 20200101T000000Z or before" in missing
    restore(estate, shop.source, at=shop.copy).ok()
    assert rows(shop.url) == shop.rows
    restore(estate, shop.source).ok()
    assert shop.asked("SELECT count(*) FROM parcel") == (0,)


def test_copy_that_went_bad_is_not_restored(estate: Estate, server: PostgresServer) -> None:
    shop = Shop(estate, server)
    dump = estate.folder / "copies" / "shop" / shop.copy / "dump"
    dump.write_bytes(dump.read_bytes()[:-100])
    before = databases(server)
    assert "a checksum does not hold" in restore(estate, shop.source).message("restore")
    assert (databases(server), rows(shop.url)) == (before, shop.rows)
    assert "there is no good copy" in restore(estate, shop.source).message("restore")


@pytest.fixture
def shop(estate: Estate) -> Path:
    path = estate.folder / "shop 'n.db"
    fill_sqlite(path)
    return path


def test_sqlite_comes_back_row_by_row_under_a_program_that_has_it_open(estate: Estate, shop: Path) -> None:
    before, source = sqlite_rows(shop), {"kind": "sqlite", "path": str(shop)}
    copy = backup(estate, source)
    with closing(sqlite3.connect(shop)) as program:
        program.execute("DELETE FROM note WHERE id > 3")
        program.execute("DROP TABLE tag")
        program.commit()
        result = restore(estate, source).ok().result("restore")
        assert program.execute("SELECT count(*) FROM note").fetchone() == (200,)
    assert (result["copy"], result["restored"]) == (copy, True)
    assert sqlite_rows(shop) == before
    assert len(sqlite_rows(Path(result["before"]))["note"]) == 3
    shop.unlink()
    assert restore(estate, source).ok().result("restore")["before"] == ""
    assert sqlite_rows(shop) == before


def test_file_that_is_no_database_stays(estate: Estate, shop: Path) -> None:
    source = {"kind": "sqlite", "path": str(shop)}
    backup(estate, source)
    for rest in shop.parent.glob("shop*-*"):
        rest.unlink()
    shop.write_text("something else" * 1000)
    assert "cannot be read as a database" in restore(estate, source).message("restore")
    assert shop.read_text().startswith("something else")
