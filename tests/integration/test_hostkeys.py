"""Host keys that are not known yet, asked of real sshds: the bastion's first, the host's through it, and then there are none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig
from fraisier.errors import TargetUnreachable
from fraisier.hostkeys import unknown_keys
from fraisier.plan import Plan, Release
from tests.sshd import SSHD, Server, sshd

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: /nowhere
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      production:
        app_path: /srv/my_api
        ssh_key: {key}
        known_hosts: known hosts
        hosts: [{{name: web1, address: 127.0.0.1, port: {port}}}, {{name: web2, address: 127.0.0.1, port: {port}}}]
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A host and a bastion."""
    if not SSHD.exists():
        pytest.skip(f"there is no {SSHD} on this machine")
    with ExitStack() as stack:
        host = stack.enter_context(sshd(tmp_path / "host"))
        yield host, stack.enter_context(sshd(tmp_path / "bastion", host.key))


def plan(folder: Path, host: Server, port: int = 0, bastion: str = "") -> Plan:
    text = CONFIG.format(key=host.key, port=port or host.port) + (f"        bastion: {bastion}\n" if bastion else "")
    (folder / "fraises.yaml").write_text(text)
    config = FraisierConfig(folder / "fraises.yaml", environ={})
    return deploy_plan(config.get_fraise_environment("my_api", "production"), RELEASE)


def fingerprint(server: Server) -> str:
    line = subprocess.run(["ssh-keygen", "-lf", server.known_hosts], check=True, capture_output=True, text=True).stdout
    return line.split()[1]


def test_each_key_is_asked_for_once_the_bastion_s_first(servers: tuple[Server, Server], tmp_path: Path) -> None:
    host, bastion = servers
    compiled = plan(tmp_path, host, bastion=f"127.0.0.1:{bastion.port}")
    found = []
    for unknown in unknown_keys(compiled, os.environ):
        found.append((unknown.name, [text.split()[1] for text in unknown.fingerprints]))
        unknown.record()
    assert found == [
        (f"[127.0.0.1]:{bastion.port}", [fingerprint(bastion)]),
        (f"[127.0.0.1]:{host.port}", [fingerprint(host)]),
    ]
    assert bastion.log.read_text().count("Accepted publickey") == 1, "the host was asked through the bastion"
    written = (tmp_path / "known hosts").read_text()
    assert host.host_key.strip().rsplit(" ", 1)[0] in written
    assert list(unknown_keys(compiled, os.environ)) == []


def test_a_key_that_is_known_by_another_value_is_not_ours_to_mend(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    host, bastion = servers
    (tmp_path / "known hosts").write_text(f"[127.0.0.1]:{host.port} {bastion.host_key.split(' ', 1)[1]}")
    assert list(unknown_keys(plan(tmp_path, host), os.environ)) == [], "ssh refuses it, and says why"


def test_hosts_of_an_inventory_are_asked_where_it_says_that_they_are(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    host, _ = servers
    compiled = plan(tmp_path, host)
    known = {"ansible_host": "127.0.0.1", "ansible_port": host.port}
    theirs = {
        name: {key: value for key, value in hosts.items() if key not in known} for name, hosts in compiled.hosts.items()
    }
    peers = {"web1": known, "web2": {"ansible_host": "{{ somewhere }}"}}
    found = unknown_keys(replace(compiled, hosts=theirs), os.environ, peers)
    assert [unknown.name for unknown in found] == [f"[127.0.0.1]:{host.port}"]


def test_a_host_that_shows_no_key_is_unreachable(servers: tuple[Server, Server], tmp_path: Path) -> None:
    with pytest.raises(TargetUnreachable, match=r"\[127.0.0.1\]:9 shows no host key"):
        list(unknown_keys(plan(tmp_path, servers[0], port=9), os.environ))
