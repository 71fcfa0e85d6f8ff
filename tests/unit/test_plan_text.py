"""What a person reads of a plan, at 80 columns: who has what, what would change where, in which order, and what to type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fraisier.cli.plan import shown
from fraisier.record.rows import StoredPlan
from fraisier.vocabulary import Target

UNIT = "--- /etc/systemd/system/my_api.service\n+++ /etc/systemd/system/my_api.service\n@@ -1 +1 @@\n-Restart=no\n+Restart=always\n"


def change(phase: str, diff: str = "", action: str = "service") -> dict[str, Any]:
    return {"phase": phase, "task": phase, "action": action, "was": "", "files": [], "diff": diff}


def host(*changes: dict[str, Any], service: str = "running") -> dict[str, Any]:
    return {"release_id": "R1", "version": "a" * 40, "service": service, "changes": list(changes)}


ALL = (change("fetch", "x", "git"), change("build", action="build"), change("activate", "y", "activate"))
PLAN = StoredPlan(
    pk=1,
    id="1b8d7c52-0000-4000-8000-000000000000",
    identifier="my_api/production@1b8d7c52",
    target=Target("my_api", "production"),
    actor="ann",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
    expires_at=datetime(2026, 11, 23, tzinfo=UTC),
    git_branch="main",
    git_commit="b" * 40,
    pinned=False,
    forced=False,
    host_limit="",
    old_version="a" * 40,
    old_release_id="R1",
    release_id="R2",
    config_hash="1",
    plan_hash="2",
    hash="3",
    plan={"variables": {"fraisier_service_manager": "systemd"}},
    findings={
        "hosts": {
            "web1": host(*ALL, change("migrate", action="migrate")),
            "web2": host(*ALL),
            "web3": host(*ALL, change("restart", UNIT), service="failed"),
        },
        "migration": {"host": "web1", "known": True, "at": "0001", "pending": ["0002", "0003"], "note": ""},
        "drift": ["web3 has R0, the record says R1"],
        "batches": [["web1"], ["web2", "web3"]],
    },
    deployment_id=None,
)


def text(plan: StoredPlan) -> str:
    from click import unstyle

    return unstyle("\n".join(shown(plan)))


def test_a_plan_for_a_fleet_fits_80_columns_and_ends_with_what_to_type() -> None:
    lines = text(PLAN).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:6] == [
        "my_api/production: aaaaaaaaaa -> bbbbbbbbbb (main)",
        "",
        "HOST  HAS NOW     SERVICE  WOULD CHANGE",
        "web1  aaaaaaaaaa  running  fetch, build, migrate, activate, restart",
        "web2  aaaaaaaaaa  running  fetch, build, activate, restart",
        "web3  aaaaaaaaaa  failed   fetch, build, activate, restart",
    ]
    said = text(PLAN)
    assert "! web3 has R0, the record says R1" in said
    assert "in 2 batches: web1, then web2 web3" in said
    assert "pending migrations, applied once, on web1 (database at 0001):\n  1. 0002\n  2. 0003\n" in said
    assert "restart on web3:\n  --- /etc/systemd/system/my_api.service" in said and "  +Restart=always" in said
    assert lines[-1] == "next: fraisier deploy my_api production --plan 1b8d7c52"


def test_hosts_that_are_alike_share_a_line() -> None:
    findings = {**PLAN.findings, "hosts": {name: host(*ALL) for name in ("web1", "web2", "web3")}}
    assert "web1, web2, web3  aaaaaaaaaa  running" in text(replace(PLAN, findings=findings))


def test_what_a_migration_may_do_is_said_when_it_is_more_than_an_addition() -> None:
    grades = [
        {"name": "0002", "grade": "additive", "why": "creates table a"},
        {"name": "0003", "grade": "irreversible", "why": "drops column customers.a_rather_long_name_of_a_column"},
    ]
    migration = {**PLAN.findings["migration"], "grades": grades, "answers": ["apply", "ask"]}
    said = text(replace(PLAN, findings={**PLAN.findings, "migration": migration}))
    assert (
        "  2. 0003\n  0003 is irreversible (must be approved): drops column\n    customers.a_rather_long_name_of_a_column\n"
        in said
    )
    assert "additive" not in said


def test_what_is_not_known_of_migrations_is_said() -> None:
    migration = {
        **PLAN.findings["migration"],
        "known": False,
        "pending": [],
        "at": None,
        "note": "nothing is deployed yet",
    }
    said = text(replace(PLAN, findings={**PLAN.findings, "migration": migration}, old_version=""))
    assert "pending migrations are not known yet: nothing is deployed yet" in said
    assert said.startswith("my_api/production: nothing -> bbbbbbbbbb (main)")
