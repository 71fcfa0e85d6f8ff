"""What the reference says of settings is true: the defaults, and that 'not built yet' stands where nothing happens, and only there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import NotBuiltYet, UsageError
from fraisier.fraise_types.api import Settings
from fraisier.fraise_types.policies import Approvals
from fraisier.fraise_types.settings import Host
from tests.docs.pages import ROOT, rows, section, text_of
from tests.docs.subjects import MODELS, RELEASE

REFERENCE = "docs/reference/configuration.md"
CONFIG = """\
fraises:
  my_api:
    type: api
    git_repo: https://git.example.com/team/my_api.git
    install: make
    database: {tool: alembic, url: "${DATABASE_URL}", backup_before_deploy: true}
    health_check: {url: "http://127.0.0.1:8000/health", version_json: version}
    environments:
      units:
        app_path: /srv/a
        hosts: [web1]
        bastion: jump
        service: {exec: app, blue_green: {blue: 8001, green: 8002}}
        load_balancer: {manager: haproxy, backend: my_api, hosts: [lb1]}
      supervised:
        app_path: /srv/b
        connection: local
        service: {exec: app, manager: supervisor}
        load_balancer: {manager: nginx, upstream_file: /etc/nginx/my_api.servers, port: 8000}
        rollout: {strategy: rolling}
      own_balancer:
        app_path: /srv/c
        hosts: [web1]
        service: {exec: app}
        load_balancer: {manager: tasks, drain: fraises.yaml, reattach: fraises.yaml}
      staged:
        app_path: /srv/d
        hosts: [web1]
        service: {exec: app}
        database: {strategy: restore_migrate, restore_from: {environment: units}}
"""
# Used before there is a plan: to find the commit, and to make `hosts` and `install.commands`.
BEFORE_THE_PLAN = {"branch", "paths", "server", "select", "inventory", "inventory_environment", "install.command"} | {
    f"database.restore_from.{name}" for name in ("fraise", "environment")
}
# Used while the plan runs, from batch to batch.
WHILE_THE_PLAN_RUNS = {"rollout.pause_seconds", "rollout.max_failures", "phase_timeouts"}
# Used by workers, to choose what to deploy and when.
FOR_WORKERS = {"priority", "deploy_schedule.cron", "deploy_schedule.timezone"}
# Used before anything runs, to judge what migrations would do.
FOR_THE_GATE = {"risk"}
# Judged before anything runs: tests/unit/test_policy.py has them.
POLICIES = {"protected", "allowed_actors", "freeze", "required_branch", "max_hosts", "override_actors"} | {
    f"approvals.{name}" for name in Approvals.model_fields
}
# Speaks of hosts by name: tests/unit/test_balancer.py has it.
BY_HOST = {"load_balancer.servers"}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[ResolvedFraise]:
    path = tmp_path_factory.mktemp("settings") / "fraises.yaml"
    path.write_text(CONFIG)
    return list(FraisierConfig(path, environ={"DATABASE_URL": "postgresql:///x"}).all())


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings of an api, down to single values."""
    for name, field in model.model_fields.items():
        below = next(
            (each for each in members(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)), None
        )
        if below:
            yield from leaves(below, f"{prefix}{name}.")
        elif name != "hosts":
            yield prefix + name


def members(annotation: Any) -> Iterator[Any]:
    """What a setting may be: the members of a union, without their annotations."""
    if hasattr(annotation, "__metadata__"):
        yield from members(annotation.__origin__)
    elif get_origin(annotation) in (None, dict, tuple, Literal):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from members(each)


def other(annotation: Any, value: Any) -> Any:
    """A value of the setting's kind that is not ``value``."""
    choices = [word for each in members(annotation) if get_origin(each) is Literal for word in get_args(each)]
    if choices:
        return next(each for each in reversed(choices) if each != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)) or int in members(annotation):
        return (value or 21) + 1
    if isinstance(value, tuple):
        return (*value, value[0] if value else "other")
    return {"OTHER": "other"} if isinstance(value, dict) else "other"


def changed(settings: BaseModel, path: list[str]) -> BaseModel:
    name, *rest = path
    value = getattr(settings, name)
    new = changed(value, rest) if rest else other(type(settings).model_fields[name].annotation, value)
    return settings.model_copy(update={name: new})


def makes_a_difference(resolved: ResolvedFraise, settings: Any) -> bool:
    before = deploy_plan(resolved, RELEASE)
    try:
        return deploy_plan(replace(resolved, settings=settings), RELEASE) != before
    except (NotBuiltYet, UsageError):  # a strategy that needs more than its name
        return False


def not_built(text: str) -> set[str]:
    return {row[0].strip("`") for row in rows(text) if "Not built yet" in row[-1]}


NOT_BUILT = not_built(text_of(REFERENCE).replace(section(REFERENCE, "The file"), ""))


@pytest.mark.parametrize(
    "leaf",
    sorted(
        set(leaves(Settings)) - BEFORE_THE_PLAN - WHILE_THE_PLAN_RUNS - FOR_WORKERS - POLICIES - FOR_THE_GATE - BY_HOST
    ),
)
def test_a_setting_changes_the_plan_or_is_said_to_be_not_built(targets: list[ResolvedFraise], leaf: str) -> None:
    works = any(makes_a_difference(resolved, changed(resolved.settings, leaf.split("."))) for resolved in targets)
    head, _, name = leaf.rpartition(".")
    here = (
        not_built(section(REFERENCE, "rollout")) if head == "rollout" else NOT_BUILT
    )  # it shares a name with database
    assert works is not bool(here & {head, name})


@pytest.mark.parametrize("name", Host.model_fields)
def test_a_setting_of_a_host_changes_the_plan_or_is_said_to_be_not_built(
    targets: list[ResolvedFraise], name: str
) -> None:
    resolved = targets[0]
    host = changed(resolved.settings.hosts[0], [name])
    works = makes_a_difference(resolved, resolved.settings.model_copy(update={"hosts": (host,)}))
    assert works is (name not in not_built(section(REFERENCE, "hosts")))


@pytest.mark.parametrize("name", ["plugin"])
def test_keys_that_nothing_uses_are_said_to_be_not_built(name: str) -> None:
    assert name in not_built(section(REFERENCE, "The file"))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_defaults_in_descriptions_are_the_defaults(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        said = (field.description or "").partition(" Default: ")[2].rstrip(".")
        if isinstance(default, bool):
            assert said == str(default).lower(), name
        elif isinstance(default, (int, float)) or (isinstance(default, str) and default):
            assert said == str(default), name
        elif default is None or default in ((), {}):
            assert not said.isdecimal(), f"{name} says a default, and has none"


@pytest.mark.parametrize("leaf", sorted(leaves(Settings)))
def test_the_example_file_has_every_setting_of_an_api(leaf: str) -> None:
    assert f"{leaf.split('.')[-1]}:" in text_of("fraises.example.yaml")


def test_the_example_file_is_valid_and_has_every_type(tmp_path: Path) -> None:
    config = FraisierConfig(ROOT / "fraises.example.yaml", environ={}, cwd=tmp_path)
    assert {resolved.type for resolved in config.all()} == {
        "api",
        "etl",
        "scheduled",
        "backup",
        "docker_compose",
        "coolify",
    }
