"""Policies as users meet them: who may, when, and with whose consent; at the command line and through a worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_worker import end, start_worker
from tests.acceptance.world import World, wait_for

ALICE, BOB = {"SUDO_USER": "alice"}, {"SUDO_USER": "bob"}
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: {repository}
    connection: local
    service: {{manager: none}}
    health_check: {{command: test -e REVISION}}
    environments:
      production: {{app_path: {production}{policies}}}
      staging: {{app_path: {staging}}}
"""


class Small(World):
    """A world without a service and a database: what is deployed is a folder."""

    def write_config(self, *policies: tuple[str, str]) -> None:
        staging = self.root / "host" / "staging"
        staging.mkdir(exist_ok=True)
        more = "".join(f", {name}: {value}" for name, value in policies)
        app = self.production.app
        text = CONFIG.format(repository=self.repository, production=app, staging=staging, policies=more)
        self.config.write_text(text)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Small]:
    yield Small(tmp_path / "w", Path("/nonexistent"))


def held(world: World) -> dict[str, Any] | None:
    found = [row for row in world.json("queue")["deployments"] if row["state"] == "held"]
    return found[0] if found else None


def approve(world: World, who: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(world.fraisier("approve", "my_api", "production", "--json", **who).stdout))


def test_by_hand_it_takes_somebody_else_and_a_freeze_takes_an_emergency(world: Small) -> None:
    world.write_config(("protected", "true"))
    commit = world.git("rev-parse", "HEAD")
    refused = world.fraisier("deploy", "my_api", "production", expect=11, **ALICE)
    assert f"somebody else types: fraisier approve my_api production {commit}" in refused.stderr
    own = world.fraisier("approve", "my_api", "production", expect=10, **ALICE)
    assert "alice has asked for it" in own.stderr
    assert approve(world, BOB)["commit"] == commit
    assert "success" in world.fraisier("deploy", "my_api", "production", **ALICE).stdout
    assert world.production.current().split("-")[1] == commit[:12]
    (approval,) = world.json("approvals")["approvals"]
    assert (approval["actor"], approval["state"]) == ("bob (sudo)", "used")
    assert [row["id"] for row in world.history()] == [approval["deployment_id"]], "what was refused is no deployment"
    begins, ends = (f"'{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}'" for days in (-1, 1))
    world.write_config(("freeze", f"[{{begins: {begins}, ends: {ends}, reason: Black Friday}}]"))
    newer = world.commit("more")
    frozen = world.fraisier("deploy", "my_api", "production", expect=10)
    assert "frozen until" in frozen.stderr and "Black Friday" in frozen.stderr
    done = world.deploy("--override", "outage 42")
    assert (done["status"], done["new_version"]) == ("success", newer)
    assert world.rollback()["new_version"] == commit, "going back is no matter of the freeze"


def test_in_the_background_it_waits_for_approval_and_others_go_on(world: Small) -> None:
    world.write_config(("approvals", "{required: 1}"))
    commit = world.git("rev-parse", "HEAD")
    process = start_worker(world)
    try:
        asked = world.json("deploy", "my_api", "production", "--detach")["deployment"]["id"]
        waits = wait_for(lambda: held(world), "it is held", 60)
        assert (waits["id"], waits["git_commit"]) == (asked, commit)
        assert f"fraisier approve my_api production {commit}" in world.fraisier("queue").stdout
        assert "is missing" in world.fraisier("status", "my_api", "production").stdout
        staging = world.json("deploy", "my_api", "staging", "--follow")["deployment"]
        assert staging["status"] == "success", "others go on"
        world.commit("newer")
        given = approve(world, BOB)
        assert (given["deployment"], given["commit"]) == (asked, commit)
        watched = world.json("deploy", "--follow", asked)["deployment"]
        assert (watched["status"], watched["new_version"]) == ("success", commit), "what was approved, not the newest"
    finally:
        end(process)
