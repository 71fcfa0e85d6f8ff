"""What a git server has: one ``git ls-remote`` of the configured URL. Nothing it answers is trusted further than its shape."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping

from fraisier.errors import TargetUnreachable, UsageError
from fraisier.vocabulary import is_commit

TIMEOUT_SECONDS = 60
PROTOCOLS = "file:git:http:https:ssh"


def resolve(repository: str, ref: str, environ: Mapping[str, str]) -> str:
    """Full commit hash that branch or tag ``ref`` of ``repository`` points at now.

    Raises TargetUnreachable (with git's own words) when the server does not answer, UsageError when it has no such ref.
    """
    refs = _ls_remote(repository, [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/tags/{ref}^{{}}"], environ)
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"):
        if name in refs:
            return refs[name]
    raise UsageError(
        f"{repository} has no branch or tag '{ref}'",
        hint=f"see what it has: git ls-remote --heads {repository}",
    )


def tips(repository: str, branches: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The commits that ``branches`` of ``repository`` point at now, asked for at once; a branch that is not there is left out.

    Raises TargetUnreachable as ``resolve`` does.
    """
    names = {f"refs/heads/{branch}": branch for branch in branches}
    refs = _ls_remote(repository, list(names), environ)
    return {branch: refs[name] for name, branch in names.items() if name in refs}


def _ls_remote(repository: str, patterns: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    command = ["git", "ls-remote", "--quiet", "--", repository, *patterns]
    try:
        done = subprocess.run(
            command,
            env={**environ, **quiet_environment(environ)},
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise TargetUnreachable("git is not installed on this machine", hint="apt-get install git") from None
    except subprocess.TimeoutExpired:
        raise TargetUnreachable(f"{repository} did not answer `git ls-remote` within {TIMEOUT_SECONDS} s") from None
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise TargetUnreachable(
            f"cannot read {repository}: {words}", hint=f"try it by hand: git ls-remote {repository}"
        )
    return _parse(done.stdout.decode("utf-8", "replace"))


def _parse(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        commit, _, name = line.partition("\t")
        if is_commit(commit):
            found[name] = commit
    return found


def quiet_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that keep git from asking questions, following odd protocols, or speaking another language."""
    return {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_SSH_COMMAND": environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=10"),
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
        "PATH": environ.get("PATH", os.defpath),
    }
