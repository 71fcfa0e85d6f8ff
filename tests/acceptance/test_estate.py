"""Deploying to an estate that has inventories of its own, and several targets on the same machines: nobody's variables reach another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import Environment, World, free_port

ANSIBLE_VAULT = Path(sys.executable).with_name("ansible-vault")
HOSTS = """\
all:
  children:
    web:
      hosts:
        web1: {region: eu}
        web2: {region: us}
    old: {hosts: {gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9}}}
"""
TELL = """\
- name: Tell what the inventory says
  ansible.builtin.copy:
    content: "{{ vaulted }} of {{ region }}"
    dest: "{{ fraisier_app_path }}/told"
    mode: "0600"
"""


class Estate:
    """The world's production environment on hosts that an inventory of the user's own knows, with their ports and a secret."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = world.root / "estate"
        for name in ("group_vars", "host_vars"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "hosts.yml").write_text(HOSTS)
        self.hosts = {name: self.host(name) for name in ("web1", "web2")}
        password = world.root / "password"
        password.write_text("of the estate\n")
        command = [
            ANSIBLE_VAULT,
            "encrypt_string",
            "--vault-password-file",
            password,
            "--name",
            "vaulted",
            "from-the-vault",
        ]
        vaulted = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        traps = "fraisier_app_path: /nowhere/of/theirs\nfraisier_prune_keep: nonsense\n"
        local = f"ansible_connection: local\nansible_python_interpreter: {sys.executable}\n"
        (self.folder / "group_vars/web.yml").write_text(local + traps + vaulted)
        (world.root / "tell.yml").write_text(TELL)
        self.environ = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
        self.write("select: '@web'")

    def host(self, name: str) -> Environment:
        found = Environment(name, "main", self.world.root / "host" / name, free_port(), self.world.production.database)
        found.app.mkdir()
        (self.folder / f"host_vars/{name}.yml").write_text(
            f"my_port: {found.port}\nmy_folder: {found.app}\nfraisier_app_path: /nowhere/of/this/host\n"
        )
        return found

    def write(self, select: str) -> None:
        variables = {
            "fraisier_app_path": "{{ my_folder }}",
            "fraisier_environment": {"PORT": "{{ my_port | string }}"},
            "fraisier_health_url": "http://127.0.0.1:{{ my_port }}/health",
        }
        more = f"        inventory: estate\n        {select}\n        hooks: {{after_health: tell.yml}}\n"
        self.world.write_config(
            ("    connection: local\n", ""),
            ("      fraisier_supervisor_venv", f"      <<: {json.dumps(variables)}\n      fraisier_supervisor_venv"),
            ("        branch: main\n", f"        branch: main\n{more}"),
            ("[python3, -m, pip", f"[{sys.executable}, -m, pip"),
        )

    def answers(self) -> dict[str, str | None]:
        return {name: (answer["code"] if (answer := host.answer()) else None) for name, host in self.hosts.items()}


@pytest.fixture
def estate(world: World) -> Iterator[Estate]:
    found = Estate(world)
    yield found
    for host in found.hosts.values():
        host.end()


def test_an_estate_is_deployed_to_through_its_own_inventory(estate: Estate) -> None:
    """Its connection variables, host variables and vault hold; ours win where both speak; the rest of it is not touched."""
    world = estate.world
    result = world.fraisier("deploy", "my_api", "production", "--limit", "region=eu", **estate.environ)
    assert "gone" not in result.stdout
    assert estate.answers() == {"web1": "v1", "web2": None}
    world.fraisier("deploy", "my_api", "production", **estate.environ)
    assert estate.answers() == {"web1": "v1", "web2": "v1"}
    for name, region in (("web1", "eu"), ("web2", "us")):
        assert (estate.hosts[name].app / "told").read_text() == f"from-the-vault of {region}"
    assert "unchanged" in world.fraisier("deploy", "my_api", "production", **estate.environ).stdout
    assert "from-the-vault" not in world.fraisier("logs", "--json").stdout + (
        world.root / "fraisier.db"
    ).read_bytes().decode("latin-1")


def test_nothing_is_recorded_when_no_host_is_meant(estate: Estate) -> None:
    world = estate.world
    done = world.fraisier("deploy", "my_api", "production", "--limit", "region=moon", expect=2, **estate.environ)
    assert "--limit 'region=moon' matches no host" in done.stderr
    assert "hosts: web1, web2, @web" in done.stderr
    estate.write("select: '@wbe'")
    done = world.fraisier("deploy", "my_api", "production", expect=3, **estate.environ)
    assert "no host of the inventory matches select '@wbe'" in done.stderr
    (estate.folder / "hosts.yml").write_text("all: {hosts: [")
    for command in ("deploy my_api production", "status --live", "render my_api production"):
        done = world.fraisier(*command.split(), expect=3, **estate.environ)
        assert "cannot read the inventory" in done.stderr
        assert "Traceback" not in done.stderr
    assert world.history() == []


def test_a_rendered_project_reads_the_inventory_where_it_is(estate: Estate) -> None:
    world = estate.world
    world.fraisier("render", "my_api", "production", "--output", "out", **estate.environ)
    assert f"It reads your inventory where it is: `{estate.folder}`" in (world.root / "out/README.md").read_text()
    command = [Path(sys.executable).with_name("ansible-playbook"), "site.yml", "-e", "@secrets.json"]
    secrets = {"fraisier_secrets": {"environment_APP_SECRET": "s", "database_url": "x"}}
    (world.root / "out/secrets.json").write_text(json.dumps(secrets))
    listed = subprocess.run(
        [*command, "--list-hosts"],
        cwd=world.root / "out",
        env=world.environ | estate.environ,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    assert "web1" in listed.stdout
    assert "gone" not in listed.stdout
