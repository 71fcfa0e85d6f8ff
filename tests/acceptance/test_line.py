"""Standing in line: at most one deployment inside, at most one waiting, nobody lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target
from tests.acceptance.world import World, wait_for
from tests.integration.record.postgresql import PostgresServer

ROUNDS = 50
CONTROLLER = """
import sys
from fraisier import FraisierConfig, deployer
target = deployer(FraisierConfig(), "my_api", "production", actor=sys.argv[1])
for _ in sys.stdin:
    print(target.execute().status, flush=True)
"""
"""Deploys once for each line that it is given."""


@pytest.fixture(scope="module")
def postgresql_url() -> Iterator[str]:
    server = PostgresServer()
    server.start()
    yield server.url(server.create_database())
    server.stop()
    server.remove()


@pytest.mark.parametrize("engine", [pytest.param("sqlite", marks=pytest.mark.deployed(1)), "postgresql"])
def test_two_controllers_race_for_one_target(world: World, engine: str, request: pytest.FixtureRequest) -> None:
    if engine == "postgresql":
        world.database_url = request.getfixturevalue("postgresql_url")
        world.fraisier("db", "migrate")
        world.deploy()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", CONTROLLER, name],
            env=world.environ,
            cwd=world.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for name in ("one", "other")
    ]
    for _ in range(ROUNDS):
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
        for racer in racers:
            assert racer.stdout
            assert racer.stdout.readline() == "unchanged\n", "each of them got in, and found nothing to do"
    for racer in racers:
        racer.communicate(timeout=60)
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        rows = read.last_deployments(ledger, Target("my_api", "production"), 3 * ROUNDS)
    inside = sorted((row.started_at, row.completed_at, row.actor, row.fencing) for row in rows if row.started_at)
    assert len(inside) == len(rows) == 2 * ROUNDS + 1
    assert all(before[1] <= after[0] for before, after in pairwise(inside)), "never both inside"  # type: ignore[operator]
    assert [row[3] for row in inside] == list(range(1, 2 * ROUNDS + 2)), "numbers grow in the order of the turns"
    turns = [row[2] for row in inside[1:]]
    assert any(before != after for before, after in pairwise(turns)), "they really raced"


@pytest.mark.deployed(1)
def test_a_newer_one_takes_the_place_of_the_one_that_waits(world: World) -> None:
    world.release(2)
    world.write_config(("    install:\n", "    install:\n      - sleep 6\n"))
    first = world.start("deploy", "my_api", "production", "--json")
    wait_for(lambda: world.history()[0]["status"] == "in_progress", "the first one runs")
    second = world.start("deploy", "my_api", "production")
    wait_for(lambda: world.history()[0]["status"] == "pending", "the second one waits")
    third = world.start("deploy", "my_api", "production", "--json")
    out, err = second.communicate(timeout=60)
    assert second.returncode == 130, out + err
    assert "waiting: my_api/production: deployment" in out and f"(process {first.pid}" in out
    assert "superseded" in err
    assert json.loads(first.communicate(timeout=120)[0])["deployment"]["status"] == "success"
    assert json.loads(third.communicate(timeout=120)[0])["deployment"]["status"] == "unchanged"
    assert [row["status"] for row in world.history()] == ["unchanged", "superseded", "success", "success"]


def test_the_lock_says_who_holds_the_target_and_is_taken_only_from_one_who_is_gone(world: World) -> None:
    assert "is free" in world.fraisier("lock", "show", "my_api", "production").stdout
    world.write_config(("    install:\n", "    install:\n      - sleep 30\n"))
    running = world.start("deploy", "my_api", "production")
    wait_for(lambda: world.history() and world.history()[0]["status"] == "in_progress", "it runs")
    held = world.json("lock", "show", "my_api", "production")["lock"]
    assert (held["pid"], held["process"]) == (running.pid, "exists")
    assert held["silent_seconds"] < 15
    refused = world.fraisier("lock", "release", "my_api", "production", expect=6)
    assert "is alive" in refused.stderr and "fraisier cancel" in refused.stderr
    running.kill()
    running.communicate()
    freed = world.json("lock", "release", "my_api", "production")
    assert freed["released"] == [held["deployment"]]
    assert world.history()[0]["status"] == "interrupted"
    world.write_config()
    resumed = world.json("resume", "my_api", "production")["deployment"]
    assert resumed["status"] == "success"
    assert world.production.current() == resumed["release_id"]
    world.assert_serving(world.git("rev-parse", "HEAD"), "v1", schema="0001")


@pytest.mark.deployed(1)
def test_whoever_waits_can_be_cancelled_alone(world: World) -> None:
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        waiting = write.request(ledger, Target("my_api", "production"), actor="somebody")
    done = world.json("cancel", "my_api", "production")["deployment"]
    assert (done["id"], done["status"]) == (waiting.id, "cancelled")
    nothing = world.fraisier("cancel", "my_api", "production", expect=2)
    assert "nothing runs and nothing waits" in nothing.stderr
