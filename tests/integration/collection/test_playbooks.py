"""Whole deployments by the collection's playbooks: forward, back, stopped in the middle, looked at."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from typing import Any

import pytest
from application import EXEC, STUBBORN, WEB
from estate import Estate, Repository, Run, free_port, release_id

FORWARD = ["preflight", "git", "build", "activate", "service", "health", "health", "prune"]


@pytest.fixture
def web(supervised: Estate, repository: Repository) -> Estate:
    port = free_port()
    supervised.variables |= {
        "fraisier_hooks": {},
        "fraisier_git_repo": str(repository.path),
        "fraisier_build_commands": ["touch built"],
        "fraisier_environment": {"PORT": port},
        "fraisier_supervisor_exec": EXEC,
        "fraisier_health_url": f"http://127.0.0.1:{port}/",
        "fraisier_health_version_json": "version",
        "fraisier_health_manager": "supervisor",
        "fraisier_health_timeout_seconds": 15,
        "fraisier_migrate_tool": "command",
        "fraisier_migrate_commands": {
            "current": f"cat {supervised.folder}/state",
            "up": f"cp schema {supervised.folder}/state",
            "down": f"echo $FRAISIER_TARGET >{supervised.folder}/state",
        },
    }
    (supervised.folder / "state").write_text("0\n")
    return supervised


def names(commit: str, number: int) -> dict[str, str]:
    return {"fraisier_release_id": release_id(commit, number), "fraisier_version": commit}


def answered(estate: Estate) -> str:
    with urllib.request.urlopen(estate.variables["fraisier_health_url"]) as answer:
        return str(json.load(answer)["version"])


def deploy(estate: Estate, commit: str, number: int, *arguments: str, **variables: Any) -> Run:
    return estate.play("api", *arguments, **names(commit, number), **variables)


def test_forward_forward_back_and_gone(web: Estate, repository: Repository) -> None:
    first = repository.commit({"web.py": WEB, "schema": "1\n"})
    assert deploy(web, first, 1).ok().actions() == [*FORWARD[:3], "migrate", *FORWARD[3:]]
    assert answered(web) == first
    second = repository.commit({"schema": "2\n"})
    run = deploy(web, second, 2).ok()
    assert (run.result("migrate")["before"], run.result("migrate")["after"]) == ("1", "2")
    assert run.results("health")[0]["evidence"] == "version"
    assert answered(web) == second

    back = web.play(
        "rollback",
        **names(first, 1),
        fraisier_migrate_directory=release_id(second, 2),
        fraisier_rollback_migrate_target="1",
        fraisier_activate_bad_release_id=release_id(second, 2),
    ).ok()
    assert back.actions() == ["migrate", "activate", "service", "health"]
    assert (answered(web), (web.folder / "state").read_text()) == (first, "1\n")
    status = web.play("status", **names(first, 1)).ok()
    assert status.changed == 0
    assert status.result("preflight")["bad_releases"] == [release_id(second, 2)]
    assert status.result("preflight")["service"]["state"] == "running"
    assert status.result("health")["version"] == first

    web.play("rollback", fraisier_release_id="", fraisier_version=first).ok()
    assert web.current == ""
    gone = web.play("status", fraisier_version=first).ok()
    assert (gone.result("health")["healthy"], gone.result("preflight")["service"]["state"]) == (False, "stopped")


def test_service_that_ignores_its_restart_is_caught(web: Estate, repository: Repository) -> None:
    web.variables["fraisier_supervisor_exec"] = EXEC.replace("web.py", "stubborn.py")
    first = repository.commit({"web.py": WEB, "stubborn.py": STUBBORN, "schema": "1\n"})
    try:
        deploy(web, first, 1).ok()
        second = repository.commit({"schema": "2\n"})
        run = deploy(web, second, 2, fraisier_health_timeout_seconds=1)
        assert f"answered version '{first}', expected '{second}'" in run.message("health")
        assert run.actions()[-1] == "health"
    finally:
        os.kill(int((web.app / "stubborn.pid").read_text()), signal.SIGKILL)


def test_database_that_does_not_go_back_leaves_no_host_on_the_bad_release(web: Estate, repository: Repository) -> None:
    first = repository.commit({"web.py": WEB, "schema": "1\n"})
    deploy(web, first, 1).ok()
    second = repository.commit({"schema": "2\n"})
    deploy(web, second, 2).ok()
    stuck = {**web.variables["fraisier_migrate_commands"], "down": "echo cannot >&2; exit 1"}
    run = web.play("rollback", **names(first, 1), fraisier_rollback_migrate_target="1", fraisier_migrate_commands=stuck)
    assert run.rc != 0
    assert answered(web) == first
    assert "command down failed (rc 1): cannot" in run.text
    assert run.actions()[-1] == "fail"


@pytest.mark.parametrize(
    ("broken", "last"),
    [
        ({"fraisier_preflight_min_free_mb": 999_999_999}, "preflight"),
        ({"fraisier_git_repo": "/nowhere"}, "git"),
        ({"fraisier_build_commands": ["exit 1"]}, "build"),
    ],
    ids=["preflight", "fetch", "build"],
)
def test_failure_on_one_host_before_the_rollout_leaves_all_hosts_alone(
    broken: dict[str, Any], last: str, web: Estate, repository: Repository
) -> None:
    commit = repository.commit({"web.py": WEB, "schema": "1\n"})
    apps = {name: web.folder / name for name in ("web1", "web2", "web3")}
    web.hosts = {name: {"fraisier_app_path": str(path)} for name, path in apps.items()}
    usual = {name: web.variables.pop(name, 0) for name in broken}
    web.hosts = {name: {**variables, **usual} for name, variables in web.hosts.items()}
    web.hosts["web3"] |= broken
    run = deploy(web, commit, 1)
    assert run.rc != 0
    assert run.result(last, "web3")["outcome"] == "failed"
    assert run.actions()[-1] == last
    assert not any((path / "current").is_symlink() for path in apps.values())
    assert (web.folder / "state").read_text() == "0\n"


def test_failure_in_the_rollout_stops_at_once(web: Estate, repository: Repository) -> None:
    commit = repository.commit({"web.py": WEB, "schema": "1\n"})
    run = deploy(web, commit, 1, fraisier_supervisor_exec="sh -c 'echo broken; exit 1'")
    assert "broken" in run.message("service")
    assert run.actions()[-1] == "service"


@pytest.mark.parametrize("place", ["extra variables", "inventory"])
def test_hooks_run_where_they_stand(place: str, web: Estate, repository: Repository) -> None:
    commit = repository.commit({"web.py": WEB, "schema": "1\n"})
    hooks = {}
    for name in ("before_fetch", "after_build", "before_migrate", "after_activate", "after_prune"):
        path = web.folder / f"hook {name}.yml"
        path.write_text(
            json.dumps([{"name": name, "fraisier.deploy.preflight": {"app_path": "/", "require": False}}]).replace(
                '"/"', f'"{web.folder}"'
            )
        )
        hooks[name] = str(path)
    if place == "inventory":
        del web.variables["fraisier_hooks"]
        web.hosts["web1"]["fraisier_hooks"] = hooks
        run = deploy(web, commit, 1)
    else:
        run = deploy(web, commit, 1, fraisier_hooks=hooks)
    done = [action for action in run.ok().actions() if action != "include_tasks"]
    hook = "preflight"
    expected = [
        "preflight",
        hook,
        "git",
        "build",
        hook,
        hook,
        "migrate",
        "activate",
        hook,
        "service",
        "health",
        "health",
        "prune",
        hook,
    ]
    assert done == expected


def test_manager_may_stand_in_the_inventory(web: Estate, repository: Repository) -> None:
    commit = repository.commit({"web.py": WEB, "schema": "1\n"})
    web.hosts["web1"]["fraisier_service_manager"] = web.variables.pop("fraisier_service_manager")
    deploy(web, commit, 1).ok()
    assert answered(web) == commit


def test_one_phase_by_its_tag(web: Estate, repository: Repository) -> None:
    commit = repository.commit({"web.py": WEB, "schema": "1\n"})
    assert deploy(web, commit, 1, "--tags", "fetch,build").ok().actions() == ["git", "build"]


def test_host_with_busybox_and_without_flock(web: Estate, repository: Repository) -> None:
    """The scripts need no more than busybox, git, and python3 or curl."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed on this machine")
    tools = web.folder / "busybox"
    tools.mkdir()
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in set(applets) - {"busybox", "python3", "git"}:
        (tools / applet).symlink_to(busybox)
    (tools / "flock").unlink(missing_ok=True)
    (tools / "flock").write_text("#!/bin/sh\nexit 127\n")
    (tools / "flock").chmod(0o755)
    web.path = f"{tools}:{web.path}"
    given = {"fraisier_git_shared": ["storage/"], "fraisier_prune_keep": 1}
    first = repository.commit({"web.py": WEB, "schema": "1\n", "storage/a": "a"})
    deploy(web, first, 1, **given).ok()
    second = repository.commit({"schema": "2\n"})
    assert deploy(web, second, 2, **given).ok().result("prune")["removed"] == [release_id(first, 1)]
    assert answered(web) == second
    assert deploy(web, second, 2, fraisier_migrate_tool="", **given).ok().changed == 0
    assert not list((web.app / ".fraisier").glob("*.d"))
