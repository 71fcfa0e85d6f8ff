"""What is true of migrations on PostgreSQL alone: changes of a schema in transactions, and locks that others hold."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from migration_kits import KITS, Kit, add, names, with_two
from test_migration_tools import run

from tests.acceptance.world import wait_for

STILL_HERE = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def kit(request: pytest.FixtureRequest, new_kit: Callable[..., Kit]) -> Kit:
    return with_two(new_kit(request.param, "postgresql"))


def columns(kit: Kit, table: str) -> list[str]:
    with psycopg.connect(kit.url) as database:
        found = database.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,))
        return [name for (name,) in found.fetchall()]


@pytest.mark.parametrize("kit", ["alembic", "flask_migrate"], indirect=True)
def test_a_batch_in_one_transaction_that_fails_has_not_moved_the_database(kit: Kit) -> None:
    """What `alembic init` writes: without transaction_per_migration all that is pending is one transaction."""
    env = kit.release / "migrations/env.py"
    env.write_text(env.read_text().replace(", transaction_per_migration=True", ""))
    before = run(kit)["after"]
    add(kit, 3)
    kit.write(4, "CREATE TABEL t4 (id int)", "DROP TABLE t4")
    add(kit, 5)
    result = run(kit)
    assert result["failed"] and "TABEL" in result["msg"]
    assert (result["changed"], result["before"], result["after"], result["applied"]) == (False, before, before, [])
    assert "moved" not in result["msg"] and kit.tables() == {"t1", "t2"}
    assert not run(kit, state="at", target=before)["changed"], "there is nothing to take back"


OUTSIDE = {
    "alembic": (
        "    op.execute('CREATE TABEL t3 (id int)')",
        "    with op.get_context().autocommit_block():\n        op.execute('CREATE TABLE t4 (id int)')\n",
    ),
    "django": (
        "    operations = [migrations.RunSQL(",
        "    atomic = False\n    operations = [migrations.RunSQL('CREATE TABLE t4 (id int)'), migrations.RunSQL(",
    ),
}


@pytest.mark.parametrize("kit", sorted(OUTSIDE), indirect=True)
def test_half_of_a_migration_outside_a_transaction_stays_and_the_next_attempt_says_so(kit: Kit) -> None:
    """No tool keeps a record of halves: the database is told to be where it was, which is what its next migration finds out."""
    before = run(kit)["after"]
    (file,) = kit.write(3, "CREATE TABEL t3 (id int)", "DROP TABLE t3")
    place, outside = OUTSIDE[kit.tool]
    assert place in file.read_text()
    file.write_text(file.read_text().replace(place, outside if kit.tool == "django" else outside + place))
    result = run(kit)
    assert (result["failed"], result["after"], result["applied"]) == (True, before, []), result
    assert "TABEL" in result["msg"] and kit.tables() == {"t1", "t2", "t4"}
    again = run(kit)
    assert again["failed"] and '"t4" already exists' in again["msg"]


@pytest.mark.parametrize("kit", sorted(KITS), indirect=True)
def test_who_waits_too_long_for_a_lock_may_be_tried_again(kit: Kit) -> None:
    """Somebody has a table open; PostgreSQL gives up after its own lock_timeout, which the address sets."""
    before = run(kit)["after"]
    kit.write(3, "ALTER TABLE t1 ADD COLUMN x int", "ALTER TABLE t1 DROP COLUMN x")
    options = {"PGOPTIONS": "-c lock_timeout=300ms"}
    with psycopg.connect(kit.url) as other:
        other.execute("LOCK TABLE t1")
        busy = run(kit, environment={**kit.arguments["environment"], **options})
    assert (busy["failed"], busy["retriable"], busy["after"], busy["applied"]) == (True, True, before, []), busy
    assert "lock timeout" in f"{busy['msg']}{busy['stdout']}{busy['stderr']}"
    assert run(kit)["applied"] == names(kit, 3) and columns(kit, "t1") == ["id", "x"]


@pytest.mark.parametrize("kit", ["alembic", "django"], indirect=True)
def test_a_migration_that_is_cut_off_while_it_waits_does_not_happen_later(kit: Kit) -> None:
    """The server goes on with a statement whose client is gone, until it has its lock; then nobody is there to commit."""
    before = run(kit)["after"]
    kit.write(3, "ALTER TABLE t1 ADD COLUMN x int", "ALTER TABLE t1 DROP COLUMN x")
    with psycopg.connect(kit.url) as other:
        other.execute("LOCK TABLE t1")
        late = run(kit, timeout_seconds=15)
        assert (late["failed"], late["after"], late["applied"]) == (True, before, []), late
        assert "did not end within 15 s" in late["msg"]
        assert not run(kit, state="at", target=before)["changed"], "nothing to take back, and nobody is waited for"
    with psycopg.connect(kit.url, autocommit=True) as look:
        wait_for(lambda: not look.execute(STILL_HERE).fetchone(), "nobody is left in the database", 60)
    assert columns(kit, "t1") == ["id"]
    assert run(kit)["applied"] == names(kit, 3)
