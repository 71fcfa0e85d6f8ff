"""Every migration tool keeps the same promises: real tools, installed from where people get them, on real databases."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.fraisier.deploy.plugins.action.migrate import TOOLS
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError
from direct import migrate
from migration_kits import BOTH, KITS, Kit, add, names, with_two

from fraisier.fraise_types.migration_tools import OURS
from fraisier.risk import Grade, grade
from tests.acceptance.world import wait_for
from tests.integration.record.postgresql import PostgresServer


@pytest.fixture(params=BOTH, ids="-".join)
def kit(request: pytest.FixtureRequest, new_kit: Callable[..., Kit]) -> Kit:
    """An application with the migrations 1 and 2."""
    return with_two(new_kit(*request.param))


@pytest.fixture
def confiture(new_kit: Callable[..., Kit]) -> Kit:
    return with_two(new_kit("confiture", "postgresql"))


def run(kit: Kit, **arguments: Any) -> dict[str, Any]:
    return migrate(**{**kit.arguments, **arguments})


def test_every_tool_has_a_kit() -> None:
    assert set(KITS) == set(TOOLS) == set(OURS)


def test_up_nothing_pending_and_down(kit: Kit) -> None:
    result = run(kit)
    assert not result.get("failed"), result
    assert (result["changed"], result["applied"], kit.tables()) == (True, names(kit, 1, 2), {"t1", "t2"})
    assert not result.get("warnings")
    top = result["after"]
    again = run(kit)
    assert (again["changed"], again["before"], again["pending"]) == (False, top, [])
    add(kit, 3)
    assert run(kit)["changed"]
    back = run(kit, state="at", target=top)
    assert (back["changed"], back["after"], kit.tables()) == (True, top, {"t1", "t2"}), back
    assert run(kit)["changed"], "and up again"


def test_a_batch_that_fails_in_the_middle_says_what_is_applied_and_what_is_not(kit: Kit) -> None:
    before = run(kit)["after"]
    add(kit, 3)
    kit.write(4, "CREATE TABEL t4 (id int)", "DROP TABLE t4")
    add(kit, 5)
    result = run(kit)
    assert result["failed"] and "TABEL" in f"{result['msg']}{result['stderr']}{result['stdout']}"
    assert kit.tables() == {"t1", "t2", "t3"}
    assert f"The database moved from {before} to {result['after']}" in result["msg"]
    if kit.tool != "command":  # only its commands know what it has applied
        assert result["applied"] == names(kit, 3)
        assert f"{names(kit, 3)[0]} is applied, {', '.join(names(kit, 4, 5))} not" in result["msg"]
    assert not run(kit, state="at", target=before).get("failed")
    assert kit.tables() == {"t1", "t2"}


def test_one_without_a_way_back_is_told_before_and_keeps_all_where_it_is(kit: Kit) -> None:
    top = run(kit)["after"]
    add(kit, 3, mark="the old rows are gone")
    add(kit, 4)
    told = run(kit, state="status", explain=True)
    assert [change["stuck"] for change in told["changes"]] == ["the old rows are gone", None]
    graded = grade(told["changes"], told["dialect"])
    assert [each.grade for each in graded] == [Grade.IRREVERSIBLE, Grade.ADDITIVE], graded
    assert not run(kit).get("failed")
    if kit.tool == "command":  # its way down is the user's own
        return
    refused = run(kit, state="at", target=top)
    assert refused["irreversible"] and "the old rows are gone. Nothing was migrated" in refused["msg"]
    assert kit.tables() == {"t1", "t2", "t3", "t4"}


@pytest.mark.parametrize("kit", [each for each in BOTH if each[0] != "command"], ids="-".join, indirect=True)
def test_a_database_ahead_of_the_code_is_refused(kit: Kit) -> None:
    """Own commands cannot tell."""
    files = add(kit, 3)
    run(kit)
    for file in files:
        file.unlink()
    refused = run(kit)
    assert refused["failed"] and refused["database_ahead"] == names(kit, 3)
    assert f"the database is ahead of the code: it is at {names(kit, 3)[0]}" in refused["msg"]
    assert not run(kit, state="status").get("failed")


@pytest.mark.parametrize(("tool", "system"), BOTH)
def test_two_controllers_at_once_migrate_once(tool: str, system: str, new_kit: Callable[..., Kit]) -> None:
    """From two folders, as two hosts would: only the database can keep them apart."""
    kits = [with_two(new_kit(tool, system, folder)) for folder in ("one", "other")]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, kits))
    assert [result.get("failed", False) for result in results] == [False, False], results
    assert sorted(result["changed"] for result in results) == [False, True]
    assert kits[0].tables() == {"t1", "t2"}
    assert not any(result.get("warnings") for result in results), results


def test_confiture_a_look_writes_nothing(confiture: Kit, postgresql: PostgresServer) -> None:
    told = run(confiture, state="status", explain=True)
    assert (told["before"], told["pending"]) == ("", names(confiture, 1, 2))
    assert not has_ledger(confiture)


def has_ledger(kit: Kit) -> bool:
    import psycopg

    with psycopg.connect(kit.url) as server:
        return server.execute("SELECT to_regclass('tb_confiture')").fetchone() != (None,)


def test_confiture_a_folder_that_is_not_there_is_not_nothing_to_do(confiture: Kit) -> None:
    assert "there is no folder db/wrong" in run(confiture, migrations_dir="db/wrong")["msg"]


def test_confiture_a_version_between_is_applied_and_told_and_has_no_way_back_alone(confiture: Kit) -> None:
    for file in confiture.write(2, "CREATE TABLE t2 (id int)", "DROP TABLE t2"):
        file.unlink()
    add(confiture, 3)
    run(confiture)
    add(confiture, 2)
    result = run(confiture)
    assert result["changed"] and result["applied"] == names(confiture, 2)
    without = f"{confiture.name(3)}~{confiture.name(2)}"
    assert (result["before"], result["after"]) == (without, confiture.name(3))
    refused = run(confiture, state="at", target=without)
    assert refused["failed"] and "is older than" in refused["msg"]
    assert confiture.tables() == {"t1", "t2", "t3"}


def test_confiture_sql_without_its_other_half_and_edited_files_are_refused_by_name(confiture: Kit) -> None:
    run(confiture)
    up, down = add(confiture, 3)
    down.unlink()
    assert run(confiture, state="status", explain=True)["changes"][0]["stuck"] == "it has no .down.sql"
    refused = run(confiture)
    assert refused["failed"] and confiture.name(3) in f"{refused['msg']}{refused['stdout']}"
    up.unlink()
    confiture.write(2, "CREATE TABLE t2 (id bigint)", "DROP TABLE t2")
    add(confiture, 4)
    edited = run(confiture)
    assert "hecksum" in edited["msg"] and confiture.tables() == {"t1", "t2"}


def test_confiture_to_nothing_and_to_nowhere(confiture: Kit) -> None:
    run(confiture)
    nowhere = run(confiture, state="at", target="99")
    assert nowhere["failed"] and confiture.tables() == {"t1", "t2"}
    assert run(confiture, state="at", target="base")["rolled_back"] == names(confiture, 2, 1)
    assert confiture.tables() == set()


def test_confiture_that_waits_too_long_for_its_lock_may_be_tried_again(confiture: Kit) -> None:
    import psycopg

    run(confiture)
    add(confiture, 3)
    with psycopg.connect(confiture.url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (0x66726169736965,))
        busy = run(confiture, lock_timeout_seconds=1)
    assert busy["retriable"] and "another migration of this database" in busy["msg"]
    assert confiture.tables() == {"t1", "t2"}


def test_confiture_that_is_busy_by_itself_may_be_tried_again(confiture: Kit) -> None:
    """Its own lock, held by somebody who does not ask us: exit code 6."""
    import psycopg

    run(confiture)
    confiture.write(3, "SELECT pg_advisory_xact_lock(7)", "SELECT 1")
    with psycopg.connect(confiture.url, autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(7)")
        other = subprocess.Popen(
            [confiture.release / "venv/bin/confiture", "migrate", "up", "--no-config"],
            cwd=confiture.release,
            env={"CONFITURE_DATABASE_URL": confiture.url, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_for(lambda: gate.execute(waits).fetchone(), "the other one is in the middle", 60)
        busy = run(confiture, lock_timeout_seconds=1)
        gate.execute("SELECT pg_advisory_unlock(7)")
        assert other.wait(60) == 0
    assert (busy["failed"], busy["retriable"], busy["rc"], busy["applied"]) == (True, True, 6, [])
    assert "lock" in busy["msg"]


def test_confiture_says_ok_of_what_has_failed_and_nobody_believes_it(confiture: Kit) -> None:
    """Its report of a failed `up` has "ok": true; its stdout has more than JSON in it, and files for its checks are no migrations."""
    confiture.write(3, "CREATE TABEL t3 (id int)", "DROP TABLE t3")
    for number in (1, 3):
        (confiture.release / f"db/migrations/{confiture.name(number)}_m.verify.sql").write_text("SELECT true;\n")
    result = run(confiture)
    assert (result["failed"], result["rc"], result["applied"]) == (True, 3, names(confiture, 1, 2)), result
    assert "TABEL" in result["msg"] and "{" not in result["msg"]
    assert result["pending"] == names(confiture, 1, 2, 3)


def test_confiture_that_only_pretends_is_found_out(confiture: Kit) -> None:
    """Two documents on stdout, exit code 0, success and applied: and the database is where it was."""
    result = run(confiture, extra_args=["--dry-run-execute", "--yes"])
    assert (result["failed"], result["changed"], result["applied"]) == (True, False, [])
    assert result["msg"] == "up says that it has done its work, and the database says that something is pending still"
    assert confiture.tables() == set()


def test_confiture_marks_of_its_own_are_honoured_and_grades_are_of_what_is_pending(confiture: Kit) -> None:
    """A line in the file makes it refuse (exit code 5); what was applied long ago is not graded, though Confiture grades all files."""
    confiture.write(3, "-- confiture:destructive\nDROP TABLE t1", "CREATE TABLE t1 (id int)")
    told = run(confiture, state="status", explain=True)
    graded = grade(told["changes"], told["dialect"])
    assert [each.grade for each in graded] == [Grade.ADDITIVE, Grade.ADDITIVE, Grade.IRREVERSIBLE], graded
    refused = run(confiture)
    assert (refused["failed"], refused["rc"], refused["retriable"]) == (True, 5, False)
    assert "Destructive" in refused["msg"] and confiture.tables() == set()
    assert run(confiture, extra_args=["--allow-destructive"])["applied"] == names(confiture, 1, 2, 3)
    add(confiture, 4)
    told = run(confiture, state="status", explain=True)
    graded = grade(told["changes"], told["dialect"])
    assert [(each.name, each.grade) for each in graded] == [(confiture.name(4), Grade.ADDITIVE)]


def test_confiture_takes_its_database_from_one_place(confiture: Kit) -> None:
    """Both would be its exit code 5 (CONFIG_007) in the middle of a deployment; a file alone holds against the service's environment."""
    (confiture.release / "db/environments").mkdir()
    (confiture.release / "db/environments/here.yaml").write_text(
        f"name: here\ndatabase_url: {confiture.url}\ninclude_dirs: []\n"
    )
    with pytest.raises(ArgumentError, match="from config or from the environment, not from both"):
        run(confiture, config="db/environments/here.yaml")
    elsewhere = {"DATABASE_URL": "postgresql:///nowhere", "CONFITURE_DATABASE_URL": "postgresql:///nowhere"}
    result = run(confiture, config="db/environments/here.yaml", environment=elsewhere, url_variable="OTHER_URL")
    assert result.get("applied") == names(confiture, 1, 2), result


def test_alembic_that_does_not_commit_is_found_out(new_kit: Callable[..., Kit]) -> None:
    """An env.py from before SQLAlchemy 2 rolls back at its end, and Alembic says that all went well."""
    kit = with_two(new_kit("alembic", "sqlite"))
    env = kit.release / "migrations/env.py"
    text = env.read_text().replace("as connection:\n", "as connection:\n    connection.begin()\n")
    env.write_text(text)
    result = run(kit)
    assert result["failed"] and "is pending still" in result["msg"], result
    assert "t2" not in kit.tables()
