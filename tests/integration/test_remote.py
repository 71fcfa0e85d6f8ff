"""Resolving a branch by `git ls-remote`, against real repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from fraisier.errors import TargetUnreachable, UsageError
from fraisier.git.remote import resolve

GIT = {
    **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=GIT, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "one")
    return tmp_path


def test_a_branch_resolves_to_the_commit_that_was_pushed_last(repository: Path) -> None:
    assert resolve(str(repository), "main", os.environ) == git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    assert resolve(str(repository), "main", os.environ) == git(repository, "rev-parse", "HEAD")


def test_an_annotated_tag_resolves_to_its_commit_and_a_branch_of_that_name_wins(repository: Path) -> None:
    git(repository, "tag", "--annotate", "v1", "--message", "v1")
    assert resolve(str(repository), "v1", os.environ) == git(repository, "rev-parse", "v1^{commit}")
    git(repository, "branch", "v1")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "two")
    assert resolve(str(repository), "v1", os.environ) == git(repository, "rev-parse", "refs/heads/v1")


def test_a_missing_branch_says_so_and_names_the_repository(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"has no branch or tag 'mian'"):
        resolve(str(repository), "mian", os.environ)


def test_git_speaks_for_itself_when_the_repository_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TargetUnreachable, match="does not appear to be a git repository") as caught:
        resolve(str(tmp_path / "nothing"), "main", os.environ)
    assert caught.value.retriable


def test_an_option_or_a_command_in_the_url_is_never_taken_for_one(repository: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for url in (f"--upload-pack=touch {canary}", f"ext::sh -c touch% {canary}"):
        with pytest.raises(TargetUnreachable):
            resolve(url, "main", os.environ)
    assert not canary.exists()


def test_a_hostile_branch_name_is_only_a_name(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        resolve(str(repository), "$(touch canary) {{ lookup('pipe', 'id') }}", os.environ)
