"""The schema, the example and the starter: made from the same models, so they have to agree with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, RootModel

from fraisier.config import FraisierConfig, config_schema, resolved_as_data, starter
from fraisier.config.model import (
    PLUGIN,
    BranchTargets,
    Engine,
    FraiseHead,
    GitProviders,
    Notifications,
    Server,
    Top,
    Webhook,
)
from fraisier.config.read import parse
from fraisier.config.report import Report
from fraisier.config.tree import plain
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.api import Settings
from tests.unit.config.conftest import Load, api

jsonschema = pytest.importorskip("jsonschema", reason="comes with ansible-lint, in the development requirements")

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "fraises.example.yaml"
COMMENTED_OUT = {
    "drain",
    "reattach",
    "hooks",
    "inventory",
    "inventory_environment",
    "webhook_secret",
    "secrets",
    "provider",
}
"""Settings that need a file or a secret of one's own, which the example does not have."""


def models(kind: Any, seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """Every model that can be reached from a type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
        seen.add(kind)
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation, seen)
    for inner in get_args(kind) if get_origin(kind) else ():
        yield from models(inner, seen)


def all_models() -> list[type[BaseModel]]:
    tops = (Top, FraiseHead, GitProviders, Webhook, BranchTargets, Notifications, Server, Engine)
    seen: set[type[BaseModel]] = set()
    return [
        model for top in (*tops, *(module.Settings for module in TYPES.values())) for model in models(top, seen)
    ]  # fmt: skip


MODELS = all_models()


SCHEMA = config_schema()


def valid(document: object) -> list[str]:
    return [
        f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    ]


def as_data(text: str) -> Any:
    return plain(parse(text.encode(), Report("fraises.yaml")))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_setting_is_described_with_its_default(model: type[BaseModel]) -> None:
    assert model.__doc__
    assert model.model_config.get("frozen")
    assert model.model_config.get("extra") == "forbid" or issubclass(model, RootModel)
    for name, field in model.model_fields.items():
        if not issubclass(model, RootModel):
            assert field.description, name
            assert field.description.endswith("."), name


def test_the_plugin_is_the_one_that_there_is() -> None:
    assert get_args(Top.model_fields["plugin"].annotation) == (PLUGIN,)


def test_the_schema_is_a_schema() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:")
    assert not jsonschema.Draft202012Validator(schema["properties"]["fraises"]["anyOf"][0]["propertyNames"]).is_valid(
        "A b"
    )
    assert {"fraises", "environments", "git", "hooks", "branch_mapping", "notifications"} <= set(schema["properties"])
    assert schema["$defs"]["ApiFraise"]["properties"]["keep_releases"]["description"]


def test_the_example_fits_the_schema() -> None:
    assert valid(as_data(EXAMPLE.read_text())) == []


@pytest.mark.parametrize(
    "fault",
    [
        "brnch: main",
        "port: many",
        "fetch: pull",
        "shared: storage",
        "health_check: {url: 5}",
        "rollout: {batch_size: 0}",
        "hooks: {befor_migrate: x}",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(fault: str) -> None:
    assert valid(as_data(api())) == []
    assert valid(as_data(api(environment=f"{{{fault}}}")))


@pytest.mark.parametrize(
    "setting",
    [
        "port: ${PORT}",
        "become: ${B}",
        "fetch: ${F}",
        "user: null",
        "environment: {A: 1.5, B: true}",
        "install: [a, [b, c]]",
    ],
)
def test_the_schema_takes_what_the_loader_takes(setting: str, load: Load) -> None:
    text = api(settings=setting)
    assert valid(as_data(text)) == []
    assert load(text, {"PORT": "22", "B": "true", "F": "push"})


def test_the_example_loads_as_it_is() -> None:
    config = FraisierConfig(EXAMPLE, environ={})
    assert {fraise.type for fraise in config.fraises.values()} == set(TYPES)
    assert not config.sources.variables, "an example must not depend on who reads it"


def test_the_example_has_every_setting() -> None:
    text = EXAMPLE.read_text()
    written = set(re.findall(r"(?<![\w.])([a-z_]+):", text))
    settings = {name for model in MODELS if not issubclass(model, RootModel) for name in model.model_fields}
    assert settings - written == set()
    keys = set(_keys(as_data(text)))
    assert settings - keys <= COMMENTED_OUT


def _keys(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, inner in data.items():
            yield key
            yield from _keys(inner)
    elif isinstance(data, list):
        for inner in data:
            yield from _keys(inner)


def test_the_resolved_configuration_shows_every_setting() -> None:
    shown = resolved_as_data(FraisierConfig(EXAMPLE, environ={}))
    production = shown["fraises"]["my_api"]["environments"]["production"]
    assert set(production) == set(Settings.model_fields) - {"server"}
    assert production["environment"] == {"LOG_LEVEL": "info", "SECRET_KEY": "***"}
    assert production["database"]["url"] == "***"
    assert shown["git"]["github"]["token"] == "***"
    assert shown["branch_mapping"] == {
        "main": ["my_api/production", "shop/production"],
        "develop": ["my_api/development"],
    }
    assert "only-an-example" not in str(shown)


@pytest.mark.parametrize(
    "git_repo", [None, "https://git.example.com/me/app.git", '/srv/git/it\'s "${x}".git', "git@h:é.git"]
)
def test_the_starter_is_valid_as_it_is(git_repo: str | None, load: Load) -> None:
    text = starter(git_repo, app_path="/home/me/my app", name="shop", branch="trunk", port=8123)
    settings = load(text).get_fraise_environment("shop", "production").settings
    assert isinstance(settings, Settings)
    assert settings.git_repo == git_repo or git_repo is None
    assert settings.service
    assert settings.health_check
    assert (settings.app_path, settings.branch, settings.connection) == ("/home/me/my app", "trunk", "local")
    assert settings.service.manager == "supervisor"
    assert settings.service.environment == {"PORT": "8123"}
    assert (settings.health_check.url, settings.health_check.version_json) == (
        "http://127.0.0.1:8123/health",
        "version",
    )
    assert valid(as_data(text)) == []
    assert ("PUT YOUR REPOSITORY HERE" in text) == (git_repo is None)
    assert "@" not in re.sub(r"git@h", "", text)
