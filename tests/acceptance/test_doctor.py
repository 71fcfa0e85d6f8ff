"""`doctor` on hosts behind ssh: each thing that would spoil a deployment is named, with what to do next."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_ssh import over_ssh
from tests.acceptance.world import World, wait_for
from tests.sshd import SSHD, Server, sshd


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if not SSHD.exists():
        pytest.skip(f"there is no {SSHD} on this machine")
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as found:
        yield found


@pytest.fixture
def remote(world: World, server: Server) -> World:
    over_ssh(world, server)
    return world


def findings(world: World, *arguments: str, expect: int = 0) -> dict[str, dict[str, Any]]:
    """What was found on the host, by what was looked at."""
    found = world.json("doctor", *arguments, expect=expect)["findings"]
    return {one["check"]: one for one in found if one["host"]}


def edit(world: World, before: str, after: str) -> None:
    text = world.config.read_text()
    assert before in text
    world.config.write_text(text.replace(before, after))


def test_a_host_that_is_ready_is_told_so_before_and_after_a_deployment(remote: World) -> None:
    found = findings(remote, "my_api", "production")
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(
        ("ssh", "folder", "disk", "tools", "manager", "clock", "git", "port"), "ok"
    )
    assert found["port"]["message"] == f"{remote.production.port} is free"
    remote.deploy()
    found = findings(remote, "my_api", "production")
    assert {name for name, one in found.items() if one["state"] != "ok"} == {"database"}
    assert found["port"]["message"] == f"{remote.production.port} is held by the service"
    assert "pid" in found["service"]["message"] and "commands.current" in found["database"]["hint"]
    text = remote.fraisier("doctor", "my_api", "production", COLUMNS="80").stdout
    looks = "ssh, folder, disk, tools, manager, clock, git, port, service, health"
    assert " ".join(text.split()).endswith(f"ok my_api/production on host1: {looks}")
    for pid in remote.production.supervisor_pids():
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: remote.production.answer() is None, "the service is gone")
    found = findings(remote, expect=1)
    assert (found["service"]["state"], found["health"]["state"]) == ("problem", "problem")
    assert "fraisier status --live" in found["health"]["hint"]


def test_a_host_key_that_nobody_knows(remote: World, server: Server) -> None:
    server.known_hosts.write_text("")
    found = findings(remote, expect=1)
    assert list(found) == ["ssh"]
    assert found["ssh"]["message"].startswith("its host key is not known")
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {server.known_hosts}" in found["ssh"]["hint"]


def test_a_host_key_that_is_another_than_before(remote: World, server: Server) -> None:
    words = server.known_hosts.read_text().split()
    words[2] = server.key.with_suffix(".pub").read_text().split()[1]
    server.known_hosts.write_text(" ".join(words) + "\n")
    assert findings(remote, expect=1)["ssh"]["state"] == "problem"


def test_a_key_that_the_host_does_not_take(remote: World, server: Server) -> None:
    edit(remote, str(server.key), str(server.key.with_name("host_key")))
    found = findings(remote, expect=1)
    assert found["ssh"]["message"].startswith("the login is refused")
    assert "ssh-copy-id" in found["ssh"]["hint"]


def test_a_host_that_does_not_answer_is_named_beside_one_that_does(remote: World, server: Server) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]
    edit(remote, "hosts: [{", f"hosts: [{{name: host0, address: 127.0.0.1, port: {nobody}}}, {{")
    found = remote.json("doctor", expect=1)["findings"]
    states = {one["host"]: one["state"] for one in found if one["check"] == "ssh"}
    assert states == {"host0": "problem", "host1": "ok"}
    text = remote.fraisier("doctor", "my_api", expect=1, COLUMNS="80").stdout
    assert max(map(len, text.splitlines())) <= 80 or "/" in text
    assert "problem  my_api/production on host0: ssh: it does not answer" in text


def test_a_repository_that_the_host_may_not_read(remote: World) -> None:
    """The controller reads it, the host does not: what a deployment would find out in its second phase."""
    rule = {"COUNT": "1", "KEY_0": "url.file:///nowhere/.insteadOf", "VALUE_0": str(remote.repository)}
    words = "".join(f'GIT_CONFIG_{name}: "{value}", ' for name, value in rule.items())
    edit(remote, "environment: {PORT:", f"environment: {{{words}PORT:")
    found = findings(remote, expect=1)
    assert found["git"]["state"] == "problem"
    assert str(remote.repository) in found["git"]["message"]
    assert "deploy key" in found["git"]["hint"]


def test_a_disk_with_too_little_room(remote: World) -> None:
    edit(remote, "        branch: main\n", "        branch: main\n        min_free_mb: 999999999\n")
    found = findings(remote, expect=1)
    assert "999999999 are wanted" in found["disk"]["message"] and "min_free_mb" in found["disk"]["hint"]


def test_a_port_that_a_stranger_holds(remote: World) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", remote.production.port))
        stranger.listen()
        found = findings(remote, expect=1)
    assert f"(pid {os.getpid()}), which is not the service" in found["port"]["message"]
    assert f"{remote.production.port}" in found["port"]["hint"]


def test_a_folder_with_something_else_in_the_place_of_the_link(remote: World) -> None:
    (remote.production.app / "current").mkdir()
    found = findings(remote, expect=1)["folder"]
    assert found["state"] == "problem" and "is not a symbolic link: move it away first" in found["message"]


def test_a_database_that_the_host_does_not_reach(remote: World) -> None:
    remote.deploy()
    edit(remote, "            up:", f'            current: "{sys.executable} -m alembic current"\n            up:')
    found = findings(remote)["database"]
    assert found["state"] == "ok" and "0001" in found["message"]
    remote.production.database.unlink()
    remote.production.database.mkdir()
    found = findings(remote, expect=1)
    assert found["database"]["state"] == "problem" and "database.url" in found["database"]["hint"]


def test_a_load_balancer_that_is_not_there(world: World) -> None:
    balancer = "{manager: haproxy, backend: app, socket: /nowhere/admin.sock}"
    world.write_config(("        branch: main\n", f"        branch: main\n        load_balancer: {balancer}\n"))
    found = findings(world, expect=1)
    assert {name for name, one in found.items() if one["state"] != "ok"} == {"balancer"}
    assert "there is no HAProxy socket /nowhere/admin.sock" in found["balancer"]["message"]


def test_an_unknown_target_is_refused(world: World) -> None:
    assert "did you mean 'my_api'" in world.fraisier("doctor", "my_apo", expect=None).stderr
