"""Staging a release: complete or not there, whatever the names, the repository or an earlier kill look like."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path
from typing import Any

from estate import Estate, Repository, new_repository, release_id


def arguments(estate: Estate, repository: Repository, commit: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "app_path": str(estate.app),
        "release_id": release_id(commit, number),
        "version": commit,
        "repo": str(repository.path),
        **more,
    }


def test_release_holds_the_commit_and_says_so(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({"a b/$(touch hacked)'\"": "text", "run.sh": "#!/bin/sh\n"})
    repository.commit({"later": "text"})
    result = (
        estate.task("git", arguments(estate, repository, commit, target="web/production"), "--diff").ok().result("git")
    )
    release = estate.release(release_id(commit))
    assert (release / "REVISION").read_text() == f"{commit}\n"
    assert (release / "a b" / "$(touch hacked)'\"").read_text() == "text"
    assert not (release / "later").exists()
    manifest = json.loads((release / ".fraisier.json").read_text())
    assert (manifest["release_id"], manifest["target"]) == (release_id(commit), "web/production")
    assert result["diff"]["after"] == f"release {release_id(commit)}\ncommit {commit}\n"


def test_commit_that_no_branch_points_to_any_more_is_found_by_its_id(estate: Estate, repository: Repository) -> None:
    repository.commit({"a": "1"})
    gone = repository.commit({"a": "2"})
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    estate.task("git", arguments(estate, repository, gone)).ok()
    assert (estate.release(release_id(gone)) / "a").read_text() == "2"


def test_branch_with_a_hostile_name_is_only_data(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    repository.git("branch", "x';touch${IFS}hacked;'$(id)")
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert not list(estate.folder.rglob("hacked"))


def test_leftovers_of_a_killed_run_are_cleaned_and_never_seen(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    half = estate.app / "releases" / f".staging-{release_id(commit)}"
    half.mkdir(parents=True)
    (half / "half").write_text("half")
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert not (estate.release(release_id(commit)) / "half").exists()
    assert not half.exists()


def test_mirror_that_a_killed_fetch_left_is_repaired(estate: Estate, repository: Repository) -> None:
    """A commit object alone proves nothing: only the ref says that git has seen everything below it."""
    commit = repository.commit({"a": "1"})
    estate.task("git", arguments(estate, repository, commit)).ok()
    (estate.app / "repo" / "refs" / "fraisier" / commit).unlink()
    shutil.rmtree(estate.release(release_id(commit)))
    estate.task("git", arguments(estate, repository, commit)).ok()
    assert (estate.release(release_id(commit)) / "a").read_text() == "1"


def test_repository_that_is_not_there_tells_what_git_said(estate: Estate, repository: Repository) -> None:
    run = estate.task("git", arguments(estate, repository, repository.commit({}), repo="/nowhere/at/all.git"))
    assert "'/nowhere/at/all.git' does not appear to be a git repository" in run.message("git")
    assert "Could not read from remote repository" in run.result("git")["stderr"]


def test_unknown_commit_tells_what_git_said(estate: Estate, repository: Repository) -> None:
    repository.commit({"a": "1"})
    run = estate.task("git", arguments(estate, repository, "0" * 40))
    assert f"commit {'0' * 40} is not in the repository" in run.message("git")
    assert run.result("git")["stderr"]


def test_shared_paths_are_linked_and_seeded_once(estate: Estate, repository: Repository) -> None:
    shared = ["storage/", "etc/deep/.secrets.json", "new/"]
    first = repository.commit({"storage/seed": "first", "etc/deep/.secrets.json": "{}"})
    estate.task("git", arguments(estate, repository, first, shared=shared)).ok()
    (estate.app / "shared" / "storage" / "kept").write_text("kept")
    second = repository.commit({"storage/seed": "second"})
    estate.task("git", arguments(estate, repository, second, 2, shared=shared)).ok()
    release = estate.release(release_id(second, 2))
    assert (release / "storage" / "seed").read_text() == "first"
    assert (release / "storage" / "kept").read_text() == "kept"
    assert (release / "etc" / "deep" / ".secrets.json").read_text() == "{}"
    assert (release / "new").readlink() == Path("../../shared/new")
    assert (release / "etc" / "deep" / ".secrets.json").readlink() == Path("../../../../shared/etc/deep/.secrets.json")


def test_shared_path_below_a_link_of_the_repository_is_refused(estate: Estate, repository: Repository) -> None:
    (repository.path / "out").symlink_to("/etc")
    commit = repository.commit({})
    run = estate.task("git", arguments(estate, repository, commit, shared=["out/x/"]))
    assert "is a symbolic link in the repository" in run.message("git")


def test_own_marks_in_the_repository_do_not_lead_us_astray(estate: Estate, repository: Repository) -> None:
    target = estate.folder / "precious"
    target.write_text("precious")
    (repository.path / "REVISION").symlink_to(target)
    commit = repository.commit({".fraisier/built": "forged", ".fraisier-bad": ""})
    estate.task("git", arguments(estate, repository, commit)).ok()
    release = estate.release(release_id(commit))
    assert target.read_text() == "precious"
    assert (release / "REVISION").read_text() == f"{commit}\n"
    assert not (release / ".fraisier").exists()
    assert not (release / ".fraisier-bad").exists()


def test_submodules_come_along_when_asked_for(estate: Estate, repository: Repository) -> None:
    module = new_repository(estate.folder / "module")
    module.commit({"inside": "module"})
    repository.git("submodule", "--quiet", "add", str(module.path), "lib/module")
    commit = repository.commit({})
    estate.task("git", arguments(estate, repository, commit, submodules=True)).ok()
    release = estate.release(release_id(commit))
    assert (release / "lib" / "module" / "inside").read_text() == "module"
    assert not list(release.rglob(".git"))


def test_another_fetch_on_the_host_is_waited_for_and_then_told(estate: Estate, repository: Repository) -> None:
    commit = repository.commit({"a": "1"})
    (estate.app / ".fraisier").mkdir(parents=True)
    with (estate.app / ".fraisier" / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = estate.task("git", arguments(estate, repository, commit, timeout_seconds=1))
    assert "another fetch holds" in run.message("git")
