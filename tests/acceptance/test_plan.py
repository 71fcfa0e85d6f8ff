"""A plan is what happens: bound to commit, configuration, migrations and hosts, or it refuses and touches nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.fleet import Fleet
from tests.acceptance.test_ssh import over_ssh
from tests.acceptance.world import World, wait_for
from tests.sshd import SSHD, sshd

REFUSED = 9


def plan(world: World, *arguments: str) -> dict[str, Any]:
    return dict(world.json("plan", "my_api", "production", *arguments)["plan"])


def refused(world: World, made: dict[str, Any]) -> str:
    """The one error of a plan that no longer holds; nothing on the host has moved by asking."""
    before = (world.production.current(), world.production.service_pids(), world.production.schema())
    result = world.deploy("--plan", made["id"], expect=REFUSED)
    assert (result["status"], result["error"]["code"]) == ("failed", "PlanRefused")
    assert result["error"]["hint"] == "make a new one: fraisier plan my_api production"
    assert (world.production.current(), world.production.service_pids(), world.production.schema()) == before
    return str(result["error"]["message"])


@pytest.mark.deployed(1)
def test_a_plan_says_what_would_be_done_and_then_exactly_that_is_done_once(world: World) -> None:
    second = world.release(2)
    made = plan(world)
    assert (made["commit"], made["migration"]["pending"], made["migration"]["at"]) == (second, ["0002"], "0001")
    assert world.production.answer()["code"] == "v1" and len(world.history()) == 1, "planning is not deploying"
    result = world.deploy("--plan", made["id"][:8])
    assert (result["status"], result["release_id"]) == ("success", made["release_id"])
    world.assert_serving(second, "v2", schema="0002")
    message = refused(world, made)
    assert f"was carried out by deployment {result['id'][:8]}" in message


@pytest.mark.deployed(1)
def test_a_person_reads_the_plan_at_80_columns(world: World) -> None:
    world.release(2)
    text = world.fraisier("plan", "my_api", "production", COLUMNS="80").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "pending migrations, applied once, on localhost (database at 0001):\n  1. 0002\n" in text
    assert "localhost  " in text and "running" in text
    made = text.split("--plan ")[1].strip()
    assert text.endswith(f"next: fraisier deploy my_api production --plan {made}\n")
    assert world.secret not in text
    assert world.deploy("--plan", made)["status"] == "success"


def test_a_first_deployment_can_be_planned(world: World) -> None:
    made = plan(world)
    assert made["migration"]["known"] is False
    assert "nothing is deployed yet" in made["migration"]["note"]
    assert not world.production.database.exists()
    assert list(world.production.app.iterdir()) == []
    assert world.deploy("--plan", made["id"])["status"] == "success"


@pytest.mark.deployed(1)
def test_nothing_to_do_is_no_plan(world: World) -> None:
    assert world.json("plan", "my_api", "production")["plan"] is None
    assert "nothing to do" in world.fraisier("plan", "my_api", "production").stdout
    assert plan(world, "--force")["forced"]


@pytest.mark.deployed(1)
def test_a_branch_that_moved_refuses_and_a_pinned_commit_does_not_care(world: World) -> None:
    second = world.release(2)
    made, pinned = plan(world), plan(world, "--commit", second)
    third = world.release(3)
    assert f"main: was at {second}, is at {third}" in refused(world, made)
    assert world.deploy("--plan", pinned["id"])["new_version"] == second
    world.assert_serving(second, "v2", schema="0002")


@pytest.mark.deployed(1)
def test_another_configuration_refuses_and_names_what_is_different(world: World) -> None:
    world.release(2)
    made = plan(world)
    world.write_config(("interval_seconds: 0.2", "interval_seconds: 0.3"))
    message = refused(world, made)
    assert "configuration: hash was " in message and "(health_interval_seconds)" in message


@pytest.mark.deployed(1)
def test_another_pending_migration_refuses(world: World) -> None:
    """The database was taken further by somebody else, to the very revision that the plan would have brought."""
    world.release(2)
    made = plan(world)
    connection = sqlite3.connect(world.production.database)
    with connection:
        connection.execute("update alembic_version set version_num = '0002'")
    connection.close()
    message = refused(world, made)
    assert "database: was at 0001, is at 0002" in message
    assert "pending migrations: were 0002, are nothing" in message


@pytest.mark.deployed(1)
def test_a_service_that_stopped_refuses(world: World) -> None:
    world.release(2)
    made = plan(world)
    for pid in world.production.supervisor_pids():
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not world.production.service_pids(), "the service has ended")
    assert "localhost: service was running, is stopped" in refused(world, made)


@pytest.mark.deployed(1)
def test_a_deployment_in_between_refuses(world: World) -> None:
    world.release(2)
    made = plan(world)
    first = world.production.current()
    second = world.deploy()["release_id"]
    assert f"my_api/production: its release was {first}, is {second}" in refused(world, made)


@pytest.mark.deployed(1)
def test_an_expired_plan_refuses_and_is_pruned(world: World) -> None:
    world.release(2)
    made = plan(world, "--valid-for", "0min")
    assert "expired at" in refused(world, made)
    assert world.json("db", "prune")["plans"] == 1
    assert (
        "there is no plan"
        in world.json("deploy", "my_api", "production", "--plan", made["id"], expect=2)["error"]["message"]
    )


def test_a_plan_says_commit_and_hosts_already(world: World) -> None:
    error = world.json("deploy", "my_api", "production", "--plan", "abcd1234", "--force", expect=2)["error"]
    assert "--plan says commit, hosts and force already" in error["message"]
    assert world.fraisier("deploy", "my_api", "production", "--plan", "abcd1234", "--dry-run", expect=2)
    assert world.history() == []


def test_the_ledger_keeps_no_secret_of_a_plan(world: World) -> None:
    made = plan(world)
    with sqlite3.connect(world.root / "fraisier.db") as ledger:
        kept = str(ledger.execute("select * from tb_plan").fetchall())
    ledger.close()
    assert made["id"] in kept and str(world.secret) not in kept


def test_a_fleet_is_planned_and_refused_after_a_hand_edit_of_one_host(deployed_fleet: Fleet) -> None:
    fleet, world = deployed_fleet, deployed_fleet.world
    world.release(2)
    text = world.fraisier("plan", "my_api", "production", COLUMNS="80").stdout
    assert "\nweb1, web2, web3  " in text or "\nweb2, web3" in text
    made = plan(world)
    assert set(made["hosts"]) == set(fleet.hosts)
    link = fleet.hosts["web2"].app / "current"
    release = link.readlink().name
    link.unlink()
    message = refused(world, made)
    assert f"web2: current release was {release}, is none" in message
    assert "web1" not in message and "web3" not in message
    link.symlink_to(f"releases/{release}")
    assert world.deploy("--plan", made["id"])["status"] == "success"
    assert fleet.answers() == dict.fromkeys(fleet.hosts, "v2")


def test_a_host_that_answers_no_more_refuses_by_name(world: World, tmp_path: Path) -> None:
    if not SSHD.exists():
        pytest.skip(f"there is no {SSHD} on this machine")
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as server:
        over_ssh(world, server)
        world.deploy()
        world.release(2, migration=False)
        made = plan(world)
    assert "host1: answered, and does not now: " in refused(world, made)
    assert world.production.answer()["code"] == "v1"
