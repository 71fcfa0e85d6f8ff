"""Two instances behind a real load balancer: a client that never stops asking sees no failed request, forward, failing, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.world import World, free_port, wait_for
from tests.balancers import Client, HAProxy, Nginx
from tests.processes import working_folders


@dataclass
class BlueGreen:
    """The world's production environment as two instances, and what stands before them."""

    world: World
    ports: dict[str, int]
    balancer: HAProxy | Nginx

    @property
    def app(self) -> Path:
        return self.world.production.app

    def serving(self) -> list[str]:
        """The instances that the balancer uses."""
        states = self.balancer.states()
        if isinstance(self.balancer, HAProxy):
            return sorted(name.rpartition("-")[2] for name, state in states.items() if state == "UP")
        colors = {f"127.0.0.1:{port}": color for color, port in self.ports.items()}
        return sorted(colors[name] for name, state in states.items() if state == "up")

    def running(self) -> dict[str, str]:
        """Which release each running instance runs."""
        home, folders = self.app / "supervisor", working_folders()
        found = {}
        for color in self.ports:
            pid = home / "run" / f"fraisier-my_api-production-{color}.pid"
            if pid.exists() and (cwd := folders.get(int(pid.read_text() or 0))):
                found[color] = cwd.name
        return found

    def assert_serves(self, color: str, release_id: str) -> None:
        assert self.serving() == [color]
        assert self.running() == {color: release_id}
        assert self.world.production.current() == release_id
        assert (self.app / color).readlink().name == release_id


@pytest.fixture(params=["haproxy", "nginx"])
def both(world: World, request: pytest.FixtureRequest) -> Iterator[BlueGreen]:
    ports = {"blue": free_port(), "green": free_port()}
    front = free_port()
    balancer: HAProxy | Nginx
    if request.param == "haproxy":
        balancer = HAProxy(front, {f"localhost-{color}": port for color, port in ports.items()})
        settings = {"manager": "haproxy", "backend": "app", "socket": str(balancer.socket)}
    else:
        balancer = Nginx(front)
        settings = {"manager": "nginx", "upstream_file": str(balancer.file), "command": balancer.command}
    world.write_config(
        ("        branch: main\n", f"        branch: main\n        load_balancer: {json.dumps(settings)}\n"),
        ("      manager: supervisor\n", f"      manager: supervisor\n      blue_green: {json.dumps(ports)}\n"),
    )
    yield BlueGreen(world, ports, balancer)
    balancer.end()


def test_no_request_fails_forward_failing_and_back(both: BlueGreen) -> None:
    world = both.world
    one = world.deploy()["release_id"]
    both.assert_serves("blue", one)
    with Client(both.balancer.port) as client:
        client.wait_for_answers(20)

        second = world.release(2)
        two = world.deploy()["release_id"]
        moment = time.monotonic()
        both.assert_serves("green", two)
        client.wait_for_answers(20)
        assert client.versions_since(moment) == {second}
        assert_looks_are_at_green(both, two)

        third = world.release(3)
        made = world.json("plan", "my_api", "production")["plan"]
        assert made["migration"]["pending"] == ["0003"]
        three = world.deploy("--plan", made["id"])["release_id"]
        moment = time.monotonic()
        both.assert_serves("blue", three)
        client.wait_for_answers(20)
        assert client.versions_since(moment) == {third}
        pids = world.production.service_pids()

        world.release(4, status=500)
        assert world.deploy(expect=5)["status"] == "rolled_back"
        both.assert_serves("blue", three)
        assert world.production.service_pids() == pids, "the instance that served was never touched"
        world.edit("service.py", "import dep", "import dep, no_such_module")
        world.commit("does not start")
        assert world.deploy(expect=None)["status"] == "rolled_back"
        both.assert_serves("blue", three)
        client.wait_for_answers(20)
        assert client.versions_since(moment) == {third}

        assert world.rollback()["status"] == "success"
        moment = time.monotonic()
        both.assert_serves("green", two)
        client.wait_for_answers(20)
        assert client.versions_since(moment) == {second}
    assert client.failures == []
    assert len(client.answers) > 100
    if isinstance(both.balancer, HAProxy):
        assert client.tried_again == 0, "HAProxy needs no reload: no connection is cut either"
    live = world.json("status", "--live")["fraises"][0]
    assert (live["status"], live["version"], live["hosts"][0]["drift"]) == ("healthy", second, [])


def assert_looks_are_at_green(both: BlueGreen, release_id: str) -> None:
    """The instance that serves, and not the one that served before it, is what people are told of."""
    world = both.world
    found = [one for one in world.json("doctor")["findings"] if one["host"]]
    assert {one["state"] for one in found} == {"ok"}
    (port,) = (one["message"] for one in found if one["check"] == "port")
    assert port == f"{both.ports['green']} is held by the service"
    (host,) = world.json("status", "--live")["fraises"][0]["hosts"]
    assert (host["runs_release_id"], host["drift"]) == (release_id, [])


def test_a_first_deployment_that_fails_leaves_nothing(both: BlueGreen) -> None:
    both.world.release(1, migration=False, status=500)
    both.world.deploy(expect=5)
    assert (both.serving(), both.running(), both.world.production.current()) == ([], {}, "")
    assert not (both.app / "blue").is_symlink()
    both.world.release(1, migration=False)
    both.assert_serves("blue", both.world.deploy()["release_id"])


def test_deploying_after_a_controller_was_killed_at_the_switch_loses_no_request(both: BlueGreen) -> None:
    """The balancer may have switched while `current` has not followed: the instance that takes traffic must not be restarted in it."""
    world = both.world
    world.deploy()
    world.release(2, migration=False)
    with Client(both.balancer.port) as client:
        client.wait_for_answers(20)
        process = world.start("deploy", "my_api", "production")
        wait_for(lambda: "green" in both.serving(), "the balancer uses the new instance", seconds=120)
        process.kill()
        process.communicate()
        third = world.release(3, migration=False)
        result = world.deploy()
        moment = time.monotonic()
        client.wait_for_answers(20)
    both.assert_serves(both.serving()[0], result["release_id"])
    assert client.versions_since(moment) == {third}
    assert client.failures == []
