"""Moments, as people write them and as copies are named; and the plan that brings one back."""

from __future__ import annotations

from pathlib import Path

import pytest

from fraisier.compile import config_hash, restore_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import UsageError
from fraisier.restoring import moment
from fraisier.run.steps import steps

CONFIG = """\
fraises:
  shop:
    type: api
    git_repo: https://git.example.com/shop.git
    environments:
      production:
        app_path: /srv/shop
        hosts: [web1, web2]
        service: {exec: app}
        health_check: {url: "http://127.0.0.1:8000/health"}
        database: {tool: alembic, url: "${DATABASE_URL}"MORE}
"""


def resolved(folder: Path, more: str = "") -> ResolvedFraise:
    (folder / "fraises.yaml").write_text(CONFIG.replace("MORE", more))
    config = FraisierConfig(folder / "fraises.yaml", environ={"DATABASE_URL": "postgresql://u:hunter2@db/shop"})
    return config.get_fraise_environment("shop", "production")


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("20261122T030000Z", "20261122T030000Z"),
        ("2026-11-22", "20261122T235959Z"),
        ("2026-11-22T03:00", "20261122T030000Z"),
        ("2026-11-22 03:00:07+01:00", "20261122T020007Z"),
        ("2026-11-22T03:00:00Z", "20261122T030000Z"),
    ],
)
def test_moment_is_in_utc(text: str, stamp: str) -> None:
    assert moment(text) == stamp


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "--"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no moment"):
        moment(text)


def test_copy_comes_back_on_the_one_host_that_makes_them(tmp_path: Path) -> None:
    target = resolved(
        tmp_path, ", backup_before_deploy: true, backup: {min_tables: 3, destination: {path: /var/copies}}"
    )
    plan = restore_plan(target, "20261122T030000Z")
    assert (list(plan.hosts), plan.playbook) == (["web1"], "fraisier.deploy.restore")
    assert plan.variables["fraisier_backup_source"]["min_tables"] == 3
    assert plan.variables["fraisier_backup_destination"]["path"] == "/var/copies"
    assert "hunter2" not in str(plan.snapshot())
    assert steps(plan)["backup"] == "work/backup.yml"


def test_target_without_copies_has_none_to_restore(tmp_path: Path) -> None:
    target = resolved(tmp_path)
    with pytest.raises(UsageError, match="no copies are made of it"):
        restore_plan(target, "")
    assert config_hash(target) != config_hash(resolved(tmp_path, ", backup_before_deploy: true"))
