"""What a bare server needs follows from the configuration: never sudo and lingering both, never an account that nobody named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fraisier.config import FraisierConfig
from fraisier.errors import UsageError
from fraisier.plan import Plan
from fraisier.prepare import Preparing, bootstrap_plan

CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    app_path: /srv/my_api
    health_check: {url: "http://127.0.0.1/"}
    environments:
      production: {%s}
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ deploy@ci"


def compiled(folder: Path, environment: str, **preparing: Any) -> Plan:
    (folder / "fraises.yaml").write_text(CONFIG % environment)
    resolved = FraisierConfig(folder / "fraises.yaml", environ={}).get_fraise_environment("my_api", "production")
    return bootstrap_plan(resolved, Preparing(**{"connect_as": "root", "keys": (KEY,), **preparing}))


def needs(folder: Path, environment: str) -> tuple[list[str], bool, list[str], str]:
    found = compiled(folder, f"hosts: [web1], user: deploy, {environment}").variables
    owner = found.get("fraisier_bootstrap_owner", "")
    return (
        found["fraisier_bootstrap_sudo_users"],
        found["fraisier_bootstrap_linger"],
        found["fraisier_bootstrap_accounts"],
        owner,
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("systemd_service: x", (["root"], False, [], "")),
        ("service: {exec: x}", (["root"], False, [], "")),
        ("service: {exec: x, user: app}", (["root"], False, ["app"], "")),
        ("service: {exec: x, user: deploy}", (["root"], False, [], "")),
        ("service: {exec: x, scope: user}", ([], True, [], "")),
        ("service: {exec: x, manager: supervisor}", ([], False, [], "")),
        ("service: {manager: none}", ([], False, [], "")),
        ("service: {manager: none}, become: true", (["root"], False, [], "root")),
        ("service: {manager: none}, become: true, become_user: apps", (["apps"], False, ["apps"], "apps")),
        ("service: {exec: x}, become: true, become_user: apps", (["root", "apps"], False, ["apps"], "apps")),
    ],
)
def test_needs(tmp_path: Path, environment: str, expected: tuple[list[str], bool, list[str], str]) -> None:
    assert needs(tmp_path, environment) == expected


def test_it_connects_as_somebody_else_than_deployments_do(tmp_path: Path) -> None:
    hosts = "hosts: [web1, {name: web2, user: special}], user: deploy, ssh_key: /k, systemd_service: x"
    plan = compiled(tmp_path, hosts, connect_as="admin", passwords=frozenset({"become_password"}))
    assert {host["ansible_user"] for host in plan.hosts.values()} == {"admin"}
    assert [host["fraisier_bootstrap_user"] for host in plan.hosts.values()] == ["deploy", "special"]
    assert plan.variables["fraisier_bootstrap_become"] is True
    assert plan.variables["ansible_become_password"] == "{{ fraisier_secrets.become_password }}"
    assert list(plan.secrets) == ["become_password"]
    deployed = compiled(tmp_path, hosts, connect_as="deploy").hosts["web1"]["ansible_control_path"]
    assert plan.hosts["web1"]["ansible_control_path"] != deployed, "no connection of the one is used for the other"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("hosts: [web1], systemd_service: x", "the user that deploys is not given"),
        ("hosts: [web1], user: root, systemd_service: x", "the user that deploys is root"),
        ("connection: local, systemd_service: x", "there is nothing to prepare"),
    ],
)
def test_what_cannot_be_prepared_is_told(tmp_path: Path, environment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compiled(tmp_path, environment)
