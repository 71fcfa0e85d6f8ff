"""Databases with something in them, and what is in them row by row: what a copy is compared by."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.integration.record.postgresql import PostgresServer

Rows = dict[str, list[tuple[Any, ...]]]

SHOP = """
CREATE TYPE mood AS ENUM ('calm', 'in a hurry');
CREATE TABLE customer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mood mood, seen timestamptz,
  tags text[], notes jsonb, picture bytea
);
CREATE TABLE parcel (id integer PRIMARY KEY, customer_id bigint REFERENCES customer, weight numeric(12, 4));
CREATE TABLE event (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW heavy AS SELECT * FROM parcel WHERE weight > 10;
INSERT INTO customer (name, mood, seen, tags, notes, picture)
  SELECT 'Zoë ''' || n || E'\\\\\\n', 'in a hurry', '2026-01-01'::timestamptz + n * interval '1 hour', ARRAY['a', NULL, n::text],
    jsonb_build_object('n', n), decode(lpad(to_hex(n), 8, '0'), 'hex')
  FROM generate_series(1, 300) AS n;
INSERT INTO customer (name) VALUES ('');
INSERT INTO parcel SELECT n, n, n * 1.0001 FROM generate_series(1, 250) AS n;
INSERT INTO event SELECT '2026-01-01'::date + n, 'day ' || n FROM generate_series(0, 99) AS n;
"""
TABLES = 4


def fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SHOP)


def rows(url: str) -> Rows:
    """All rows of all tables and views, in order."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(sql.SQL("SELECT * FROM {} ORDER BY 1, 2").format(sql.Identifier(name))).fetchall()
            for (name,) in names
        }


def databases(server: PostgresServer) -> set[str]:
    with psycopg.connect(server.url()) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def fill_sqlite(path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed on this machine")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT, picture BLOB)")
        database.execute("CREATE TABLE tag (name TEXT)")
        database.executemany(
            "INSERT INTO note (text, picture) VALUES (?, ?)", [(f"Zoë '{n}'\n", bytes([n])) for n in range(200)]
        )
        database.commit()


def sqlite_rows(path: Path) -> Rows:
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
        return {name: database.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for (name,) in names}
