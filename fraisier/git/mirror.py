"""What changed between two commits of a configured repository: asked of a bare copy on the controller, fetched when it is asked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fraisier.errors import TargetUnreachable
from fraisier.git.remote import quiet_environment

TIMEOUT_SECONDS = 600


def changed_paths(
    repository: str, branch: str, old: str, new: str, patterns: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> list[str] | None:
    """Files that differ between the commits ``old`` and ``new`` of ``branch`` and match ``patterns``; a renamed one by both its names.

    None when that cannot be said: ``old`` is not known any more, or is no ancestor of ``new`` (the branch was forced). A pattern is a path
    with ``*``, ``?`` and ``**``; a folder stands for all below it; ``!`` in front takes out what others have let in. Copies live below
    ``folder``, one for each repository. Raises TargetUnreachable, with git's own words, when the repository cannot be fetched.
    """
    with _mirror(repository, folder, environ) as git:
        _fetch(git, repository, branch)
        if git("merge-base", "--is-ancestor", old, new, wanted=(0, 1, 128)).returncode:
            return None
        specifications = [_specification(pattern) for pattern in patterns]
        if all(pattern.startswith("!") for pattern in patterns):
            specifications.insert(0, ":(top)")
        said = git(
            "diff", "--name-only", "-z", "--no-renames", "--end-of-options", old, new, "--", *specifications
        ).stdout
        return [name.decode("utf-8", "replace") for name in said.split(b"\0") if name]


def is_part_of(repository: str, branch: str, commit: str, folder: Path, environ: Mapping[str, str]) -> bool:
    """Whether ``commit`` is in the history of ``branch`` as it is now. Raises TargetUnreachable as ``changed_paths`` does."""
    with _mirror(repository, folder, environ) as git:
        _fetch(git, repository, branch)
        return not git("merge-base", "--is-ancestor", commit, f"refs/heads/{branch}", wanted=(0, 1, 128)).returncode


def _fetch(git: _Git, repository: str, branch: str) -> None:
    reference = f"+refs/heads/{branch}:refs/heads/{branch}"
    git("fetch", "--quiet", "--no-tags", "--prune", "--end-of-options", repository, reference)


def _specification(pattern: str) -> str:
    if pattern.startswith("!"):
        return f":(top,exclude,glob){pattern[1:]}"
    return f":(top,glob){pattern}"


def mirrors_folder(environ: Mapping[str, str]) -> Path:
    """Where copies of repositories are kept on the controller: below the state folder."""
    state = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - as the ledger finds its place
    return (Path(state) if state.startswith("/") else Path(home) / ".local" / "state") / "fraisier" / "mirrors"


@contextmanager
def _mirror(repository: str, folder: Path, environ: Mapping[str, str]) -> Iterator[_Git]:
    """git in the repository's copy, which nobody else uses meanwhile."""
    name = hashlib.sha256(repository.encode()).hexdigest()[:20]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / f"{name}.git"
        git = _Git(repository, path, environ)
        if not (path / "HEAD").exists():
            git("init", "--quiet", "--bare", "--end-of-options", str(path), inside=False)
        yield git


class _Git:
    """Runs git on one bare repository; nothing that it is given is an option, nothing asks a question."""

    def __init__(self, repository: str, path: Path, environ: Mapping[str, str]) -> None:
        self._repository, self._path = repository, path
        self._environ = {**environ, **quiet_environment(environ)}

    def __call__(
        self, *arguments: str, wanted: Sequence[int] = (0,), inside: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        where = [f"--git-dir={self._path}"] if inside else []
        try:
            done = subprocess.run(
                ["git", *where, *arguments],
                env=self._environ,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
                cwd=os.sep,
            )
        except FileNotFoundError:
            raise TargetUnreachable("git is not installed on this machine", hint="apt-get install git") from None
        except subprocess.TimeoutExpired:
            raise TargetUnreachable(
                f"{self._repository}: `git {arguments[0]}` took longer than {TIMEOUT_SECONDS} s"
            ) from None
        if done.returncode not in wanted:
            words = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
            raise TargetUnreachable(f"cannot read {self._repository}: {words}")
        return done
