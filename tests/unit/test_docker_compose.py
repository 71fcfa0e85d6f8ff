"""What a compose project compiles to."""

from __future__ import annotations

from pathlib import Path

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.plan import Release
from fraisier.run.steps import steps

RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")

CONFIG = """\
fraises:
  search:
    type: docker_compose
    git_repo: https://git.example.com/team/search.git
    hosts: [app1]
    app_path: /srv/search
    environments:
      production: {}
      staging:
        app_path: /srv/search-staging
        project_name: search
        compose_command: [podman, compose]
        pull: false
        build: true
        one_shot: [init]
        environment: {TOKEN: "${TOKEN}"}
        health_check: {url: "http://127.0.0.1:8000/", version_json: version}
"""


def resolved(tmp_path: Path, environment: str) -> ResolvedFraise:
    (tmp_path / "fraises.yaml").write_text(CONFIG)
    found = FraisierConfig(tmp_path / "fraises.yaml", environ={"TOKEN": "t0ken-canary"})
    return next(each for each in found.all() if each.target.environment == environment)


def test_project_of_a_target_has_its_own_name_and_all_phases(tmp_path: Path) -> None:
    plan = deploy_plan(resolved(tmp_path, "production"), RELEASE)
    assert plan.playbook == "fraisier.deploy.docker_compose"
    found = {name: plan.variables[f"fraisier_docker_compose_{name}"] for name in ("project", "file", "command", "pull")}
    assert found == {"project": "fraisier-search-production", "file": "compose.yaml", "command": [], "pull": True}
    assert plan.variables["fraisier_health_manager"] == "docker_compose"
    assert steps(plan)["build"] == "work/build.yml", "no install command is needed for images"
    assert steps(plan)["restart"] == "restart/docker_compose.yml"


def test_settings_reach_the_role_and_secrets_do_not_enter_the_plan(tmp_path: Path) -> None:
    plan = deploy_plan(resolved(tmp_path, "staging"), RELEASE)
    found = {name.removeprefix("fraisier_docker_compose_"): value for name, value in plan.variables.items()}
    assert (found["project"], found["command"], found["one_shot"]) == ("search", ["podman", "compose"], ["init"])
    assert (found["pull"], found["build"]) == (False, True)
    assert plan.variables["fraisier_health_expected_version"] == RELEASE.version
    assert "t0ken-canary" not in str(plan.snapshot())
