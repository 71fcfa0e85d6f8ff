"""How hosts are reached: through a bastion with our key and our known hosts, never past an unknown key, never waiting for the silent."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER
from tests.sshd import SSHD, Server, sshd

CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: /nowhere
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      production:
        app_path: {app}
        ssh_key: keys of ours/user_key
        known_hosts: keys of ours/known_hosts
        hosts: [{host}]
"""


class Site:
    """A host and a bastion before it, both sshd of our own; keys and known hosts lie beside fraises.yaml, as a team keeps them."""

    def __init__(self, root: Path, home: Path, stack: ExitStack) -> None:
        self.root = root
        self.home = home
        self.keys = root / "keys of ours"  # paths with spaces must do
        self.keys.mkdir()
        self.host = stack.enter_context(sshd(root / "host"))
        for name in ("user_key", "user_key.pub"):
            (self.keys / name).write_bytes((root / "host" / name).read_bytes())
            (self.keys / name).chmod(0o600)
        self.bastion = stack.enter_context(sshd(root / "bastion", self.host.key))
        self.known_hosts = self.keys / "known_hosts"
        self.know(self.host, self.bastion)

    def know(self, *servers: Server) -> None:
        self.known_hosts.write_text("".join(server.host_key for server in servers))

    def write(self, more: str = "") -> None:
        host = f"{{name: web1, address: 127.0.0.1, port: {self.host.port}{more}}}"
        (self.root / "fraises.yaml").write_text(CONFIG.format(app=self.root / "app", host=host))

    def through_bastion(self, more: str = "") -> None:
        self.write(f", bastion: '127.0.0.1:{self.bastion.port}'{more}")

    def ask(self) -> dict[str, Any]:
        """What `fraisier status --live` finds out about the host, and how long that took."""
        import json

        environ = {"PATH": f"{FRAISIER.parent}:{os.environ['PATH']}", "HOME": str(self.home), "LANG": "C.UTF-8"}
        before = time.monotonic()
        command = [FRAISIER, "--config", self.root / "fraises.yaml", "status", "--live", "--json"]
        done = subprocess.run(command, env=environ, cwd=self.home, capture_output=True, text=True, timeout=120)
        (host,) = json.loads(done.stdout)["fraises"][0]["hosts"]
        return {**host, "seconds": time.monotonic() - before, "exit_code": done.returncode}


@pytest.fixture
def site(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not SSHD.exists():
        pytest.skip(f"there is no {SSHD} on this machine")
    with ExitStack() as stack:
        yield Site(tmp_path, tmp_path_factory.mktemp("s"), stack)  # a short name, so that connections can be kept there


def accepted(server: Server) -> int:
    return server.log.read_text().count("Accepted publickey")


def typed(message: str) -> str:
    """The command that a message advises to type."""
    return next(text for text in re.findall(r"`([^`]+)`", message) if text.startswith("ssh"))


def test_the_way_through_a_bastion_uses_our_key_and_our_known_hosts(site: Site) -> None:
    site.through_bastion()
    answer = site.ask()
    assert answer["reachable"], answer
    assert (accepted(site.bastion), accepted(site.host)) == (1, 1)


@pytest.mark.parametrize("unknown", ["host", "bastion"])
def test_an_unknown_key_is_refused_with_the_command_that_makes_it_known(site: Site, unknown: str) -> None:
    """The command is typed here as it stands: after it, the host is reached."""
    site.through_bastion()
    server = getattr(site, unknown)
    site.know(site.host if unknown == "bastion" else site.bastion)
    answer = site.ask()
    assert (answer["reachable"], answer["exit_code"]) == (False, 4)
    assert accepted(site.host) == 0
    assert str(server.port) in typed(answer["message"]), answer["message"]
    options = "-o StrictHostKeyChecking=accept-new"  # instead of the yes that a person types
    if unknown == "host":  # reached through the bastion, with what a person has in ~/.ssh
        options = (
            f"-i {shlex.quote(str(site.keys / 'user_key'))} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        )
    command = re.sub(r"^ssh ", f"ssh {options} ", typed(answer["message"]))
    subprocess.run(["bash", "-c", command], check=True, cwd=site.home)
    assert site.ask()["reachable"]


def test_without_a_bastion_the_host_is_named(site: Site) -> None:
    site.write()
    site.known_hosts.write_text("")
    message = site.ask()["message"]
    assert f"ssh-keyscan -p {site.host.port} 127.0.0.1 >> '{site.known_hosts}'" in message
    assert "fraisier bootstrap" in message


def test_a_changed_key_is_not_explained_away(site: Site) -> None:
    site.write()
    site.known_hosts.write_text(f"[127.0.0.1]:{site.host.port} {site.bastion.host_key.split(' ', 1)[1]}")
    message = site.ask()["message"]
    assert "find out why" in message
    assert f"-R '[127.0.0.1]:{site.host.port}'" in message
    assert "ssh-keyscan" not in message


OWN = [
    ", vars: {ansible_ssh_args: -o ControlMaster=auto -o ControlPersist=60s}",
    ", vars: {ansible_ssh_extra_args: -o Compression=yes}",
]


@pytest.mark.parametrize("more", OWN, ids=["own ssh_args", "own ssh_extra_args"])
def test_a_host_that_falls_silent_is_given_up_in_seconds(site: Site, more: str) -> None:
    """It stands still while the connection to it is kept: no reset comes, as when a cable is pulled. Variables of a user's own that
    replace ours do not take away what ends the wait."""
    site.through_bastion(more)
    assert site.ask()["reachable"]
    assert site.host.sessions(), "the connection is kept from one run to the next"
    frozen = [site.host.pid, *site.host.sessions()]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        answer = site.ask()
    finally:
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    assert not answer["reachable"]
    assert answer["seconds"] < 60
