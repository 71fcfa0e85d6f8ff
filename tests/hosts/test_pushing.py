"""The whole story: the role installs server and worker on a host; a git push reaches two others, and everybody hears of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hosts import wheelhouse
from tests.hosts.waiting import wait_for
from tests.hosts.world import World
from tests.integration.collection.estate import Estate
from tests.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]
REPOSITORY = "acme/my_api"
SECRET = "a-webhook-s3cret-of-some-length"
TOKEN = "t0ken-of-the-git-service"
UNITS = ("fraisier-server.service", "fraisier-worker.service")
PLACES = ("/etc/fraisier", "/etc/systemd/system", "/opt", "/usr/local/bin", "/var/lib/fraisier")
PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket")


class Controller:
    """h1 with the role; h2 and h3 are what it deploys to. The repository, and whoever is told, are on the machine itself."""

    def __init__(self, world: World, folder: Path, receiver: Receiver) -> None:
        self.world, self.folder, self.receiver = world, folder, receiver
        self.host = world.host("h1")
        self.targets = ("h2", "h3")
        self.bare = world.share / f"{REPOSITORY}.git"
        self.wheel = wheelhouse.build(world.share / "wheelhouse")
        self.key, self.known_hosts = folder / "key", folder / "known_hosts"
        shutil.copy2(world.bed.image.key, self.key)
        shutil.copy2(world.bed.known_hosts, self.known_hosts)
        self._serve_repository()
        self.configure("github")

    def _serve_repository(self) -> None:
        names = self.world.bed.names
        self.bare.parent.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--bare", self.world.repository, self.bare], check=True)
        argv = ["git", "daemon", "--export-all", f"--base-path={self.world.share}", f"--listen={names.machine}"]
        self.world.bed.spawn("git", argv)
        self.git_repo = f"git://{names.machine}/{REPOSITORY}.git"
        hook = self.bare / "hooks" / "post-receive"
        hook.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} {ROOT}/tests/hosts/post_receive.py\n")
        hook.chmod(0o755)
        self.world.git("remote", "add", "origin", str(self.bare))

    def configure(self, provider: str) -> None:
        """One git service on the machine, which speaks as ``provider`` does."""
        fraises = self.world.settings["fraises"]
        fraises["my_api"]["git_repo"] = self.git_repo
        hosts = [{"name": name, "address": self.world.host(name).address} for name in self.targets]
        reached = {"user": "deploy", "ssh_key": "/etc/fraisier/key", "known_hosts": "known_hosts"}
        self.world.production.update(hosts=hosts, **reached)
        base_url = f"http://{self.receiver.place}"
        document = {
            "server": {"host": "0.0.0.0"},
            "git": {provider: {"webhook_secret": "${SECRET}", "token": "${TOKEN}", "base_url": base_url}},
            "fraises": fraises,
            "branch_mapping": {"main": "my_api/production"},
            "notifications": {"urls": [f"json://{self.receiver.place}/told"]},
        }
        self.config = self.folder / "fraises.yaml"
        self.config.write_text(yaml.safe_dump(document, sort_keys=False))
        sender = {"provider": provider, "repository": REPOSITORY, "secret": SECRET, "pusher": f"ann@{provider}"}
        sender["url"] = f"http://{self.host.address}:8080/webhook"
        (self.bare / "sender.json").write_text(json.dumps(sender))

    def replace_config(self, provider: str) -> None:
        """As an administrator edits it: server and worker notice by themselves."""
        self.host.run("tee", "/etc/fraisier/fraises.yaml", stdin=self.config.read_text())
        wait_for(lambda: f"provider={provider}" in self.get("/providers"), f"the server speaks with {provider}")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.host.address}:8080{path}", timeout=10) as response:
            return str(response.read().decode())

    def estate(self) -> Estate:
        place = self.folder / "collections/ansible_collections/fraisier"
        place.mkdir(parents=True)
        (place / "deploy").symlink_to(ROOT)
        reached = {
            "ansible_connection": "ssh",
            "ansible_host": self.host.address,
            "ansible_user": "deploy",
            "ansible_ssh_private_key_file": str(self.world.bed.image.key),
            # Many builtin modules over one connection; a socket in a test's folder would have too long a name.
            "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={self.known_hosts} -o ControlPath=/dev/shm/bed-%C",
            "ansible_ssh_pipelining": True,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        found = Estate(self.folder, self.folder / "collections", hosts={"h1": reached})
        found.variables = {
            "fraisier_server_config": str(self.config),
            "fraisier_server_files": [str(self.key), str(self.known_hosts)],
            "fraisier_server_wheel": str(self.wheel),
            "fraisier_server_pip_environment": {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheel.parent)},
            "fraisier_server_environment": {"SECRET": SECRET, "TOKEN": TOKEN, "APP_SECRET": self.world.secret},
        }
        return found

    def push(self) -> str:
        """What the server answered, as whoever pushes sees it."""
        done = subprocess.run(
            ["git", "push", "origin", "main"],
            cwd=self.world.repository,
            env=self.world.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fraisier(self, *arguments: str) -> str:
        """The command that the role leaves for administrators."""
        return self.host.run("/usr/local/bin/fraisier", *arguments, timeout=120).stdout

    def newest(self) -> dict[str, Any]:
        found = json.loads(self.fraisier("history", "--json"))["deployments"]
        return dict(found[0]) if found else {}

    def states(self, commit: str) -> list[str]:
        """What the git service was told of a commit, in its own words."""
        return [str(got.json["state"]).lower() for got in self.receiver.received if commit in got.path]

    def titles(self) -> list[str]:
        return [got.json["title"] for got in self.receiver.received if got.path == "/told"]


@pytest.fixture
def controller(world: World, tmp_path: Path) -> Iterator[Controller]:
    folder = tmp_path / "controller"
    folder.mkdir()
    with receiving(world.bed.names.machine) as receiver:
        found = Controller(world, folder, receiver)
        yield found
        for unit in UNITS:
            print(found.host.run("journalctl", "--no-pager", "--lines=60", f"--unit={unit}", check=False).stdout)


def files(controller: Controller) -> str:
    """Every file that the role could touch, with its time; what server and worker write while they run is theirs."""
    argv = ["find", *PLACES, "-not", "-name", "fraisier.db*", "-type", "f", "-printf", "%p %m %u %T@\n"]
    found = controller.host.run(*argv, check=False).stdout.splitlines()
    return "\n".join(sorted(line for line in found if "/.cache/" not in line and "/__pycache__/" not in line))


def test_a_push_is_deployed_and_everybody_hears_of_it(controller: Controller) -> None:
    estate, host, world = controller.estate(), controller.host, controller.world
    before = files(controller)
    check = estate.role("server", "--check", "--diff")
    assert files(controller) == before
    assert SECRET not in check.text
    real = estate.role("server").ok()
    assert real.changed > 0 and SECRET not in real.text
    there = files(controller)
    again = estate.role("server").ok()
    assert (again.changed, files(controller)) == (0, there), again.text

    for unit in UNITS:
        shown = host.show(unit, "ActiveState", "UnitFileState", "MainPID")
        assert (shown["ActiveState"], shown["UnitFileState"]) == ("active", "enabled")
        assert host.run("ps", "-o", "user=", "-p", shown["MainPID"]).stdout.strip() == "fraisier"
        assert "NoNewPrivs:\t1" in host.run("cat", f"/proc/{shown['MainPID']}/status").stdout
    assert host.run("stat", "-c", "%a %U", "/etc/fraisier/environment").stdout == "600 root\n"
    assert SECRET not in host.run("systemctl", "cat", *UNITS).stdout

    for number, provider in enumerate(PROVIDERS, start=1):
        controller.configure(provider)
        controller.replace_config(provider)
        commit = world.release(number) if number > 1 else world.commit("v1")
        assert "answered 202" in controller.push()
        wait_for(lambda commit=commit: len(controller.states(commit)) == 2, f"{provider} is told of the end")
        world.assert_serving(commit, f"v{number}", schema=f"{number:04}", hosts=controller.targets)
        first, last = controller.states(commit)
        assert first in ("pending", "inprogress") and last in ("success", "successful"), provider
        newest = controller.newest()
        assert (newest["status"], newest["trigger"]) == ("success", "webhook")
        assert (newest["actor"], newest["new_version"]) == (f"ann@{provider}", commit)
        title = f"my_api/production: deployed {commit[:10]}"
        wait_for(lambda title=title: title in controller.titles(), "the notification")
    assert len(controller.titles()) == len(set(controller.titles())), "each once"
    said = b"".join(got.body for got in controller.receiver.received)
    assert SECRET.encode() not in said and world.secret.encode() not in said

    logs = controller.fraisier("logs")
    assert all(phase in logs for phase in ("fetch", "migrate", "activate", "health"))

    host.power_cut()
    host.start()
    for unit in UNITS:
        wait_for(lambda unit=unit: host.show(unit, "ActiveState")["ActiveState"] == "active", f"{unit} is back")
    commit = world.release(6, status=500, migration=False, on=["h3"])
    wait_for(lambda: "answered 202" in controller.push(), "the server answers")
    wait_for(lambda: len(controller.states(commit)) == 2, "the bad end is told")
    assert controller.states(commit)[-1] == "failed"
    wait_for(lambda: any("rolled back" in title for title in controller.titles()), "the notification")
