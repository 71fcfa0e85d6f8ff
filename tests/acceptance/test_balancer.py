"""Three hosts behind a real HAProxy: who takes traffic at which moment, and a client that asks all the while."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.fleet import Fleet
from tests.acceptance.world import World, free_port, wait_for
from tests.balancers import Client, HAProxy

ALL_UP = {"web1": "UP", "web2": "UP", "web3": "UP"}


class Balanced(Fleet):
    """A fleet behind a HAProxy on this machine."""

    def __init__(self, fleet: Fleet) -> None:
        self.world, self.hosts = fleet.world, fleet.hosts
        self.haproxy = HAProxy(free_port(), {name: host.port for name, host in self.hosts.items()})
        balancer = {
            "manager": "haproxy",
            "backend": "app",
            "socket": str(self.haproxy.socket),
            "up_timeout_seconds": 20,
        }
        self.add(f"        load_balancer: {json.dumps(balancer)}\n")

    def add(self, line: str) -> None:
        text = self.world.config.read_text()
        self.world.config.write_text(text.replace("        branch: main\n", f"        branch: main\n{line}"))


class Watch:
    """Looks at the balancer all the time: which servers were out of it, together."""

    def __init__(self, haproxy: HAProxy) -> None:
        self.haproxy = haproxy
        self.seen: set[tuple[str, ...]] = set()
        self._stop = threading.Event()

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            self.seen.add(tuple(name for name, state in self.haproxy.states().items() if state != "UP"))


@pytest.fixture
def balanced(fleet: Fleet) -> Iterator[Balanced]:
    found = Balanced(fleet)
    yield found
    found.haproxy.end()


@pytest.fixture
def balanced_since(deployed_fleet: Fleet) -> Iterator[Balanced]:
    """Put behind the balancer after its first deployment: all its servers are healthy there."""
    found = Balanced(deployed_fleet)
    wait_for(lambda: found.haproxy.states() == ALL_UP, "the balancer uses every host")
    yield found
    found.haproxy.end()


def test_rolling_forward_and_back_loses_no_request(balanced: Balanced) -> None:
    fleet = balanced
    fleet.add("        rollout: {strategy: rolling, batch_size: 1}\n")
    fleet.world.deploy()
    assert fleet.haproxy.states() == ALL_UP, "hosts of a first deployment are in the balancer once they are healthy"
    second = fleet.world.release(2, migration=False)
    with Client(fleet.haproxy.port) as client, Watch(fleet.haproxy) as watch:
        assert fleet.world.deploy()["status"] == "success"
        moment = time.monotonic()
        client.wait_for_answers(20)
    assert client.failures == []
    assert client.versions_since(moment) == {second}
    assert watch.seen == {(), ("web1",), ("web2",), ("web3",)}, "each left the balancer once, and never two together"
    assert fleet.haproxy.states() == ALL_UP

    fleet.world.release(3, migration=False)
    fleet.break_host("web2")
    with Client(fleet.haproxy.port) as client, Watch(fleet.haproxy) as watch:
        result = fleet.world.deploy(expect=1)
        moment = time.monotonic()
        client.wait_for_answers(20)
    assert result["status"] == "rolled_back", result
    assert client.failures == []
    assert client.versions_since(moment) == {second}
    assert not any("web3" in out for out in watch.seen), "the third host was never touched"
    assert fleet.haproxy.states() == ALL_UP


def test_hosts_that_only_left_the_balancer_come_back(balanced: Balanced) -> None:
    fleet = balanced
    fleet.world.deploy()
    before, pids = fleet.currents(), {name: host.service_pids() for name, host in fleet.hosts.items()}
    hook = fleet.world.root / "refuse.yml"
    hook.write_text(
        "- name: Refuse\n  ansible.builtin.fail: {msg: not this one}\n  when: inventory_hostname == 'web2'\n"
    )
    text = fleet.world.config.read_text()
    fleet.world.config.write_text(
        text.replace("    service:\n", "    hooks: {after_drain: refuse.yml}\n    service:\n")
    )
    fleet.world.release(2, migration=False)
    result = fleet.world.deploy(expect=1)
    assert (result["status"], "not this one" in result["error"]["message"]) == ("rolled_back", True)
    assert fleet.haproxy.states() == ALL_UP
    assert (fleet.currents(), {name: host.service_pids() for name, host in fleet.hosts.items()}) == (before, pids)


def test_a_host_that_is_not_healthy_takes_no_traffic_after_going_back_either(balanced_since: Balanced) -> None:
    fleet = balanced_since
    fleet.world.release(2, migration=False)
    gone = fleet.hosts["web3"].current()
    fleet.break_host("web2")
    (fleet.hosts["web3"].app / "releases" / gone / "REVISION").unlink()
    result = fleet.world.deploy(expect=7)
    assert result["compensation"].startswith("web3: ")
    assert fleet.haproxy.ask("show servers state app").count("\n") > 3
    states = fleet.haproxy.states()
    assert (states["web1"], states["web2"]) == ("UP", "UP")
    assert states["web3"] in ("DRAIN", "DOWN")
    fleet.haproxy.ask("set server app/web1 state maint")
    fleet.haproxy.ask("set server app/web2 state maint")
    with Client(fleet.haproxy.port) as client:
        client.wait_for_answers(4)
    assert not client.answers, "it is out by our doing, not by its check alone"


def test_a_balancer_that_cannot_be_asked_stops_the_deployment_before_anything(balanced_since: Balanced) -> None:
    fleet = balanced_since
    fleet.haproxy.ask("set server app/web1 state ready")
    text = fleet.world.config.read_text()
    fleet.world.config.write_text(text.replace(str(fleet.haproxy.socket), "/nowhere/admin.sock"))
    fleet.world.release(2)
    result = fleet.world.deploy(expect=1)
    assert (result["status"], fleet.world.production.schema()) == ("failed", "0001")
    assert "there is no HAProxy socket /nowhere/admin.sock" in result["error"]["message"]
    assert fleet.answers() == dict.fromkeys(fleet.hosts, "v1")


def test_task_files_of_your_own_drain_and_reattach(world: World) -> None:
    for name in ("drain", "reattach"):
        (world.root / f"{name}.yml").write_text(
            f"- name: Write it down\n  ansible.builtin.shell: echo {name} {{{{ inventory_hostname }}}} >>{world.root}/said\n"
            "  changed_when: true\n"
        )
    balancer = "{manager: tasks, drain: drain.yml, reattach: reattach.yml}"
    world.write_config(("        branch: main\n", f"        branch: main\n        load_balancer: {balancer}\n"))
    world.deploy()
    world.release(2, migration=False, status=500)
    assert world.deploy(expect=5)["status"] == "rolled_back"
    said = (world.root / "said").read_text().split("\n")
    assert said == ["drain localhost", "reattach localhost", *["drain localhost"] * 2, "reattach localhost", ""]
    wait_for(lambda: (world.production.answer() or {}).get("code") == "v1", "the old version serves")
