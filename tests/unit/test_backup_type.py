"""Type backup as a plan: what its host is told to do, as whom, and what may not be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fraisier.compile import RELEASE_ID, deploy_plan, job_plan, restore_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError, UsageError
from fraisier.jobs import of_job
from fraisier.plan import Release
from fraisier.prepare import Preparing, bootstrap_plan

CONFIG = """\
fraises:
  shop_copies:
    type: backup
    source: {kind: postgresql, url: "${DATABASE_URL}", min_tables: 3}
    destination: {path: /var/backups}
    schedule: "15 4 * * *"
    environments:
      production:
        app_path: /srv/shop_copies
        hosts: [db1]
        user: deploy
        MORE
groups:
  both: {hosts: [db1, db2]}
"""
RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789ab" + "0" * 52)


def resolved(folder: Path, more: str = "", *changes: tuple[str, str]) -> ResolvedFraise:
    text = CONFIG.replace("MORE", more)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "fraises.yaml").write_text(text)
    config = FraisierConfig(folder / "fraises.yaml", environ={"DATABASE_URL": "postgresql://u:hunter2@db/shop"})
    return config.get_fraise_environment("shop_copies", "production")


def job_of(target: ResolvedFraise) -> dict[str, Any]:
    found: dict[str, Any] = deploy_plan(target, RELEASE).variables["fraisier_jobs_by_name"]["copy"]
    return found


def test_copy_is_a_job_by_the_clock(tmp_path: Path) -> None:
    target = resolved(tmp_path)
    plan = deploy_plan(target, RELEASE)
    assert plan.playbook == "fraisier.deploy.backup"
    assert RELEASE_ID.fullmatch(RELEASE.release_id)
    job = job_of(target)
    assert job["on_calendar"] == ["*-*-* 04:15:00"]
    assert job["backup"]["name"] == "shop_copies-production"
    assert job["backup"]["source"]["min_tables"] == 3
    assert plan.variables["fraisier_backup_state"] == "ready", "a deployment makes no copy"
    assert plan.variables["fraisier_health_role"] == "jobs"
    assert "hunter2" not in str(plan.snapshot())
    assert list(target.settings.units(target.target)) == [("system", "fraisier-shop_copies-production-copy.service")]


def test_run_starts_the_unit_that_its_timer_starts(tmp_path: Path) -> None:
    plan = job_plan(of_job(resolved(tmp_path), None), {})
    given = {name: plan.variables[f"fraisier_job_{name}"] for name in ("manager", "unit", "become")}
    assert given == {"manager": "unit", "unit": "fraisier-shop_copies-production-copy.service", "become": True}
    with pytest.raises(UsageError, match="takes no parameters"):
        job_plan(of_job(resolved(tmp_path), None), {"since": "yesterday"})


def test_without_systemd_it_is_run_by_the_connection(tmp_path: Path) -> None:
    target = resolved(tmp_path, "run: {manager: none}", ('    schedule: "15 4 * * *"\n', ""))
    plan = deploy_plan(target, RELEASE)
    assert (plan.variables["fraisier_service_manager"], plan.variables["fraisier_health_role"]) == ("none", "backup")
    run = job_plan(of_job(target, "copy"), {})
    assert run.variables["fraisier_job_backup"]["destination"]["path"] == "/var/backups"


def test_whoever_makes_the_copies_brings_them_back(tmp_path: Path) -> None:
    plan = restore_plan(resolved(tmp_path, "run: {user: postgres}"), "20261122T030000Z")
    assert (plan.variables["fraisier_become"], plan.variables["fraisier_become_user"]) == (True, "postgres")
    assert plan.variables["fraisier_app_path"] == "/srv/shop_copies/work"
    assert restore_plan(resolved(tmp_path), "").variables["fraisier_become"] is False
    preparing = Preparing("root", ("ssh-ed25519 AAAA",))
    plan = bootstrap_plan(resolved(tmp_path, "run: {user: postgres}"), preparing)
    assert plan.variables["fraisier_bootstrap_sudo_users"] == ["root", "postgres"]
    assert plan.variables["fraisier_app_path"] == "/srv/shop_copies"


@pytest.mark.parametrize(
    ("more", "changes", "message"),
    [
        ("", [("hosts: [db1]", "hosts: [db1, db2]")], "hosts has several"),
        ("", [("hosts: [db1]", "select: both")], "hosts has several"),
        ("run: {manager: none}", [], "schedule needs systemd"),
        ("", [("15 4 * * *", "15 4 * * * *")], ""),
        ("", [("15 4 * * *", "99 4 * * *")], "minute '99'"),
        ("", [("app_path: /srv/shop_copies", "port: 22")], "app_path is missing"),
    ],
    ids=["hosts", "select", "systemd", "six fields", "minute", "app_path"],
)
def test_what_cannot_be_is_told_with_its_place(
    more: str, changes: list[tuple[str, str]], message: str, tmp_path: Path
) -> None:
    if not message:  # left to its host to judge: an expression of systemd's
        assert job_of(resolved(tmp_path, more, *changes))["on_calendar"] == ["15 4 * * * *"]
        return
    with pytest.raises(ConfigError, match=message):
        resolved(tmp_path, more, *changes)
