"""A fraise of type backup, from its first deployment to a copy that comes back: nothing is claimed that no copy proves."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.world import FRAISIER
from tests.integration.record.conftest import postgresql_server  # noqa: F401  # a fixture
from tests.integration.record.postgresql import PostgresServer

CONFIG = """\
fraises:
  shop_copies:
    type: backup
    connection: local
    source: {{{source}, min_tables: {tables}}}
    destination: {{path: {root}/copies}}
    retention: {{keep_last: 1}}
    run: {{manager: none}}
    environments:
      production: {{app_path: {root}/host}}
"""
NAMES = ("shop_copies", "production")


@dataclass
class Place:
    """A database, a fraises.yaml that has it copied, the folder that plays the host, and the command."""

    root: Path
    source: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)

    def configure(self, tables: int = 1) -> None:
        source = self.source or f"kind: sqlite, path: {self.root}/shop.db"
        (self.root / "fraises.yaml").write_text(CONFIG.format(root=self.root, source=source, tables=tables))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
            **self.secrets,
        }
        return subprocess.run([FRAISIER, *words], env=environ, cwd=self.root, capture_output=True, text=True)

    def fraisier(self, command: str, *words: str) -> dict[str, Any]:
        done = self.run(command, *NAMES, "--json", *words)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["deployment"]
        return found

    @property
    def copies(self) -> list[str]:
        return sorted(path.name for path in (self.root / "copies" / "shop_copies-production").glob("2*"))

    def sql(self, text: str) -> list[Any]:
        with closing(sqlite3.connect(self.root / "shop.db")) as database, database:
            return database.execute(text).fetchall()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "host").mkdir()
    found = Place(tmp_path)
    found.configure()
    found.sql("CREATE TABLE article (name TEXT)")
    found.sql("INSERT INTO article VALUES ('apple')")
    return found


def test_copies_are_made_proven_pruned_and_brought_back(place: Place) -> None:
    assert place.fraisier("deploy")["status"] == "success"
    assert place.copies == [], "a deployment makes none"
    made = place.fraisier("run")
    assert made["status"] == "success", made
    (first,) = place.copies
    assert made["runs"]["localhost"]["log"][-1].startswith(f"copy {first} verified, tables 1, bytes ")

    place.sql("INSERT INTO article VALUES ('pear')")
    place.sql("DELETE FROM article WHERE name = 'apple'")
    assert f"removed {first}" in place.fraisier("run")["runs"]["localhost"]["log"]
    (copy,) = place.copies
    place.sql("DROP TABLE article")
    back = place.fraisier("restore", "--yes", "--at", copy)
    assert (back["status"], back["kind"]) == ("success", "job")
    assert place.sql("SELECT name FROM article") == [("pear",)]

    place.configure(tables=9)
    assert place.fraisier("deploy")["status"] == "success"
    bad = place.fraisier("run")
    assert bad["status"] == "failed"
    assert "it has 1 tables, and min_tables asks for 9" in bad["error"]["message"]
    assert place.copies == [copy], "nothing is removed for a copy that is not good"


def test_deployment_of_what_cannot_be_copied_fails(place: Place) -> None:
    (place.root / "shop.db").rename(place.root / "elsewhere.db")
    told = place.fraisier("deploy")
    assert told["status"] == "failed"
    assert "shop.db is not there: no database can be copied" in told["error"]["message"]


def test_a_database_of_postgresql_is_copied_and_brought_back(
    tmp_path: Path,
    postgresql_server: PostgresServer,  # noqa: F811
) -> None:
    """Its address is a secret: it is in no copy of the program and in no log."""
    url = postgresql_server.url(postgresql_server.create_database())
    place = Place(tmp_path, f'kind: postgresql, url: "${{SHOP}}", bin_dir: {postgresql_server.programs}', {"SHOP": url})
    (tmp_path / "host").mkdir()
    place.configure()
    with psycopg.connect(url) as database:
        database.execute("CREATE TABLE article (name text)")
        database.execute("INSERT INTO article VALUES ('apple')")
    assert place.fraisier("deploy")["status"] == "success"
    made = place.fraisier("run")
    (copy,) = place.copies
    assert made["runs"]["localhost"]["log"][-1].startswith(f"copy {copy} verified, tables 1, bytes ")
    with psycopg.connect(url) as database:
        database.execute("DROP TABLE article")
    assert place.fraisier("restore", "--yes")["status"] == "success"
    with psycopg.connect(url) as database:
        assert database.execute("SELECT name FROM article").fetchall() == [("apple",)]
    written = [path for path in (tmp_path / "host").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if url.encode() in path.read_bytes()]
