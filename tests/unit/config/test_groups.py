"""Groups: hosts that several targets share, chosen by pattern or by name, each known once."""

from __future__ import annotations

import pytest

from fraisier.compile import deploy_plan
from fraisier.plan import Release
from tests.unit.config.conftest import Load, Messages

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
GROUPS = """
groups:
  web:
    hosts: [web1, {name: web2, user: special, labels: {disk: ssd}}]
    user: deploy
    labels: {region: eu, disk: slow}
    vars: {weight: 1}
  abroad:
    hosts: [{name: web3, address: 10.0.0.3}, web1]
    bastion: jump.example.com
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/my_api.git
    app_path: /srv/my_api
    service: {exec: ./run}
    health_check: {url: http://localhost/health}
    environments:
      production: {%s}
"""


def hosts(load: Load, environment: str, rest: str = "") -> list[str]:
    resolved = load(GROUPS % environment + rest).get_fraise_environment("my_api", "production")
    return [host.name for host in resolved.settings.hosts]


def test_a_pattern_chooses_among_all_groups(load: Load) -> None:
    assert hosts(load, "select: 'all'") == ["web1", "web2", "web3"]
    assert hosts(load, "select: '@abroad'") == ["web1", "web3"]
    assert hosts(load, "select: 'region=eu,!web2'") == ["web1"]


def test_what_a_host_does_not_say_comes_from_its_groups_and_then_from_the_environment(load: Load) -> None:
    config = load(GROUPS % "select: 'all', user: everybody, port: 2200")
    plan = deploy_plan(config.get_fraise_environment("my_api", "production"), RELEASE)
    users = {name: variables["ansible_user"] for name, variables in plan.hosts.items()}
    assert users == {"web1": "deploy", "web2": "special", "web3": "everybody"}
    assert plan.hosts["web2"]["fraisier_labels"] == {"region": "eu", "disk": "ssd"}
    assert plan.hosts["web1"]["weight"] == 1
    assert plan.hosts["web3"]["ansible_host"] == "10.0.0.3"
    assert {name for name, variables in plan.hosts.items() if "ansible_ssh_common_args" in variables} == {
        "web1",
        "web3",
    }
    assert {variables["ansible_port"] for variables in plan.hosts.values()} == {2200}


def test_a_named_host_is_the_one_of_the_groups(load: Load) -> None:
    config = load(GROUPS % "hosts: [web3, {name: web1, user: mine}, other]")
    plan = deploy_plan(config.get_fraise_environment("my_api", "production"), RELEASE)
    assert plan.hosts["web3"]["ansible_host"] == "10.0.0.3"
    assert plan.hosts["web1"]["ansible_user"] == "mine"
    assert plan.hosts["web1"]["fraisier_labels"]["region"] == "eu"
    assert plan.hosts["other"] == {"ansible_host": "other"}


def test_groups_and_labels_are_groups_of_the_inventory(load: Load) -> None:
    config = load(GROUPS % "hosts: [web1, {name: web3, labels: {zone: 1-a}}]")
    plan = deploy_plan(config.get_fraise_environment("my_api", "production"), RELEASE)
    children = plan.inventory()["all"]["children"]
    members = {name: list(group["hosts"]) for name, group in children.items()}
    assert members == {
        "abroad": ["web3", "web1"], "disk_slow": ["web1"], "region_eu": ["web1"], "web": ["web1"], "zone_1_a": ["web3"],
    }  # fmt: skip


def test_hosts_and_select_replace_each_other_down_the_levels(load: Load) -> None:
    rest = "environments: {production: {select: '@web'}}\n"
    assert hosts(load, "", rest) == ["web1", "web2"]
    assert hosts(load, "hosts: [web9]", rest) == ["web9"]
    assert hosts(load, "server: web8", rest) == ["web8"]
    assert hosts(load, "select: web3", "environments: {production: {hosts: [web9]}}\n") == ["web3"]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("select: web9", "'web9' chooses none of the hosts in groups"),
        ("select: '!!x'", "expected a pattern of hosts, got text '!!x'"),
        ("select: web1, hosts: [web1]", "stands beside hosts"),
        ("inventory: nowhere.yml, select: all", "there is no file or folder 'nowhere.yml'"),
        ("inventory: 'a,b', select: all", "expected a path without commas"),
        ("inventory: fraises.yaml", "hosts is missing, say where to deploy: select: all"),
    ],
)
def test_what_cannot_be_is_told(messages: Messages, environment: str, message: str) -> None:
    assert any(message in each for each in messages(GROUPS % environment))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("  all: {hosts: [a]}", "groups.all: expected the name of a group"),
        ("  my-web: {hosts: [a]}", "groups.my-web: expected the name of a group"),
        ("  web: {}", "hosts is missing"),
        ("  web: {hosts: []}", "must not be empty"),
        ("  web: {hosts: [a], usr: x}", "unknown key, did you mean 'user'?"),
        ("  a: {hosts: [web1]}\n  web1: {hosts: [b]}", "groups.web1: is the name of a host, too"),
        (
            "  a: {hosts: [h], labels: {region: eu}}\n  b: {hosts: [h], labels: {region: us}}",
            "another labels.region here",
        ),
        ("  a: {hosts: [{name: h, user: x}]}\n  b: {hosts: [h], user: y}", "groups.b: host h has another user here"),
    ],
)
def test_faults_of_groups_are_told_at_their_place(messages: Messages, groups: str, message: str) -> None:
    rest = GROUPS.partition("fraises:")[2]
    text = f"groups:\n{groups}\nfraises:{rest % 'hosts: [x]'}"
    found = messages(text)
    assert any(message in each for each in found), found
