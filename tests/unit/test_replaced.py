"""Databases that each deployment replaces: where the configuration allows it, whose copies are taken, and what runs prove of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fraisier.compile import config_hash, deploy_plan, undo_replace_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError
from fraisier.plan import Release
from fraisier.replacement import Replacement
from fraisier.vocabulary import Event, EventKind

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
CONFIG = """\
fraises:
  shop:
    type: api
    git_repo: https://git.example.com/shop.git
    service: {exec: app}
    health_check: {url: "http://127.0.0.1:8000/health"}
    environments:
      production:
        app_path: /srv/shop
        hosts: [web1]
        database: {tool: alembic, url: "sqlite:////srv/shop.db", backup_before_deploy: true}
      staging:
        app_path: /srv/staging
        hosts: [HOST]
        database: {tool: alembic, URL STRATEGY}
        MORE
  copies:
    type: backup
    source: {kind: sqlite, path: /srv/shop.db}
    destination: {path: /copies, host: store.example.com}
    environments:
      production: {app_path: /srv/copies, server: web1}
  files:
    type: backup
    source: {kind: files, paths: [/srv/files]}
    destination: {path: /copies, password: example}
    environments:
      production: {app_path: /srv/files_copies, server: web1}
"""


def config(
    folder: Path, strategy: str, *, host: str = "web1", url: str = "${DATABASE_URL}", more: str = ""
) -> FraisierConfig:
    address = f'url: "{url}",' if url else ""
    text = CONFIG.replace("HOST", host).replace("URL", address, 1).replace("STRATEGY", strategy).replace("MORE", more)
    (folder / "fraises.yaml").write_text(text)
    return FraisierConfig(folder / "fraises.yaml", environ={"DATABASE_URL": "sqlite:////srv/staging.db"})


def staging(folder: Path, strategy: str, **more: str) -> ResolvedFraise:
    return config(folder, strategy, **more).get_fraise_environment("shop", "staging")


def test_rebuild_is_told_to_the_role_with_the_last_release_that_held(tmp_path: Path) -> None:
    resolved = staging(tmp_path, "strategy: rebuild")
    variables = deploy_plan(resolved, RELEASE, protect=["20261121T000000Z-0123456789ab-abc123"]).variables
    assert (variables["fraisier_replace_by"], variables["fraisier_replace_copies"]) == ("nothing", {})
    assert variables["fraisier_replace_good"] == "20261121T000000Z-0123456789ab-abc123"
    assert variables["fraisier_replace_source"]["url"] == "{{ fraisier_secrets.database_url }}"
    plan = undo_replace_plan(resolved, RELEASE, "web1")
    assert (plan.playbook, plan.variables["fraisier_release_id"]) == (
        "fraisier.deploy.undo_replace",
        RELEASE.release_id,
    )
    assert "fraisier_replace_by" not in deploy_plan(staging(tmp_path, "strategy: apply"), RELEASE).variables


@pytest.mark.parametrize(
    ("wanted", "name", "destination"),
    [
        ("{environment: production}", "shop-production", {"path": "/srv/shop/backups", "compress": True}),
        (
            "{fraise: copies, environment: production}",
            "copies-production",
            {"path": "/copies", "host": "store.example.com", "compress": True},
        ),
    ],
)
def test_copies_are_those_of_the_named_target(
    tmp_path: Path, wanted: str, name: str, destination: dict[str, Any]
) -> None:
    resolved = staging(tmp_path, f"strategy: restore_migrate, restore_from: {wanted}")
    variables = deploy_plan(resolved, RELEASE).variables
    assert variables["fraisier_replace_by"] == "copy"
    assert variables["fraisier_replace_copies"] == {"name": name, "destination": destination}
    dated = staging(tmp_path, f"strategy: restore_migrate, restore_from: {wanted.replace('}', ', at: 2026-11-22}')}")
    assert deploy_plan(dated, RELEASE).variables["fraisier_replace_copies"]["at"] == "20261122T235959Z"
    assert config_hash(dated) != config_hash(resolved)


@pytest.mark.parametrize(
    ("strategy", "more", "said"),
    [
        (
            "strategy: rebuild",
            {"more": "protected: true"},
            "rebuild loses what is in the database, and this environment is protected",
        ),
        ("strategy: rebuild", {"url": "mysql://db/shop"}, "rebuild is for PostgreSQL and SQLite, not for mysql"),
        ("strategy: rebuild", {"url": ""}, "rebuild needs database.url"),
        ("strategy: restore_migrate", {}, "environment is missing"),
        ("strategy: restore_migrate, restore_from: {environment: prod}", {}, "shop/prod is no target of this file"),
        (
            "strategy: restore_migrate, restore_from: {fraise: files, environment: production}",
            {},
            "files/production copies files",
        ),
        ("strategy: restore_migrate, restore_from: {environment: staging}", {}, "shop/staging makes no copies"),
        (
            "strategy: restore_migrate, restore_from: {environment: production}",
            {"host": "web2"},
            "the copies of shop/production stay on its host, web1",
        ),
        (
            "strategy: restore_migrate, restore_from: {environment: production}",
            {"url": "postgresql:///x"},
            "copies sqlite, and this database is postgresql",
        ),
        ("restore_from: {environment: production}", {}, "is for strategy: restore_migrate"),
        ("strategy: restore_migrate, restore_from: {environment: production, at: soon}", {}, "expected a moment"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(
    tmp_path: Path, strategy: str, more: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, strategy, **more)
    assert said in str(caught.value)
    assert "fraises.yaml:15:" in str(caught.value)


def event(kind: EventKind, **result: object) -> Event:
    return Event(kind, 1.0, host="web1", phase="migrate", action="fraisier.deploy.replace", result=result)


def test_nothing_is_moved_until_it_may_be_and_what_an_earlier_run_did_stays() -> None:
    replacement = Replacement()
    assert not replacement.moved
    replacement.see(event(EventKind.TASK))
    assert replacement.moved, "cut off here, nobody knows"
    replacement.see(event(EventKind.FAILED, replaced=False, before=""))
    assert not replacement.moved
    replacement.see(event(EventKind.FAILED, replaced=None, before=""))
    assert replacement.moved
    replacement.see(event(EventKind.OK, replaced=True, before="shop_before"))
    replacement.see(event(EventKind.TASK))
    assert (replacement.is_replaced, replacement.moved) == (True, True)
    replacement.see_settled(event(EventKind.OK, replaced=None, removed=["older"]))
    assert (
        replacement.told
        == "the database was replaced by an empty one; what served before is kept as shop_before, older is gone"
    )
