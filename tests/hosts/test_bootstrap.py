"""`fraisier bootstrap` on booted hosts that nobody has prepared: root gets in with a key, and there is nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.host import Host
from tests.hosts.waiting import wait_for
from tests.hosts.world import APP_PATH, World

RULE = "/etc/sudoers.d/fraisier-deployer"


class Bare:
    """h1 of the world as a bare server; its key is in no file of known hosts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host: Host = world.host("h1")
        self.host.run("userdel", "--remove", "--force", "deploy", check=False)
        self.host.run("rm", "-rf", APP_PATH, "/etc/sudoers.d/deploy")
        self.host.run("install", "-d", "-m", "0700", "/root/.ssh")
        key = Path(f"{world.bed.image.key}.pub").read_text()
        self.host.run("tee", "/root/.ssh/authorized_keys", stdin=key)
        self.known_hosts = world.root / "known_hosts"
        hosts = [{"name": "h1", "address": self.host.address}]
        world.configure(hosts=hosts, user="deployer", ssh_key=str(world.bed.image.key), known_hosts="known_hosts")

    def service(self, **settings: Any) -> None:
        self.world.settings["fraises"]["my_api"]["service"].update(settings)
        self.world.write_config()

    def bootstrap(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        return dict(self.world.json("bootstrap", "my_api", "production", *arguments, expect=expect))

    def has(self, *command: str) -> bool:
        return self.host.run(*command, check=False).returncode == 0

    def may_be_root(self) -> bool:
        return self.has("su", "deployer", "-c", "sudo -n /bin/sh -c true")


@pytest.fixture
def bare(world: World) -> Bare:
    return Bare(world)


def test_a_bare_server_becomes_a_host_and_is_deployed_to(bare: Bare) -> None:
    """Three times: as a trial, for real, and again."""
    world = bare.world
    refused = bare.bootstrap(expect=2)
    assert "the key of" in refused["error"]["message"]
    assert not bare.known_hosts.exists(), "nobody has said yes"

    trial = bare.bootstrap("--dry-run", "--accept-new-host-keys")["bootstrap"]
    assert trial["hosts"]["h1"]["changed"]
    assert not bare.has("id", "deployer")
    assert not bare.has("test", "-e", APP_PATH)
    assert not bare.has("test", "-e", RULE)
    assert bare.host.address in bare.known_hosts.read_text()

    real = bare.bootstrap()["bootstrap"]
    assert real["hosts"]["h1"]["did"] == trial["hosts"]["h1"]["did"]
    looked = {finding["check"]: finding["state"] for finding in real["doctor"]}
    assert (looked["ssh"], looked["sudo"]) == ("ok", "ok")
    assert bare.host.run("stat", "-c", "%U:%G %a", APP_PATH).stdout == "deployer:deployer 755\n"
    assert bare.host.run("stat", "-c", "%U %a", RULE).stdout == "root 440\n"
    assert bare.host.run("visudo", "-c").returncode == 0
    assert bare.may_be_root()
    assert not bare.has("su", "deployer", "-c", "sudo -n /usr/bin/id"), "a shell is what the rule gives, by name"

    again = bare.bootstrap("--diff")["bootstrap"]["hosts"]["h1"]
    assert (again["changed"], again["did"], again["missing"]) == (False, [], [])
    assert not bare.bootstrap()["bootstrap"]["hosts"]["h1"]["changed"]

    commit = world.head()
    assert world.deploy()["status"] == "success"
    world.assert_serving(commit, "v1", schema="0001", hosts=["h1"])


def test_units_of_the_user_need_no_sudo(bare: Bare) -> None:
    """Decided by the configuration, also when it changes: then the rule is taken away."""
    bare.bootstrap("--accept-new-host-keys")
    assert bare.may_be_root()
    bare.service(scope="user")
    did = bare.bootstrap()["bootstrap"]["hosts"]["h1"]["did"]
    assert did == ["take away the sudo rule of deployer", "let services of deployer run while it is not logged in"]
    assert not bare.may_be_root()
    assert bare.has("test", "-e", "/var/lib/systemd/linger/deployer")
    assert not bare.bootstrap()["bootstrap"]["hosts"]["h1"]["changed"]
    result = bare.world.deploy()
    assert result["status"] == "success"
    status, body = bare.world.answer("h1") or (0, {})
    assert (status, body["version"]) == (200, bare.world.head())
    bare.host.reboot()
    wait_for(lambda: bare.world.answer("h1"), "it runs without anybody logged in")


def test_a_rule_that_sudo_does_not_follow_is_not_left_behind(bare: Bare) -> None:
    bare.host.run("sh", "-c", "grep -v includedir /etc/sudoers >/run/s; install -m 0440 /run/s /etc/sudoers")
    error = bare.bootstrap("--accept-new-host-keys", expect=1)["error"]
    assert "does /etc/sudoers read /etc/sudoers.d?" in error["message"]
    assert not bare.has("test", "-e", RULE)


def test_root_follows_no_link_of_a_user(bare: Bare) -> None:
    bare.host.run("useradd", "--create-home", "deployer")
    bare.host.run("install", "-d", "-m", "0700", "/root/precious")
    bare.host.run("su", "deployer", "-c", "ln -s /root/precious ~/.ssh")
    error = bare.bootstrap("--accept-new-host-keys", expect=1)["error"]
    assert "cannot write /home/deployer/.ssh/authorized_keys" in error["message"]
    assert bare.host.run("ls", "/root/precious").stdout == ""


def test_who_is_not_root_is_told(bare: Bare) -> None:
    bare.host.run("useradd", "--create-home", "guest")
    bare.host.run("install", "-d", "-m", "0700", "-o", "guest", "/home/guest/.ssh")
    bare.host.run("cp", "/root/.ssh/authorized_keys", "/home/guest/.ssh/")
    bare.host.run("chown", "guest", "/home/guest/.ssh/authorized_keys")
    error = bare.bootstrap("--accept-new-host-keys", "--user", "guest", expect=1)["error"]
    assert "password" in error["message"].lower()
    assert not bare.has("id", "deployer")
