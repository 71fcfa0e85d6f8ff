"""Check mode says which migrations of a commit are pending before its release is there, and a plan holds the migration to them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from estate import Estate, Repository, Run, new_repository, release_id
from test_migrate import BIN, ENV, table

INI = "[alembic]\nscript_location = migrations\npath_separator = os\n"
FILES = {"db.ini": INI, "migrations/env.py": ENV, "migrations/versions/one1.py": table("one1", None)}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


@pytest.fixture
def web(estate: Estate, repository: Repository) -> Estate:
    """A host whose current release has one migration applied; its tool lies in a folder that the repository does not have."""
    first = repository.commit(FILES)
    estate.variables |= {
        "fraisier_git_repo": str(repository.path),
        "fraisier_migrate_tool": "alembic",
        "fraisier_migrate_bin_dir": "venv/bin",
        "fraisier_migrate_config": "db.ini",
        "fraisier_migrate_environment": {"DATABASE_URL": f"sqlite:///{estate.folder}/db"},
    }
    aim(estate, first)
    estate.role("git").ok()
    (estate.release(release_id(first)) / "venv").mkdir()
    (estate.release(release_id(first)) / "venv" / "bin").symlink_to(BIN)
    estate.role("migrate,activate").ok()
    return estate


def aim(estate: Estate, commit: str) -> None:
    estate.variables |= {"fraisier_release_id": release_id(commit), "fraisier_version": commit}


def look(estate: Estate, **variables: Any) -> dict[str, Any]:
    before = sorted(str(path) for path in estate.app.rglob("*"))
    result = estate.role("migrate", "--check", **variables).ok().result("migrate")
    assert sorted(str(path) for path in estate.app.rglob("*")) == before, "a look leaves nothing behind"
    return result


def revisions(estate: Estate) -> list[str]:
    with closing(sqlite3.connect(estate.folder / "db")) as database:
        return [row[0] for row in database.execute("SELECT version_num FROM alembic_version")]


def add(repository: Repository, *names: str, below: str = "one1") -> str:
    files = {}
    for name in names:
        files[f"migrations/versions/{name}.py"] = table(name, below)
        below = name
    return repository.commit(files)


def test_a_look_names_what_a_commit_would_apply_in_order(web: Estate, repository: Repository) -> None:
    aim(web, add(repository, "two2", "ago3"))
    found = look(web)
    assert (found["known"], found["before"], found["pending"]) == (True, "one1", ["two2", "ago3"])
    assert found["changed"]
    assert revisions(web) == ["one1"]


def test_a_commit_without_new_migrations_has_nothing_pending(web: Estate, repository: Repository) -> None:
    aim(web, repository.commit({"code.py": "pass"}))
    found = look(web)
    assert (found["known"], found["pending"], found["changed"]) == (True, [], False)


def test_a_tool_that_needs_what_only_the_build_brings_says_that_it_does_not_know(
    web: Estate, repository: Repository
) -> None:
    aim(web, repository.commit({"migrations/env.py": f"import not_there_yet\n{ENV}"}))
    found = look(web)
    assert (found["known"], found["changed"]) == (False, True)
    assert "not_there_yet" in found["msg"]


def test_nothing_is_known_before_the_first_release(web: Estate, repository: Repository) -> None:
    (web.app / "current").unlink()
    aim(web, add(repository, "two2"))
    found = look(web)
    assert not found["known"] and "nothing is deployed yet" in found["msg"]


def test_a_commit_that_the_server_does_not_have_is_told(web: Estate, repository: Repository) -> None:
    aim(web, "f" * 40)
    found = look(web)
    assert not found["known"] and "is not in the repository" in found["msg"]


def test_own_commands_are_asked_in_the_new_code(web: Estate, repository: Repository) -> None:
    aim(web, repository.commit({"wanted": "7\n"}))
    own = {"current": "echo 6", "pending": 'cat wanted "$FRAISIER_RELEASE_PATH/wanted"; exit 1', "up": "exit 99"}
    found = look(web, fraisier_migrate_tool="command", fraisier_migrate_commands=own)
    assert (found["known"], found["before"], found["pending"]) == (True, "6", ["7", "7"])
    silent = look(web, fraisier_migrate_tool="command", fraisier_migrate_commands={"up": "exit 99"})
    assert (silent["known"], silent["pending"]) == (False, [])


def bound(web: Estate, planned: list[str]) -> Run:
    web.role("git").ok()
    venv = web.release(web.variables["fraisier_release_id"]) / "venv"
    if not venv.exists():
        venv.mkdir()
        (venv / "bin").symlink_to(BIN)
    return web.role("migrate", fraisier_migrate_bound=True, fraisier_migrate_planned=planned)


def test_what_was_planned_is_migrated_and_nothing_else(web: Estate, repository: Repository) -> None:
    aim(web, add(repository, "two2", "ago3"))
    refused = bound(web, ["two2"])
    assert "the plan says that two2 is pending, and it is two2, ago3: nothing was migrated" in refused.message(
        "migrate"
    )
    assert "nothing is pending" not in refused.message("migrate")
    assert revisions(web) == ["one1"]
    assert bound(web, ["two2", "ago3"]).ok().result("migrate")["applied"] == ["two2", "ago3"]
    assert bound(web, []).ok().result("migrate")["changed"] is False
