"""What an application in Coolify compiles to, and what its settings may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraisier.compile import Move, deploy_plan, doctor_plan, playbook_of, rollback_plan, status_plan, stop_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError
from fraisier.plan import Release
from fraisier.variables import repository_of

RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")
CONFIG = """\
environments:
  production:
    hosts: [web1, web2]
    user: deploy
    become: true
    environment: {{REGION: eu}}
    rollout: {{strategy: rolling}}
    load_balancer: {{manager: haproxy, backend: shop}}
fraises:
  shop:
    type: coolify
    git_repo: https://git.example.com/team/shop.git
    branch: release
    environments:
      production: {settings}
"""
GIVEN = "url: https://coolify.example.com/, token: '${TOKEN}', application: wk8c4g0oscg8wsks4ggw0w8k"


def loaded(tmp_path: Path, settings: str = GIVEN) -> ResolvedFraise:
    (tmp_path / "fraises.yaml").write_text(CONFIG.format(settings=f"{{{settings}}}"))
    config = FraisierConfig(tmp_path / "fraises.yaml", environ={"TOKEN": "t0ken-canary"})
    return config.get_fraise_environment("shop", "production")


def test_it_is_asked_for_by_this_machine_whatever_hosts_the_environment_has(tmp_path: Path) -> None:
    plan = deploy_plan(loaded(tmp_path), RELEASE)
    assert plan.playbook == "fraisier.deploy.coolify"
    assert {name: host["ansible_connection"] for name, host in plan.hosts.items()} == {"localhost": "local"}
    assert (plan.helpers, plan.serial, plan.variables["fraisier_become"]) == ({}, (), False)
    assert plan.variables["fraisier_environment"] == {}
    assert plan.variables["fraisier_coolify_url"] == "https://coolify.example.com"
    assert set(plan.secrets) == {"coolify_token"}
    assert "t0ken-canary" not in str(plan.snapshot())


def test_its_version_is_the_newest_commit_of_its_branch(tmp_path: Path) -> None:
    assert repository_of(loaded(tmp_path)) == ("https://git.example.com/team/shop.git", "release")


def test_it_goes_back_looks_and_stops_by_playbooks_of_its_own(tmp_path: Path) -> None:
    resolved = loaded(tmp_path)
    plans = {
        "rollback": rollback_plan(resolved, Move({"localhost": RELEASE})),
        "status": status_plan(resolved, RELEASE),
        "doctor": doctor_plan(resolved),
        "stop": stop_plan(resolved),
    }
    for word, plan in plans.items():
        assert plan.playbook == playbook_of(resolved, word) == f"fraisier.deploy.coolify_{word}"
        assert (Path(__file__).parents[2] / "playbooks" / f"coolify_{word}.yml").is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("token: x, application: wk8c4g0oscg8wsks4ggw0w8k", "production: url is missing, say where the Coolify server is"),
        ("url: https://c.example.com, token: '${TOKEN}'", "application is missing, give its uuid"),
        (f"{GIVEN}, hosts: [web1]", "production.hosts: has no effect: this type of fraise has no hosts of its own, leave it out"),
        (f"{GIVEN}, server: web1", "production.server: has no effect"),
        (f"{GIVEN}, app_path: /srv/shop", "production.app_path: unknown key"),
        (GIVEN.replace("com/", "com/api/v1"), "url: expected the address of the server alone"),
        (f"{GIVEN}, health_check: {{command: 'true'}}", "health_check.command has no host to run on, give health_check.url"),
        (f"{GIVEN}, required_branch: main", "branch is release, and required_branch says main"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_without_and_what_would_do_nothing_is_said(
    tmp_path: Path, settings: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, settings)
    assert message in str(caught.value)


def test_two_targets_cannot_have_one_application(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"application wk8\S+ of https://coolify.example.com is already taken by shop/production"
    ):
        loaded(tmp_path, f"{GIVEN}}}\n      staging: {{{GIVEN}")
