"""Every role three times: check mode tells the truth and touches nothing, then for real, then for real again with changed=0."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from application import EXEC, WEB
from databases import fill_sqlite
from estate import Estate, Repository, free_port, release_id

Look = Callable[[Estate, str], bool]
Prepare = Callable[[Estate, Repository, str], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """``prepare`` brings the host to where the role begins; ``look`` is true when the role's work is there."""

    prepare: Prepare
    look: Look
    changes: bool = True


def staged(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    estate.role("git").ok()
    return {}


def activated(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    estate.role("git,activate").ok()
    return {}


def supervised_before(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    activated(estate, repository, commit)
    return supervising()


def supervising() -> dict[str, Any]:
    return {"fraisier_supervisor_exec": EXEC, "fraisier_environment": {"PORT": free_port()}}


def many_releases(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    activated(estate, repository, commit)
    for number in range(2, 6):
        estate.release(release_id(commit, number)).mkdir()
        (estate.release(release_id(commit, number)) / "REVISION").write_text(commit)
    return {"fraisier_prune_keep": 2}


def migrating(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    staged(estate, repository, commit)
    database = estate.folder / "database"
    database.write_text("1\n")
    commands = {
        "current": f"cat {database}",
        "pending": f"grep -q 2 {database} || {{ echo 2; exit 1; }}",
        "up": f"echo 2 >{database}",
        "down": f"echo $FRAISIER_TARGET >{database}",
    }
    return {"fraisier_migrate_tool": "command", "fraisier_migrate_commands": commands}


def with_database(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    fill_sqlite(estate.folder / "shop.db")
    return {
        "fraisier_backup_name": "shop",
        "fraisier_backup_source": {"kind": "sqlite", "path": str(estate.folder / "shop.db")},
        "fraisier_backup_destination": {"path": str(estate.folder / "copies")},
        "fraisier_backup_reuse_seconds": 3600,
    }


def serving(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    variables = supervising()
    estate.role("git,activate,supervisor", **variables).ok()
    url = f"http://127.0.0.1:{variables['fraisier_environment']['PORT']}/"
    return {"fraisier_health_url": url, "fraisier_health_version_json": "version", **variables}


def nothing(estate: Estate, repository: Repository, commit: str) -> dict[str, Any]:
    return {}


def releases(estate: Estate) -> int:
    return len(list((estate.app / "releases").glob("2*")))


CASES = {
    "preflight": Case(nothing, lambda estate, commit: not estate.app.exists(), changes=False),
    "git": Case(nothing, lambda estate, commit: (estate.release(release_id(commit)) / "REVISION").exists()),
    "release": Case(nothing, lambda estate, commit: (estate.release(release_id(commit)) / "REVISION").exists()),
    "build": Case(staged, lambda estate, commit: (estate.release(release_id(commit)) / "made").exists()),
    "backup": Case(
        with_database, lambda estate, commit: len(list((estate.folder / "copies" / "shop").glob("2*"))) == 1
    ),
    "migrate": Case(migrating, lambda estate, commit: (estate.folder / "database").read_text() == "2\n"),
    "activate": Case(staged, lambda estate, commit: estate.current == release_id(commit)),
    "supervisor": Case(
        supervised_before, lambda estate, commit: (estate.app / "supervisor" / "run" / "web.pid").exists()
    ),
    "health": Case(serving, lambda estate, commit: True, changes=False),
    "prune": Case(many_releases, lambda estate, commit: releases(estate) == 3),
}


@pytest.mark.parametrize("role", CASES)
def test_role_in_check_mode_for_real_and_again(role: str, supervised: Estate, repository: Repository) -> None:
    estate, case = supervised, CASES[role]
    commit = repository.commit({"web.py": WEB})
    estate.variables |= {
        "fraisier_release_id": release_id(commit),
        "fraisier_version": commit,
        "fraisier_git_repo": str(repository.path),
        "fraisier_build_commands": ["echo made >made", [sys.executable, "-c", "print(1)"]],
    }
    variables = case.prepare(estate, repository, commit)
    before = tree(estate.folder)

    check = estate.role(role, "--check", "--diff", **variables).ok()
    assert (check.changed > 0) == case.changes, check.text
    assert tree(estate.folder) == before
    real = estate.role(role, **variables).ok()
    assert (real.changed > 0) == case.changes, real.text
    assert case.look(estate, commit)
    again = estate.role(role, **variables).ok()
    assert again.changed == 0, again.text
    assert case.look(estate, commit)


def test_every_role_is_run_three_times() -> None:
    """The others have files of their own: they need machines that may be changed, balancers, containers, or a stand-in
    for systemd. ``restore`` swaps again each time that it is asked; its check mode is tested with it."""
    roles = {folder.name for folder in (Path(__file__).parents[3] / "roles").iterdir()}
    assert roles == {
        *CASES,
        "systemd",
        "lb",
        "bootstrap",
        "server",
        "job",
        "jobs",
        "docker_compose",
        "restore",
        "replace",
        "coolify",
    }


def tree(folder: Path) -> set[tuple[str, int]]:
    """Everything below the folder that is not Ansible's own or the test's."""
    ours = ("ansible", "inventory.json", "variables.json")
    names = [
        path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in ours and path.name[:5] != "role_"
    ]
    return {(str(path), path.lstat().st_mtime_ns) for path in names if "log" not in path.parts and path.exists()}
