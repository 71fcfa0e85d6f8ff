"""A fraise of type backup, from its first deployment to a copy that comes back: nothing is claimed that no copy proves."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER

CONFIG = """\
fraises:
  shop_copies:
    type: backup
    connection: local
    source: {{kind: sqlite, path: {root}/shop.db, min_tables: {tables}}}
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

    def configure(self, tables: int = 1) -> None:
        (self.root / "fraises.yaml").write_text(CONFIG.format(root=self.root, tables=tables))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.root),
            "FRAISIER_CONFIG": str(self.root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{self.root / 'fraisier.db'}",
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
