"""The controller fetches and sends: one archive for all hosts, and no host asks the repository for anything."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from estate import Estate, Repository, new_repository, release_id


def arguments(estate: Estate, repository: Repository, commit: str, **more: Any) -> dict[str, Any]:
    return {
        "app_path": "{{ fraisier_app_path }}",
        "release_id": release_id(commit),
        "version": commit,
        "repo": str(repository.path),
        "push": True,
        "cache": str(estate.folder / "cache"),
        **more,
    }


def archives(estate: Estate) -> list[Path]:
    return sorted((estate.folder / "cache").rglob("*.tar.gz"))


def test_the_role_checks_then_sends_then_has_nothing_to_do(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({"a b/$(touch hacked)'\"": "text", "data/seed": "from the repository"})
    variables: dict[str, Any] = {
        "fraisier_release_id": release_id(commit),
        "fraisier_version": commit,
        "fraisier_git_repo": str(repository.path),
        "fraisier_git_push": True,
        "fraisier_git_cache": str(estate.folder / "cache"),
        "fraisier_git_shared": ["data/"],
    }
    assert estate.role("git", "--check", **variables).ok().result("git")["changed"]
    assert not estate.app.exists() and not archives(estate), "a look makes nothing, here or there"
    assert estate.role("git", **variables).ok().result("git")["changed"]
    release = estate.release(release_id(commit))
    assert (release / "REVISION").read_text() == f"{commit}\n"
    assert (release / "a b" / "$(touch hacked)'\"").read_text() == "text"
    assert (release / "data").readlink() == Path("../../shared/data")
    assert (estate.app / "shared/data/seed").read_text() == "from the repository"
    assert sorted(path.name for path in (estate.app / "releases").iterdir()) == [release.name]
    assert not (estate.app / "repo").exists(), "the mirror is the controller's"
    assert stat.S_IMODE((estate.folder / "cache").stat().st_mode) == 0o700, "the code is nobody else's to read"
    shutil.rmtree(repository.path)
    shutil.rmtree(estate.folder / "cache")
    assert not estate.role("git", **variables).ok().result("git")["changed"]
    assert not (estate.folder / "cache").exists(), "what is there already is not fetched again"
    assert not list(estate.folder.rglob("hacked"))


def test_one_archive_serves_all_hosts_and_keeps_modes_and_links(estate: Estate, repository: Repository) -> None:
    estate.hosts = {name: {"fraisier_app_path": str(estate.folder / name)} for name in ("web1", "web2", "web3")}
    run = repository.path / "bin/run"
    run.parent.mkdir()
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    (repository.path / "link").symlink_to("bin/run")
    commit = repository.commit({"plain": "1"})
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert [path.name for path in archives(estate)] == [f"{commit}-0.tar.gz"]
    for name in estate.hosts:
        release = estate.folder / name / "releases" / release_id(commit)
        assert stat.S_IMODE((release / "bin/run").stat().st_mode) == 0o755
        assert stat.S_IMODE((release / "plain").stat().st_mode) == 0o644
        assert stat.S_IMODE(release.stat().st_mode) == 0o755
        assert (release / "link").readlink() == Path("bin/run")
    shutil.rmtree(repository.path)
    shutil.rmtree(estate.folder / "web2")
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert (estate.folder / "web2" / "releases" / release_id(commit) / "plain").read_text() == "1"


def test_submodules_come_along_when_asked_for(estate: Estate, repository: Repository) -> None:
    module = new_repository(estate.folder / "module")
    module.commit({"inside": "module"})
    repository.git("submodule", "--quiet", "add", str(module.path), "lib/module")
    commit = repository.commit({})
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert not (estate.release(release_id(commit)) / "lib/module/inside").exists()
    shutil.rmtree(estate.app)
    estate.task("git", arguments(estate, repository, commit, submodules=True)).ok()
    release = estate.release(release_id(commit))
    assert (release / "lib/module/inside").read_text() == "module"
    assert not list(release.rglob(".git"))


def test_what_git_says_on_the_controller_is_told(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({})
    run = estate.task("git", arguments(estate, repository, commit, repo="/nowhere/at/all.git"))
    assert run.message("git").startswith("on the controller: git fetch failed")
    assert "'/nowhere/at/all.git' does not appear to be a git repository" in run.message("git")
    assert not list((estate.app / "releases").iterdir())


@pytest.mark.parametrize("left", [0, 100])
def test_an_archive_that_is_not_whole_is_no_release(estate: Estate, repository: Repository, left: int) -> None:
    commit = repository.commit({"a": "1" * 5000})
    estate.task("git", arguments(estate, repository, commit)).ok()
    shutil.rmtree(estate.app)
    (archive,) = archives(estate)
    archive.write_bytes(archive.read_bytes()[:left])
    run = estate.task("git", arguments(estate, repository, commit))
    assert "cannot unpack the archive" in run.message("git")
    assert not estate.release(release_id(commit)).exists()
    archive.unlink()
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert (estate.release(release_id(commit)) / "a").read_text() == "1" * 5000


def test_a_place_that_cannot_be_written_is_told(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({})
    (estate.folder / "file").write_text("")
    run = estate.task("git", arguments(estate, repository, commit, cache=str(estate.folder / "file")))
    assert "on the controller: cannot create" in run.message("git")


def test_doctor_asks_the_controller_for_the_repository(estate: Estate, repository: Repository) -> None:
    repository.commit({})
    given = {"app_path": str(estate.app), "branch": "main", "push": True, "tools": ["tar"]}
    found = estate.task("doctor", {**given, "repo": str(repository.path)}).ok().result("doctor")["findings"]
    assert [each["state"] for each in found if each["check"] == "git"] == ["ok"]
    found = estate.task("doctor", {**given, "repo": "/nowhere/at/all.git"}).ok().result("doctor")["findings"]
    (git,) = [each for each in found if each["check"] == "git"]
    assert git["state"] == "problem" and "on the controller" in git["hint"]


def test_a_look_at_pending_migrations_is_given_the_commit(estate: Estate, repository: Repository) -> None:
    """With what the current release has beside its commit, and without what the commit has removed."""
    look = {"up": "false", "pending": "cat built; ls | grep -v REVISION; exit 1", "current": "echo 0"}
    first = repository.commit({"gone": "1", "stays": "1"})
    estate.task("git", arguments(estate, repository, first)).ok()
    (estate.app / "current").symlink_to(f"releases/{release_id(first)}")
    (estate.release(release_id(first)) / "built").write_text("built by the install command\n")
    second = repository.commit({"gone": None, "new": "1"})
    estate.variables |= {
        "fraisier_release_id": release_id(second),
        "fraisier_version": second,
        "fraisier_git_repo": str(repository.path),
        "fraisier_git_push": True,
        "fraisier_git_cache": str(estate.folder / "cache"),
        "fraisier_migrate_tool": "command",
        "fraisier_migrate_commands": look,
    }
    before = sorted(Path("/tmp").glob("fraisier.*"))
    found = estate.role("migrate", "--check").ok().result("migrate")
    assert found["pending"] == ["built by the install command", "built", "new", "stays"]
    assert not [path for path in Path("/tmp").glob("fraisier.*") if path not in before and (path / "sent").exists()]
    assert [path.name for path in (estate.app / "releases").iterdir()] == [release_id(first)]
    shutil.rmtree(repository.path)
    found = estate.role("migrate", "--check", fraisier_version="f" * 40).ok().result("migrate")
    assert (found["known"], found["changed"]) == (False, True)
    assert "Could not read from remote repository" in found["msg"]
