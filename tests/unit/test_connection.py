"""How a host is reached: through a bastion with the same key and known hosts, and nothing in a name or path is ever a command."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig
from fraisier.connection import advice
from fraisier.errors import ConfigError
from fraisier.plan import Release

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    service: {{manager: none}}
    health_check: {{command: "true"}}
    environments:
      production: {{app_path: /srv/my_api, hosts: [{host}]{more}}}
"""
HOSTILE = "a 'b' $(touch canary) `touch canary`; touch canary & | {{ 7 * 7 }} #"


def load(folder: Path, host: str, more: str = "") -> FraisierConfig:
    folder.mkdir(exist_ok=True)
    (folder / "fraises.yaml").write_text(CONFIG.format(host=host, more=more))
    return FraisierConfig(folder / "fraises.yaml", environ={})


def variables(folder: Path, host: str, more: str = "") -> dict[str, Any]:
    plan = deploy_plan(load(folder, host, more).get_fraise_environment("my_api", "production"), RELEASE)
    (found,) = plan.hosts.values()
    return dict(found)


def jump(arguments: str, folder: Path) -> list[str]:
    """The words that the ssh to the bastion is started with, by way of Ansible's splitting, ssh's tokens and the user's shell."""
    option = next(word for word in shlex.split(arguments) if word.startswith("ProxyCommand="))
    command = option.partition("=")[2].replace("%%", "\0").replace("%h", "web1").replace("%p", "22").replace("\0", "%")
    (folder / "bin").mkdir(exist_ok=True)
    fake = folder / "bin" / "ssh"
    fake.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n')
    fake.chmod(0o755)
    environ = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    shell = ["sh", "-c", f"exec {command}"]
    return subprocess.run(
        shell, cwd=folder, env=environ, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def test_the_bastion_gets_the_key_and_the_known_hosts_of_the_host(tmp_path: Path) -> None:
    found = variables(
        tmp_path, "web1", ", ssh_key: keys/id, known_hosts: keys/known_hosts, bastion: 'me@jump.example.com:2200'"
    )
    words = jump(found["ansible_ssh_common_args"], tmp_path)
    assert f'UserKnownHostsFile="{tmp_path}/keys/known_hosts"' in words
    assert f'IdentityFile="{tmp_path}/keys/id"' in words
    assert words[-4:] == ["-W", "[web1]:22", "--", "ssh://me@jump.example.com:2200"]
    assert "BatchMode=yes" in words, "it has nobody to ask"
    assert any(word.startswith("ServerAliveInterval=") for word in words)
    assert f'UserKnownHostsFile="{tmp_path}/keys/known_hosts"' in shlex.split(found["ansible_ssh_common_args"])
    assert found["ansible_ssh_private_key_file"] == f"{tmp_path}/keys/id"


def test_no_path_is_a_command(tmp_path: Path) -> None:
    folder = tmp_path / "100% $(touch canary)"  # the folder of fraises.yaml itself, too
    quoted = "'" + HOSTILE.replace("'", "''") + "'"
    found = variables(folder, "web1", f", ssh_key: {quoted}, known_hosts: {quoted}, bastion: jump")
    words = jump(found["ansible_ssh_common_args"], tmp_path)
    as_ssh_reads_it = f"{folder}/{HOSTILE}".replace("%", "%%")
    assert f'IdentityFile="{as_ssh_reads_it}"' in words
    assert f'UserKnownHostsFile="{as_ssh_reads_it}"' in words
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.parametrize("path", ['a"b', "a\\b", "a%b", "$${HOME}/id"])
def test_a_path_that_ssh_would_read_otherwise_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a path without quotes"):
        load(tmp_path, "web1", f", known_hosts: '{path}'")


@pytest.mark.parametrize("bastion", ["-oProxyCommand=x", "a b", "a;b", "a'b", "$(x)", "a,b"])
def test_a_bastion_is_a_name(bastion: str, tmp_path: Path) -> None:
    quoted = bastion.replace("'", "''")
    with pytest.raises(ConfigError, match="expected a jump host"):
        load(tmp_path, "web1", f", bastion: '{quoted}'")


def test_equal_addresses_behind_two_bastions_never_share_a_connection(tmp_path: Path) -> None:
    """Ansible would tell the connections apart by address, port and user alone, and deploy to the wrong network."""
    paths = [
        variables(tmp_path, f"{{name: web1, address: 10.0.0.1, bastion: {bastion}}}")["ansible_control_path"]
        for bastion in ("jump.eu.example.com", "jump.us.example.com", "jump.eu.example.com")
    ]
    assert paths[0] != paths[1]
    assert paths[0] == paths[2]


def test_arguments_of_ones_own_are_refused_beside_settings_that_they_would_replace(tmp_path: Path) -> None:
    host = '{name: web1, bastion: jump, vars: {ansible_ssh_common_args: "-o Compression=yes"}}'
    with pytest.raises(ConfigError, match="ansible_ssh_common_args of web1 stands beside bastion"):
        load(tmp_path, host)


def test_there_is_no_advice_for_other_troubles(tmp_path: Path) -> None:
    assert advice("Connection refused", variables(tmp_path, "web1", ", bastion: jump"), "web1") is None
    assert "ssh-keyscan web1" in (advice("Host key verification failed.", {}, "web1") or ""), (
        "one that an inventory knows"
    )
    assert advice("Host key verification failed.", {"ansible_ssh_common_args": "it's"}, "web1") is not None
