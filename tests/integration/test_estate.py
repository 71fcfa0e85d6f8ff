"""Existing inventories, asked through the real `ansible-inventory`: files, folders, plugins, scripts; and what goes wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fraisier.compile import Move, config_hash, deploy_plan, rollback_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError, FraisierError, InventoryFailed
from fraisier.estate import located
from fraisier.plan import Release

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    service: {exec: app, manager: supervisor}
    health_check: {url: "http://127.0.0.1:8000/health"}
    environments:
      production: {app_path: /srv/my_api, %s}
"""
HOSTS = """\
all:
  children:
    site:
      children:
        web:
          hosts:
            web2: {ansible_host: 10.0.0.2, region: eu, fraisier_labels: {disk: ssd}}
            web1: {ansible_host: 10.0.0.1, region: us, ansible_user: "{{ whoever }}"}
        db: {hosts: {db1: {region: eu}}}
"""
SCRIPT = """\
#!/bin/sh
[ "$CLOUD_TOKEN" = t0k3n ] || { echo "no credentials for the cloud" >&2; exit 1; }
[ "$1" = --list ] && echo '{"cloud": {"hosts": ["c1", "c2"]}, "_meta": {"hostvars": {"c1": {"ansible_host": "192.0.2.7"}}}}'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    estate = tmp_path / "estate"
    (estate / "group_vars").mkdir(parents=True)
    (estate / "hosts.yml").write_text(HOSTS)
    (estate / "group_vars/web.yml").write_text("fraisier_app_path: /their/own\nbackup_at: night\n")
    script = tmp_path / "cloud.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    (tmp_path / "built.yml").write_text(
        "plugin: ansible.builtin.constructed\nstrict: true\ngroups: {european: region == 'eu'}\n"
    )
    return tmp_path


def target(folder: Path, environment: str) -> ResolvedFraise:
    (folder / "fraises.yaml").write_text(CONFIG % environment)
    return FraisierConfig(folder / "fraises.yaml", environ={}).get_fraise_environment("my_api", "production")


def names(folder: Path, environment: str, **environ: str) -> list[str]:
    found = located(target(folder, environment), {**os.environ, **environ})
    return [host.name for host in found.settings.hosts]


def test_hosts_are_chosen_by_name_group_label_and_variable(folder: Path) -> None:
    resolved = target(folder, "inventory: estate, select: all")
    assert [host.name for host in located(resolved, os.environ).settings.hosts] == ["web2", "web1", "db1"]
    for select, expected in {
        "@site,!db1": ["web2", "web1"], "region=eu": ["web2", "db1"], "disk=ssd": ["web2"], "web*,&region=us": ["web1"],
    }.items():  # fmt: skip
        assert names(folder, f"inventory: estate/hosts.yml, select: '{select}'") == expected


def test_several_sources_are_one_inventory_plugins_and_scripts_among_them(folder: Path) -> None:
    sources = "inventory: [estate/hosts.yml, built.yml, cloud.sh], inventory_environment: [CLOUD_TOKEN]"
    assert names(folder, f"{sources}, select: '@european,@cloud'", CLOUD_TOKEN="t0k3n") == ["web2", "db1", "c1", "c2"]


def test_a_script_sees_only_the_variables_that_it_is_given(folder: Path) -> None:
    with pytest.raises(InventoryFailed) as caught:
        names(folder, "inventory: cloud.sh, select: all", CLOUD_TOKEN="t0k3n")
    assert "cloud.sh" in caught.value.message
    assert "no credentials for the cloud" in caught.value.message
    assert len(caught.value.message.splitlines()) == 1
    assert (caught.value.exit_code, caught.value.retriable) == (3, True)
    assert caught.value.hint == f"try it by hand: ansible-inventory --list -i {folder}/cloud.sh"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plugin: no.such.plugin\n", "specifies unknown plugin 'no.such.plugin'"),
        ("all: {hosts: [", "YAML parsing failed"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_clear_error(folder: Path, text: str, words: str) -> None:
    (folder / "estate/broken.yml").write_text(text)
    for sources in ("estate/broken.yml", "[estate/hosts.yml, estate/broken.yml]", "estate"):
        with pytest.raises(InventoryFailed) as caught:
            names(folder, f"inventory: {sources}, select: all")
        assert words in caught.value.message
        assert f"{folder}/estate/broken.yml" in caught.value.message
        assert "\n" not in caught.value.message


def test_a_choice_of_no_host_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no host of the inventory matches select 'region=moon'") as caught:
        names(folder, "inventory: estate, select: region=moon")
    assert caught.value.exit_code == 3
    assert caught.value.hint == "it has 3 hosts and the groups db, site, web"


def test_hosts_that_are_named_must_be_there_or_have_an_address(folder: Path) -> None:
    assert names(folder, "inventory: estate, hosts: [db1, {name: new, address: 10.0.0.9}]") == ["db1", "new"]
    with pytest.raises(ConfigError, match="the inventory has no host 'db2'"):
        names(folder, "inventory: estate, hosts: [db2]")


def test_the_plan_leaves_to_the_inventory_how_its_hosts_are_reached(folder: Path) -> None:
    resolved = located(target(folder, "inventory: estate, select: '@web', port: 2200"), os.environ)
    plan = deploy_plan(resolved, RELEASE)
    assert plan.inventories == (f"{folder}/estate",)
    assert "ansible_host" not in plan.hosts["web1"]
    assert "ansible_user" not in plan.hosts["web1"]
    assert plan.hosts["web1"]["ansible_port"] == 2200, "what fraises.yaml does say wins"
    assert plan.hosts["web1"]["fraisier_app_path"] == "/srv/my_api", (
        "as a variable of the host: theirs is one of a group"
    )
    assert "backup_at" not in plan.snapshot()["variables"] | plan.hosts["web1"]
    assert plan.play_variables() == {"fraisier_hosts": "fraisier_targets"}, "never all of the estate"
    assert list(plan.inventory()["all"]["children"]["fraisier_targets"]["hosts"]) == ["web2", "web1"]
    back = rollback_plan(resolved, Move({"web1": RELEASE}))
    assert list(back.inventory()["all"]["children"]["fraisier_targets"]["hosts"]) == ["web1"]


def test_the_hashes_follow_who_is_meant_and_how_they_are_reached_and_nothing_else(folder: Path) -> None:
    def hashes() -> tuple[str, str]:
        resolved = located(target(folder, "inventory: estate, select: '@web'"), os.environ)
        return config_hash(resolved), deploy_plan(resolved, RELEASE).hash

    first = hashes()
    (folder / "estate/group_vars/web.yml").write_text("fraisier_app_path: /their/own\nbackup_at: noon\n")
    assert hashes() == first
    (folder / "estate/hosts.yml").write_text(HOSTS.replace("10.0.0.1", "10.0.0.8"))
    moved = hashes()
    assert moved[0] != first[0]
    assert moved[1] != first[1]
    (folder / "estate/hosts.yml").write_text(HOSTS.replace("web1:", "web3:"))
    assert hashes()[0] not in (first[0], moved[0])


def test_nothing_is_compiled_for_hosts_that_nobody_has_asked_for(folder: Path) -> None:
    with pytest.raises(FraisierError, match="before its inventory was asked"):
        deploy_plan(target(folder, "inventory: estate, select: all"), RELEASE)


def test_a_target_without_inventories_asks_nobody(folder: Path) -> None:
    resolved = target(folder, "hosts: [web1]")
    assert located(resolved, {}) is resolved
