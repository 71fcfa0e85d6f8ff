"""The risk gate: what may be lost is decided before anything is touched, by the environment or by somebody else's consent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_policies import ALICE, BOB, approve, held
from tests.acceptance.test_worker import end, start_worker
from tests.acceptance.world import World, wait_for

REFUSED, UNAPPROVED, NOT_BY_ONESELF = 12, 11, 10
DROP = '\n    op.execute("DROP TABLE first")'
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: {repository}
    connection: local
    service: {{manager: none}}
    health_check: {{command: test -e REVISION}}
    database: {{tool: alembic, url: "sqlite:///{database}"}}
    environments:
      production: {{app_path: {app}{policies}}}
"""


class Schema(World):
    """A world without a service: what is deployed is a folder, and its database."""

    def write_config(self, *policies: tuple[str, str]) -> None:
        more = "".join(f", {name}: {value}" for name, value in policies)
        production = self.production
        self.config.write_text(
            CONFIG.format(repository=self.repository, app=production.app, database=production.database, policies=more)
        )

    def releases(self) -> int:
        return len(list((self.production.app / "releases").iterdir()))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Schema]:
    yield Schema(tmp_path / "w", Path("/nonexistent"))


def plan_text(world: World) -> str:
    return world.fraisier("plan", "my_api", "production", COLUMNS="80").stdout


def test_what_takes_data_away_is_denied_or_takes_somebody_elses_approval(world: Schema) -> None:
    world.deploy()
    first, releases = world.production.current(), world.releases()
    commit = world.release(2, more=DROP)
    world.write_config(("risk", "{irreversible: deny}"))
    assert "  0002 is irreversible (not allowed here): drops table first\n" in plan_text(world)
    result = world.deploy(expect=REFUSED)
    assert (result["status"], result["error"]["code"]) == ("failed", "MigrationsRefused")
    assert "migration 0002 is irreversible: drops table first, which is not allowed here" in result["error"]["message"]
    world.write_config(("risk", "{irreversible: ask}"))
    assert "  0002 is irreversible (must be approved): drops table first\n" in plan_text(world)
    stderr = world.fraisier("deploy", "my_api", "production", expect=UNAPPROVED, **ALICE).stderr
    refused = " ".join(stderr.split())
    assert f"an approval of migration 0002 (irreversible) of commit {commit[:10]} is missing" in refused
    command = re.search(r"somebody else types: fraisier (approve my_api production [0-9a-f]{8})", refused)
    assert command, refused
    assert (world.production.current(), world.production.schema()) == (first, "0001")
    assert world.releases() == releases, "not even fetched"
    words = command[1].split()
    assert "alice has asked for it" in world.fraisier(*words, expect=NOT_BY_ONESELF, **ALICE).stderr
    world.fraisier(*words, **BOB)
    assert "success" in world.fraisier("deploy", "my_api", "production", **ALICE).stdout
    assert world.production.schema() == "0002"
    (approval,) = world.json("approvals")["approvals"]
    assert (approval["actor"], approval["state"]) == ("bob (sudo)", "used")


def test_where_nothing_is_said_of_risk_nothing_is_graded_and_all_is_applied(world: Schema) -> None:
    world.release(2, more=DROP)
    assert world.deploy()["status"] == "success"
    assert world.production.schema() == "0002"


def test_a_first_deployment_is_judged_once_its_release_is_built_and_a_worker_waits_with_it(world: Schema) -> None:
    """What is pending can be told only then: nothing is switched, and the database is left alone until somebody else has approved."""
    world.edit(
        "migrations/versions/0001.py",
        "def upgrade() -> None:\n",
        "def upgrade() -> None:\n    op.execute('DROP TABLE IF EXISTS old')\n",
    )
    commit = world.commit("a first migration that drops something")
    world.write_config(("protected", "true"))
    process = start_worker(world)
    try:
        asked = world.json("deploy", "my_api", "production", "--detach")["deployment"]["id"]
        assert waits(world, "commit ")["git_commit"] == commit
        approve(world, BOB)
        waiting = waits(world, "migration 0001 (irreversible)")
        assert (waiting["id"], world.releases()) == (asked, 1), "it is there, and"
        assert (world.production.current(), world.production.schema()) == ("", "")
        assert approve(world, BOB)["deployment"] == asked
        done = world.json("deploy", "--follow", asked)["deployment"]
        assert (done["status"], done["new_version"], world.production.schema()) == ("success", commit, "0001")
    finally:
        end(process)
    uses = [(each["state"], each["deployment_id"]) for each in world.json("approvals")["approvals"]]
    assert uses == [("used", asked)] * 2


def waits(world: World, what: str) -> dict[str, Any]:
    """The deployment that is held for an approval of ``what``."""

    def find() -> dict[str, Any] | None:
        return held(world) if what in world.fraisier("queue").stdout else None

    return dict(wait_for(find, f"it is held for {what}", 120))
