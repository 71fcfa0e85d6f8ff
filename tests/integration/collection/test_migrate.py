"""Migrations: before and after are told whatever happens. Alembic on SQLite for real, and the user's own commands."""

from __future__ import annotations

import fcntl
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from estate import Estate, Run, processes_with, release_id

RELEASE = release_id("a" * 40)
BIN = Path(sys.executable).parent

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine
print("noise of an env.py")
with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def revision(name: str, below: str, up: str, down: str) -> str:
    return f'''"""{name}, from a -> b (head), and so on"""
from alembic import op
revision, down_revision = "{name}", {below!r}
def upgrade():
    {up}
def downgrade():
    {down}
'''


def table(name: str, below: str | None) -> str:
    up, down = f'op.execute("CREATE TABLE {name} (id INTEGER)")', f'op.execute("DROP TABLE {name}")'
    return revision(name, below, up, down) if below else revision(name, "", up, down).replace("''", "None")


@pytest.fixture
def web(estate: Estate) -> Estate:
    """A release with two migrations, one1 and two2."""
    versions = estate.release(RELEASE) / "migrations" / "versions"
    versions.mkdir(parents=True)
    (estate.release(RELEASE) / "REVISION").write_text("a" * 40)
    (estate.release(RELEASE) / "db.ini").write_text("[alembic]\nscript_location = migrations\npath_separator = os\n")
    (versions.parent / "env.py").write_text(ENV)
    (versions / "one1.py").write_text(table("one1", None))
    (versions / "two2.py").write_text(table("two2", "one1"))
    (estate.release(RELEASE) / "venv").mkdir()
    (estate.release(RELEASE) / "venv" / "bin").symlink_to(BIN)
    estate.variables |= {
        "fraisier_release_id": RELEASE,
        "fraisier_version": "a" * 40,
        "fraisier_migrate_tool": "alembic",
        "fraisier_migrate_bin_dir": "venv/bin",
        "fraisier_migrate_config": "db.ini",
        "fraisier_migrate_environment": {"DATABASE_URL": f"sqlite:///{estate.folder}/db"},
    }
    return estate


def add(estate: Estate, name: str, text: str) -> None:
    (estate.release(RELEASE) / "migrations" / "versions" / f"{name}.py").write_text(text)


def migrate(estate: Estate, *arguments: str, **variables: Any) -> Run:
    return estate.role(
        "migrate", *arguments, **{f"fraisier_migrate_{name}": value for name, value in variables.items()}
    )


def facts(run: Run) -> tuple[Any, ...]:
    result = run.result("migrate")
    return result["changed"], result["before"], result["after"], result["applied"], result["rolled_back"]


def tables(estate: Estate) -> set[str]:
    with sqlite3.connect(estate.folder / "db") as database:
        names = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    return names - {"alembic_version", "sqlite_autoindex_alembic_version_1"}


def test_alembic_up_again_and_back(web: Estate) -> None:
    check = migrate(web, "--check").ok()
    assert check.result("migrate")["pending"] == ["one1", "two2"]
    assert (check.changed, tables(web)) == (1, set())
    assert facts(migrate(web).ok()) == (True, "", "two2", ["one1", "two2"], [])
    assert facts(migrate(web).ok()) == (False, "two2", "two2", [], [])
    assert facts(migrate(web, state="at", target="one1").ok()) == (True, "two2", "one1", [], ["two2"])
    assert facts(migrate(web, state="at", target="two2").ok()) == (True, "one1", "two2", ["two2"], [])
    assert facts(migrate(web, state="at", target="base").ok()) == (True, "two2", "", [], ["two2", "one1"])
    assert tables(web) == set()


def noting_who_starts_it(estate: Estate) -> Path:
    """Where the application's env.py writes the parent of each process that runs it."""
    noted = estate.folder / "parents"
    env = f'open({str(noted)!r}, "a").write(f"{{os.getppid()}}\\n")\n'
    (estate.release(RELEASE) / "migrations" / "env.py").write_text(f"import os\n{env}{ENV}")
    return noted


def test_alembic_is_imported_once(web: Estate) -> None:
    noted = noting_who_starts_it(web)
    assert facts(migrate(web).ok()) == (True, "", "two2", ["one1", "two2"], [])
    parents = noted.read_text().split()
    assert len(parents) == 3, "current, upgrade, current"
    assert len(set(parents)) == 1


@pytest.mark.parametrize(
    "script",
    ['#!/bin/sh\nexec {alembic} "$@"\n', "#!{python}\nimport no_such_module\nfrom alembic.config import main\n{rest}"],
    ids=["a wrapper", "what pip did not write"],
)
def test_an_alembic_that_cannot_be_forked_is_started(web: Estate, script: str) -> None:
    noted = noting_who_starts_it(web)
    programs = web.release(RELEASE) / "programs"
    programs.mkdir()
    rest = "import sys\nsys.exit(main())\n"
    (programs / "alembic").write_text(script.format(alembic=BIN / "alembic", python=BIN / "python", rest=rest))
    (programs / "alembic").chmod(0o755)
    run = migrate(web, bin_dir="programs")
    if "no_such_module" in script:
        assert "No module named 'no_such_module'" in run.message("migrate")
        return
    assert facts(run.ok()) == (True, "", "two2", ["one1", "two2"], [])
    assert len(noted.read_text().split()) == 3


def test_an_alembic_that_hangs_is_ended_and_the_truth_is_told(web: Estate) -> None:
    add(web, "slow3", revision("slow3", "two2", "import time; time.sleep(300)", "pass"))
    run = migrate(web, timeout_seconds=5)
    result = run.result("migrate")
    assert "alembic up did not end within 5 s" in result["msg"]
    assert (result["rc"], result["before"], result["after"]) == (124, "", "two2")
    assert not processes_with(str(web.release(RELEASE)))


def test_database_ahead_of_the_code_is_told_apart(web: Estate) -> None:
    migrate(web).ok()
    (web.release(RELEASE) / "migrations" / "versions" / "two2.py").unlink()
    refused = migrate(web)
    assert "the database is ahead of the code: it is at two2" in refused.message("migrate")
    assert refused.result("migrate")["database_ahead"] == ["two2"]
    allowed = migrate(web, allow_database_ahead=True).ok()
    assert (allowed.changed, allowed.result("migrate")["before"]) == (0, "two2")


def test_batch_that_stops_half_way_says_where_the_database_is(web: Estate) -> None:
    add(web, "bad3", revision("bad3", "two2", 'raise RuntimeError("no such thing")', "pass"))
    (web.release(RELEASE) / "migrations" / "env.py").write_text(
        ENV.replace("connection=connection", "connection=connection, transaction_per_migration=True")
    )
    run = migrate(web)
    result = run.result("migrate")
    assert "alembic up failed (rc 1)" in run.message("migrate")
    assert "no such thing" in result["msg"]
    assert "The database moved from base to two2" in result["msg"]
    assert (result["before"], result["after"], result["changed"]) == ("", "two2", True)


def test_migration_without_a_way_back_is_irreversible(web: Estate) -> None:
    add(web, "last3", revision("last3", "two2", "pass", 'raise NotImplementedError("no way back")'))
    migrate(web).ok()
    result = migrate(web, state="at", target="one1").result("migrate")
    assert (result["outcome"], result["irreversible"], result["retriable"]) == ("failed", True, False)
    assert (result["before"], result["after"]) == ("last3", "last3")


def test_two_heads_and_their_merge(web: Estate) -> None:
    add(web, "side2", table("side2", "one1"))
    assert facts(migrate(web).ok())[2] == "side2,two2"
    add(web, "join3", revision("join3", ("side2", "two2"), "pass", "pass"))
    assert facts(migrate(web).ok())[1:3] == ("side2,two2", "join3")
    assert facts(migrate(web, state="at", target="side2,two2").ok())[1:3] == ("join3", "side2,two2")


def test_unreachable_database_shows_the_tools_own_words(web: Estate) -> None:
    run = migrate(web, environment={"DATABASE_URL": "sqlite:////nowhere/db"})
    assert "unable to open database file" in run.message("migrate")
    assert migrate(web, bin_dir="nowhere", config="no.ini").rc != 0


def test_another_migration_on_the_host_is_retriable(web: Estate) -> None:
    (web.app / ".fraisier").mkdir()
    with (web.app / ".fraisier" / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = migrate(web, lock_timeout_seconds=0)
    assert "another migration holds" in run.message("migrate")
    assert run.result("migrate")["retriable"]
    assert tables(web) == set()


def commands(web: Estate, **more: Any) -> dict[str, Any]:
    state = web.folder / "state"
    if not state.exists():
        state.write_text("1\n")
    own = {
        "current": ["cat", str(state)],
        "pending": f"grep -q 3 {state} || {{ echo 2; echo 3; exit 4; }}",
        "up": f"echo 3 >{state}",
        "down": f'echo "$FRAISIER_TARGET" >{state}',
    }
    return {"tool": "command", "pending_rc": 4, "commands": {name: text for name, text in (own | more).items() if text}}


def test_own_commands_up_again_and_back(web: Estate) -> None:
    assert facts(migrate(web, **commands(web)).ok()) == (True, "1", "3", ["2", "3"], [])
    assert facts(migrate(web, **commands(web)).ok()) == (False, "3", "3", [], [])
    assert facts(migrate(web, state="at", target="1", **commands(web)).ok())[:3] == (True, "3", "1")
    assert facts(migrate(web, state="at", target="1", **commands(web)).ok())[:3] == (False, "1", "1")
    assert migrate(web, state="status", **commands(web)).ok().result("migrate")["pending"] == ["2", "3"]


def test_own_commands_without_a_way_back_say_so_up_front(web: Estate) -> None:
    result = migrate(web, **commands(web, down=None)).ok().result("migrate")
    assert result["reversible"] is False
    refused = migrate(web, state="at", target="1", **commands(web, down=None))
    assert "there is no way back" in refused.message("migrate")
    assert (web.folder / "state").read_text() == "3\n"


def test_own_commands_that_know_nothing_are_always_a_change(web: Estate) -> None:
    run = migrate(web, **commands(web, current=None, pending=None)).ok()
    assert facts(run)[:3] == (True, None, None)


def test_down_that_does_not_arrive_is_a_failure(web: Estate) -> None:
    run = migrate(web, state="at", target="0", **commands(web, down="true"))
    assert "the database is at 1, not at 0" in run.message("migrate")


def test_command_that_hangs_is_ended_and_the_truth_is_told(web: Estate) -> None:
    hang = f"echo 2 >{web.folder}/state; sleep 60"
    run = migrate(web, timeout_seconds=1, **commands(web, up=hang))
    assert "command up did not end within 1 s" in run.message("migrate")
    assert run.result("migrate")["after"] == "2"
