"""A database that each deployment replaces: by an empty one, or by a copy; and the one that served before serves again when that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.test_crash import kill_after, nothing_of_a_run_is_left
from tests.acceptance.world import Environment, World, wait_for

BROKEN = '\n    raise RuntimeError("broken")'
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: {repository}
    connection: local
    service: {{manager: none}}
    health_check: {{command: test ! -e SICK, timeout_seconds: 1}}
    environments:
"""
ENVIRONMENT = """\
      {name}:
        app_path: {app}
        database: {{tool: alembic, url: "sqlite:///{database}", {strategy}}}
        {more}
"""


class Anew(World):
    """A world without a service: what is deployed is a folder, and its database. ``strategies``: of each environment."""

    strategies: dict[str, str]
    more = ""

    def write_config(self, *replacements: tuple[str, str]) -> None:
        text = CONFIG.format(repository=self.repository)
        for name, strategy in self.strategies.items():
            environment = vars(self.environments.get(name) or self.add(name))
            text += ENVIRONMENT.format(**environment, strategy=strategy, more=self.more)
        self.config.write_text(text)

    def add(self, name: str) -> Environment:
        (self.root / "host" / name).mkdir(parents=True)
        self.environments[name] = Environment(name, "main", self.root / "host" / name, 0, self.root / f"{name}.db")
        return self.environments[name]

    def sick(self, is_sick: bool) -> None:
        """Push a version that is, or is not, healthy."""
        path = self.repository / "SICK"
        path.touch() if is_sick else path.unlink()
        self.commit("sick" if is_sick else "healthy")

    def becomes(self, strategy: str) -> None:
        self.strategies = {"production": strategy}
        self.write_config()


Anew.strategies = {"production": "strategy: apply"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Anew]:
    yield Anew(tmp_path / "w", Path("/nonexistent"))


def put(environment: Environment, number: int) -> None:
    with closing(sqlite3.connect(environment.database)) as database:
        database.execute("INSERT INTO first (id) VALUES (?)", (number,))
        database.commit()


def kept(environment: Environment) -> set[Path]:
    return set(environment.database.parent.glob(f"{environment.database.name}.before-*"))


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [number for (number,) in database.execute("SELECT id FROM first ORDER BY id")]


def breaks_and_is_as_before(world: Anew, environment: Environment, *, next_migration: int) -> None:
    """Neither a version that is sick nor a migration that fails leaves anything but what was there."""
    before = (environment.current(), environment.schema(), rows(environment.database), kept(environment))
    world.sick(True)
    result = world.deploy(environment=environment.name, expect=5)
    assert result["status"] == "rolled_back"
    assert result["compensation"].endswith("the database that served before serves again")
    assert (environment.current(), environment.schema(), rows(environment.database), kept(environment)) == before
    world.sick(False)
    world.release(next_migration, more=BROKEN)
    assert world.deploy(environment=environment.name, expect=1)["status"] == "rolled_back"
    assert (environment.current(), environment.schema(), rows(environment.database), kept(environment)) == before


def test_each_deployment_begins_with_an_empty_database_or_leaves_the_one_that_was(world: Anew) -> None:
    production = world.production
    world.deploy()
    put(production, 7)
    world.becomes("strategy: rebuild")
    world.release(2)
    plan = world.fraisier("plan", "my_api", "production").stdout
    assert "production.db would be replaced by an empty one on" in " ".join(plan.split())
    assert (rows(production.database), kept(production)) == ([7], set())
    result = world.deploy()
    (first_kept,) = kept(production)
    assert result["compensation"].endswith(f"replaced by an empty one; what served before is kept as {first_kept}")
    assert (rows(production.database), production.schema(), rows(first_kept)) == ([], "0002", [7])
    put(production, 8)
    breaks_and_is_as_before(world, production, next_migration=3)
    refused = world.fraisier("rollback", "my_api", "production", expect=2).stderr
    assert "so there is no way back for it" in " ".join(refused.split())
    world.release(3)
    result = world.deploy()
    (second_kept,) = kept(production)
    assert result["compensation"].endswith(f"is kept as {second_kept}, {first_kept} is gone")
    assert (rows(production.database), production.schema(), rows(second_kept)) == ([], "0003", [8])


@pytest.mark.xdist_group("crash")
def test_killed_after_the_swap_what_served_before_is_not_lost(world: Anew) -> None:
    production = world.production
    world.deploy()
    first = production.current()
    put(production, 7)
    world.becomes("strategy: rebuild")
    world.sick(True)
    kill_after(world, "activate")
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    (before,) = kept(production)
    assert (rows(production.database), rows(before)) == ([], [7])
    world.fraisier("resume", "my_api", "production", expect=5)
    assert (production.current(), rows(production.database), kept(production)) == (first, [7], set())

    kill_after(world, "activate")
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    assert rows(production.database) == []
    world.sick(False)
    assert world.deploy()["status"] == "success", "a new one puts back what the killed one has left, and begins anew"
    (before,) = kept(production)
    assert (rows(production.database), rows(before)) == ([], [7])


def test_what_replaces_a_database_is_judged_where_risk_is(world: Anew) -> None:
    world.more = "risk: {destructive: deny}"
    world.becomes("strategy: rebuild")
    result = world.deploy(expect=12)
    assert "replacing the database is destructive" in result["error"]["message"]
    assert not world.production.database.exists()


def test_staging_begins_with_a_copy_of_production(world: Anew) -> None:
    world.strategies = {
        "production": "backup_before_deploy: true",
        "staging": "strategy: restore_migrate, restore_from: {environment: production}",
    }
    world.write_config()
    production, staging = world.production, world.environments["staging"]
    none = world.deploy(environment="staging", expect=1)
    assert "there is no good copy in " in none["error"]["message"]
    assert none["status"] == "failed"
    world.deploy()
    put(production, 7)
    world.release(2)
    world.deploy()
    put(production, 8)
    result = world.deploy(environment="staging")
    assert "the database was replaced by the copy of " in result["compensation"]
    assert (rows(staging.database), staging.schema(), kept(staging)) == ([7], "0002", set()), "and what the copy lacked"
    put(staging, 1)
    breaks_and_is_as_before(world, staging, next_migration=3)
    world.release(3)
    assert world.deploy(environment="staging")["status"] == "success"
    (before,) = kept(staging)
    assert (rows(staging.database), staging.schema(), rows(before)) == ([7], "0003", [1, 7])
    assert (rows(production.database), production.schema()) == ([7, 8], "0002")
