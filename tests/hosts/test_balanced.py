"""Three booted hosts behind a HAProxy on this machine, and a client that asks all the while: no request is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.world import free_port
from tests.balancers import Client, HAProxy
from tests.hosts.world import APP_PATH, PORT, World

COLORS = {"blue": 8001, "green": 8002}


@dataclass
class Balanced:
    """A world and what stands before it."""

    world: World
    haproxy: HAProxy

    def used(self) -> list[str]:
        return sorted(name for name, state in self.haproxy.states().items() if state == "UP")

    def units(self, name: str) -> dict[str, str]:
        """State of the two units of a host."""
        host = self.world.host(name)
        return {color: host.show(f"my_api-{color}.service", "ActiveState")["ActiveState"] for color in COLORS}

    def link(self, name: str, link: str) -> str:
        return self.world.host(name).run("readlink", f"{APP_PATH}/{link}").stdout.strip().rpartition("/")[2]


def balanced(world: World, servers: dict[str, str], **settings: Any) -> Balanced:
    """The balancer runs here: no host, and reached without ssh."""
    haproxy = HAProxy(free_port(), servers)
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    balancer = {"manager": "haproxy", "backend": "app", "socket": str(haproxy.socket), "become": False}
    balancer["hosts"] = [{"name": "lb1", "vars": local}]
    notes = {"fraisier_lb_home": str(haproxy.folder)}
    rolling = {"strategy": "rolling", "batch_size": 1}
    world.configure(load_balancer=balancer, vars=notes, rollout=rolling, **settings)
    return Balanced(world, haproxy)


@pytest.fixture
def rolling(world: World) -> Iterator[Balanced]:
    found = balanced(world, {name: f"{host.address}:{PORT}" for name, host in world.bed.hosts.items()})
    yield found
    found.haproxy.end()


@pytest.fixture
def blue_green(world: World) -> Iterator[Balanced]:
    servers = {
        f"{name}-{color}": f"{host.address}:{port}"
        for name, host in world.bed.hosts.items()
        for color, port in COLORS.items()
    }
    found = balanced(world, servers, service={"blue_green": COLORS})
    yield found
    found.haproxy.end()


def test_rolling_over_three_hosts_loses_no_request(rolling: Balanced) -> None:
    world = rolling.world
    world.deploy()
    assert rolling.used() == ["h1", "h2", "h3"]
    with Client(rolling.haproxy.port) as client:
        second = world.release(2)
        world.deploy()
        moment = time.monotonic()
        client.wait_for_answers(20)
        assert client.versions_since(moment) == {second}

        world.release(3, status=500, on=["h2"])
        assert world.deploy(expect=5)["status"] == "rolled_back"
        client.wait_for_answers(20)
        assert client.versions_since(moment) >= {second}
        assert rolling.used() == ["h1", "h2", "h3"]
    assert client.failures == []
    world.assert_serving(second, "v2", schema="0002")


def test_blue_green_on_three_hosts_under_systemd_loses_no_request(blue_green: Balanced) -> None:
    world = blue_green.world
    one = world.deploy()["release_id"]
    assert blue_green.used() == ["h1-blue", "h2-blue", "h3-blue"]
    with Client(blue_green.haproxy.port) as client:
        world.release(2)
        two = world.deploy()["release_id"]
        assert blue_green.used() == ["h1-green", "h2-green", "h3-green"]
        for name in world.bed.hosts:
            assert blue_green.units(name) == {"blue": "inactive", "green": "active"}
            links = [blue_green.link(name, link) for link in ("blue", "green", "current")]
            assert links == [one, two, two]
        world.release(3, status=500, on=["h2"])
        assert world.deploy(expect=5)["status"] == "rolled_back"
        assert blue_green.used() == ["h1-green", "h2-green", "h3-green"]
        assert {name: world.current(name) for name in world.bed.hosts} == dict.fromkeys(world.bed.hosts, two)
        client.wait_for_answers(20)
    assert client.failures == []
    assert client.tried_again == 0
