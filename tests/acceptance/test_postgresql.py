"""The same path with the ledger on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.acceptance.test_worker import end, is_running, start_worker
from tests.acceptance.world import World, wait_for
from tests.integration.record.postgresql import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    found = PostgresServer()
    found.start()
    yield found
    found.stop()
    found.remove()


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.url(server.create_database())


def test_deploy_fail_roll_back_and_read_with_the_ledger_on_postgresql(world: World, url: str) -> None:
    world.database_url = url
    behind = world.fraisier("deploy", "my_api", "production", expect=8)
    assert "fraisier db migrate" in behind.stderr
    world.fraisier("db", "migrate")
    first = world.git("rev-parse", "HEAD")
    assert world.deploy()["status"] == "success"
    second = world.release(2)
    assert world.deploy()["status"] == "success"
    world.release(3, status=500)
    assert world.deploy(expect=5)["status"] == "rolled_back"
    world.assert_serving(second, "v2", schema="0002")
    assert world.rollback()["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    assert [row["status"] for row in world.history()] == ["success", "rolled_back", "success", "success"]
    numbers = world.json("stats")["stats"][0]
    assert (numbers["total"], numbers["successful"], numbers["rolled_back"]) == (4, 3, 1)
    live = world.json("status", "--live")["fraises"][0]
    assert (live["status"], live["version"], live["hosts"][0]["drift"]) == ("healthy", first, [])
    assert "migrate" in world.fraisier("logs").stdout


def test_cut_off_from_the_database_a_run_ends_before_its_lease_does(
    world: World, server: PostgresServer, url: str
) -> None:
    world.database_url = url
    world.fraisier("db", "migrate")
    first = world.git("rev-parse", "HEAD")
    world.deploy()
    world.release(2)
    world.write_config(("    install:\n", "    install:\n      - exec sleep 120\n"))
    run = world.start("deploy", "my_api", "production", "--json")
    wait_for(lambda: is_running(["sleep", "120"]), "it builds", 60)
    server.stop()
    try:
        wait_for(lambda: not is_running(["sleep", "120"]), "the command has ended", 30)
    finally:
        server.start()
    out, err = run.communicate(timeout=120)
    assert run.returncode == 1, out + err
    result = json.loads(out)["deployment"]
    assert result["status"] == "failed"
    assert "database could not be reached" in result["error"]["message"]
    world.assert_serving(first, "v1", schema="0001")
    world.write_config()
    assert world.deploy()["status"] == "success"


def test_workers_share_what_is_asked_for(world: World, url: str) -> None:
    world.database_url = url
    world.fraisier("db", "migrate")
    workers = [start_worker(world), start_worker(world)]
    try:
        result = world.deploy("--follow")
        assert result["status"] == "success"
        commit = world.release(2)
        world.fraisier("deploy", "my_api", "production", "--detach")
        wait_for(lambda: world.history()[0]["status"] == "success", "the second one", 60)
        world.assert_serving(commit, "v2", schema="0002")
        assert world.json("queue") == {"schema_version": 1, "deployments": [], "worker": True}
    finally:
        for worker in workers:
            end(worker)
    assert world.json("queue")["worker"] is False
