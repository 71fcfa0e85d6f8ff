"""The same path with the ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.world import World
from tests.integration.record.postgresql import PostgresServer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = PostgresServer()
    server.start()
    yield server.url(server.create_database())
    server.stop()
    server.remove()


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
