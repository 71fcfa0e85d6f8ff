"""The same path over ssh, to an sshd of our own on loopback: masters kept between runs, host keys checked, long home folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_failures import OWN_TOOL
from tests.acceptance.world import World
from tests.sshd import SSHD, Server, sshd


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if not SSHD.exists():
        pytest.skip(f"there is no {SSHD} on this machine")
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as found:
        yield found


def over_ssh(world: World, server: Server) -> None:
    options = f'vars: {{ansible_ssh_common_args: "{server.options}"}}'
    host = f"{{name: host1, address: 127.0.0.1, port: {server.port}, ssh_key: {server.key}, {options}}}"
    world.write_config(
        ("    connection: local\n", ""),
        ("        branch: main\n", f"        branch: main\n        hosts: [{host}]\n"),
        ("[python3, -m, pip", f"[{sys.executable}, -m, pip"),
        *[
            (
                f'        database: {{tool: alembic, url: "sqlite:///{where.database}"}}\n',
                OWN_TOOL.format(python=sys.executable, database=where.database),
            )
            for where in world.environments.values()
        ],
    )


def test_deploy_fail_go_back_and_look_over_ssh(world: World, server: Server) -> None:
    world.home = world.root / ("a-rather-long-name-of-a-home-folder-" * 2)
    world.home.mkdir()
    over_ssh(world, server)
    first = world.git("rev-parse", "HEAD")
    assert world.deploy()["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    world.release(2, migration=False, status=500)
    assert world.deploy(expect=5)["status"] == "rolled_back"
    world.assert_serving(first, "v1", schema="0001")
    live = world.json("status", "--live")["fraises"][0]["hosts"][0]
    assert (live["host"], live["healthy"], live["drift"]) == ("host1", True, [])


def test_two_environments_on_one_host_at_the_same_time_keep_to_themselves(world: World, server: Server) -> None:
    staging = world.add_environment("staging", "main")
    over_ssh(world, server)
    commit = world.git("rev-parse", "HEAD")
    running = [world.start("deploy", "my_api", name) for name in world.environments]
    for process in running:
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, out + err
    for name, where in world.environments.items():
        world.assert_serving(commit, "v1", schema="0001", environment=name)
        assert f'PORT="{where.port}"' in (where.app / "shared/service.env").read_text()
    world.release(2)
    assert world.deploy(environment="staging")["status"] == "success"
    world.assert_serving(commit, "v1", schema="0001")
    assert (staging.answer() or {})["code"] == "v2"
    refused = world.json("rollback", "my_api", "production", expect=2)
    assert "no earlier good release" in refused["error"]["message"], (
        "staging's is nothing that production can go back to"
    )


def test_a_host_with_another_key_is_not_talked_to(world: World, server: Server) -> None:
    over_ssh(world, server)
    words = server.known_hosts.read_text().split()
    words[2] = (server.key.with_suffix(".pub")).read_text().split()[1]
    server.known_hosts.write_text(" ".join(words) + "\n")
    result = world.deploy(expect=4)
    assert (result["status"], result["error"]["code"]) == ("failed", "TargetUnreachable")
    assert "key" in result["error"]["message"].lower()
    assert not (world.production.app / "releases").exists()
