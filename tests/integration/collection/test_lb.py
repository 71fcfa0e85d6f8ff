"""Hosts leave a real HAProxy and a real nginx and come back: what the balancers themselves then say, and whom they ask."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from estate import Estate, Run, free_port

from tests.balancers import HAProxy, Nginx, wait_until


@dataclass
class Service:
    """Answers with its name; the path /slow is answered when the test says so."""

    name: str
    status: int = 200
    go_on: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/slow":
                    service.waiting.set()
                    service.go_on.wait(30)
                self.send_response(service.status)
                self.end_headers()
                self.wfile.write(json.dumps({"version": service.name}).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()


def ask(port: int, path: str = "/") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(json.load(answer)["version"])


@pytest.fixture
def services() -> Iterator[list[Service]]:
    found = [Service("a"), Service("b")]
    for each in found:
        each.start()
    yield found
    for each in found:
        each.end()


@pytest.fixture
def haproxy(estate: Estate, services: list[Service]) -> Iterator[HAProxy]:
    a, b = services
    found = HAProxy(free_port(), {"a": a.port, "b": b.port})
    estate.variables |= {
        "fraisier_lb_manager": "haproxy",
        "fraisier_lb_backend": "app",
        "fraisier_lb_socket": str(found.socket),
        "fraisier_lb_server": "a",
        "fraisier_lb_become": False,
    }
    yield found
    found.end()


@pytest.fixture
def nginx(estate: Estate, services: list[Service]) -> Iterator[Nginx]:
    found = Nginx(free_port())
    addresses = [f"127.0.0.1:{each.port}" for each in services]
    estate.variables |= {
        "fraisier_lb_manager": "nginx",
        "fraisier_lb_upstream_file": str(found.file),
        "fraisier_lb_servers": addresses,
        "fraisier_lb_server": addresses[0],
        "fraisier_lb_command": found.command,
        "fraisier_lb_become": False,
    }
    yield found
    found.end()


def lb(estate: Estate, state: str, *arguments: str, **variables: Any) -> Run:
    return estate.role("lb", *arguments, fraisier_lb_state=state, **variables)


def item(run: Run) -> dict[str, Any]:
    (found,) = run.result("lb")["results"]
    return dict(found)


def test_haproxy_drains_in_check_mode_for_real_and_again(estate: Estate, haproxy: HAProxy) -> None:
    check = lb(estate, "drained", "--check", "--diff").ok()
    assert (check.changed, haproxy.states()["a"]) == (1, "UP")
    assert item(check)["diff"] == {"before": "attached\n", "after": "drained\n"} | dict.fromkeys(
        ("before_header", "after_header"), "app/a"
    )
    real = lb(estate, "drained").ok()
    assert (real.changed, item(real)["before"], item(real)["state"]) == (1, "attached", "drained")
    assert haproxy.states() == {"a": "DRAIN", "b": "UP"}
    assert {ask(haproxy.port) for _ in range(6)} == {"b"}
    assert lb(estate, "drained").ok().changed == 0
    attached = lb(estate, "attached").ok()
    assert (attached.changed, item(attached)["state"], haproxy.states()["a"]) == (1, "attached", "UP")
    assert {ask(haproxy.port) for _ in range(6)} == {"a", "b"}
    assert lb(estate, "attached").ok().changed == 0


def test_haproxy_waits_for_the_requests_that_are_open(
    estate: Estate, haproxy: HAProxy, services: list[Service]
) -> None:
    lb(estate, "drained", fraisier_lb_server="b").ok()
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask(haproxy.port, "/slow")))
    asking.start()
    assert services[0].waiting.wait(20)
    lb(estate, "attached", fraisier_lb_server="b").ok()
    impatient = lb(estate, "drained", fraisier_lb_drain_seconds=1).ok()
    assert item(impatient)["connections"] == 1
    assert "1 connections of app/a were still open after 1 s" in impatient.text
    assert answers == []
    services[0].go_on.set()
    asking.join(20)
    assert answers == ["a"]
    assert item(lb(estate, "drained").ok())["connections"] == 0


def test_haproxy_gets_no_server_back_that_its_own_check_does_not_like(
    estate: Estate, haproxy: HAProxy, services: list[Service]
) -> None:
    lb(estate, "drained").ok()
    services[0].status = 500
    wait_until(lambda: haproxy.states()["a"] == "DOWN", "HAProxy has seen it")
    failed = lb(estate, "attached", fraisier_lb_up_seconds=1)
    assert "HAProxy does not find app/a up within 1 s" in failed.text
    assert "L7STS" in failed.text
    services[0].status = 200
    assert item(lb(estate, "attached").ok())["state"] == "attached"


def test_haproxy_in_maintenance_comes_back_after_a_check(estate: Estate, haproxy: HAProxy) -> None:
    haproxy.ask("set server app/a state maint")
    assert lb(estate, "drained").ok().changed == 0, "nothing goes there in maintenance either"
    lb(estate, "attached").ok()
    assert haproxy.states()["a"] == "UP"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"fraisier_lb_server": "c"}, "HAProxy knows no server app/c"),
        ({"fraisier_lb_backend": "apps"}, "HAProxy knows no server apps/a"),
        ({"fraisier_lb_socket": "/nowhere"}, "there is no HAProxy socket /nowhere"),
        ({"fraisier_lb_server": "a;show info"}, "server has not the right form"),
    ],
    ids=["server", "backend", "socket", "form"],
)
def test_a_balancer_that_does_not_know_the_host_fails_at_the_first_look(
    variables: dict[str, Any], says: str, estate: Estate, haproxy: HAProxy
) -> None:
    failed = lb(estate, "seen", **variables)
    assert failed.rc != 0
    assert says in failed.text


def test_an_unreachable_balancer_is_not_an_unreachable_host(estate: Estate, haproxy: HAProxy) -> None:
    estate.hosts["lb1"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
    failed = lb(estate, "drained", "--limit", "web1", fraisier_lb_hosts=["lb1"])
    assert "the load balancer lb1 cannot be reached" in failed.text
    assert (failed.stats["web1"]["failures"], failed.stats["web1"]["unreachable"]) == (1, 0)


def test_nginx_drains_in_check_mode_for_real_and_again(estate: Estate, nginx: Nginx, services: list[Service]) -> None:
    a, b = (f"127.0.0.1:{each.port}" for each in services)
    lb(estate, "seen").ok()
    lb(estate, "attached").ok()
    assert nginx.states() == {a: "up", b: "down"}, "nobody has said yet that b is well"
    lb(estate, "attached", fraisier_lb_server=b).ok()
    before, workers = nginx.file.read_text(), nginx.workers()
    check = lb(estate, "drained", "--check", "--diff").ok()
    assert (check.changed, nginx.file.read_text(), nginx.workers()) == (1, before, workers)
    assert f"server {a} down;" in item(check)["diff"]["after"]
    real = lb(estate, "drained").ok()
    assert (real.changed, item(real)["before"], item(real)["state"]) == (1, "attached", "drained")
    assert nginx.states() == {a: "down", b: "up"}
    assert not nginx.workers() & workers, "workers that still knew the server have ended"
    assert {ask(nginx.port) for _ in range(6)} == {"b"}
    workers = nginx.workers()
    assert (lb(estate, "drained").ok().changed, nginx.workers()) == (0, workers)
    lb(estate, "attached").ok()
    assert {ask(nginx.port) for _ in range(6)} == {"a", "b"}
    assert lb(estate, "attached").ok().changed == 0


def test_hosts_that_change_one_file_at_once_do_not_undo_each_other(
    estate: Estate, nginx: Nginx, services: list[Service]
) -> None:
    addresses = [f"127.0.0.1:{each.port}" for each in services]
    del estate.variables["fraisier_lb_server"]
    estate.hosts = {f"web{number}": {"fraisier_lb_server": each} for number, each in enumerate(addresses)}
    for state, word in (("attached", "up"), ("drained", "down"), ("attached", "up")):
        lb(estate, state).ok()
        assert nginx.states() == dict.fromkeys(addresses, word)
    assert {ask(nginx.port) for _ in range(6)} == {"a", "b"}


def test_nginx_waits_for_the_requests_that_are_open(estate: Estate, nginx: Nginx, services: list[Service]) -> None:
    lb(estate, "attached").ok()
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask(nginx.port, "/slow")))
    asking.start()
    assert services[0].waiting.wait(20)
    impatient = lb(estate, "drained", fraisier_lb_drain_seconds=1).ok()
    assert item(impatient)["connections"] == 1
    services[0].go_on.set()
    asking.join(20)
    assert answers == ["a"]


def test_nginx_that_refuses_the_configuration_keeps_the_one_it_has(estate: Estate, nginx: Nginx) -> None:
    lb(estate, "attached").ok()
    before = nginx.file.read_text()
    failed = lb(estate, "drained", fraisier_lb_server_options="no_such_option=1")
    assert "nginx refuses its configuration" in failed.text
    assert "no_such_option" in failed.text
    assert nginx.file.read_text() == before
    assert ask(nginx.port) == "a"


def test_what_a_killed_run_wrote_and_did_not_load_is_loaded(estate: Estate, nginx: Nginx) -> None:
    lb(estate, "attached").ok()
    text = nginx.file.read_text()
    nginx.file.write_text(text.replace("; changes are overwritten.", ", and not loaded by nginx yet."))
    workers = nginx.workers()
    assert lb(estate, "attached").ok().changed == 1
    assert nginx.file.read_text() == text
    assert not nginx.workers() & workers


def test_nginx_that_does_not_run_is_an_error(estate: Estate, nginx: Nginx) -> None:
    lb(estate, "attached").ok()
    nginx.process.terminate()
    nginx.process.wait(20)
    assert "nginx does not run on the load balancer" in lb(estate, "drained").text
