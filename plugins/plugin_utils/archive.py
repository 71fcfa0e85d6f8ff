"""What the controller does with git in the place of hosts that do not reach the git server: it makes an archive, once for all of them."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol, shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.repository import Repository


@dataclass(frozen=True)
class Wanted:
    """What an archive is made of. ``environment``: git's, may hold secrets. ``cache``: folder on the controller, absolute; '' the usual."""

    repository: Repository
    version: str
    submodules: bool
    environment: Mapping[str, str]
    timeout_seconds: int
    cache: str = ""

    @property
    def folder(self) -> Path:
        """This repository's own, on the controller."""
        usual = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(usual) if usual.startswith("/") else Path.home() / ".cache"
        name = hashlib.sha256(self.repository.url.encode()).hexdigest()[:16]
        return (Path(self.cache) if self.cache else base / "fraisier" / "archives") / name


def make_archive(wanted: Wanted) -> Answer:
    """The answer of archive.sh, run here: its ``archive`` is the path of a gzipped tar, or it has failed and says why."""
    parts = [
        shell.exporting("git_environment", {**wanted.environment, **wanted.repository.credentials}),
        shell.assign("app_path", str(wanted.folder)),
        shell.assign("version", wanted.version),
        shell.assign("repo", wanted.repository.url),
        shell.assign("submodules", wanted.submodules),
        shell.assign("timeout_seconds", wanted.timeout_seconds),
    ]
    answer = run_here([*parts, *map(shell.source, ("git_run", "git_export"))], shell.source("archive"))
    if answer.complete and not answer.flag("failed"):
        return answer
    said = answer.text("msg") or protocol.last_lines(answer.text("stderr")) or "the script ended early"
    return Answer({**answer.values, "failed": ("1",), "msg": (f"on the controller: {said}",)}, complete=True)


def run_here(parts: Sequence[str], script: str) -> Answer:
    """As `ask` of an action plugin, on the controller, by its user."""
    token = protocol.new_token()
    text = shell.wrap(token, [shell.source("lib"), shell.assign("check", False), *parts, script])
    done = subprocess.run(["sh", "-s"], input=text.encode("utf-8", "surrogateescape"), capture_output=True, check=False)
    answer = protocol.read(token, done.stdout.decode("utf-8", "replace"))
    if answer.complete:
        return answer
    return Answer({"failed": ("1",), "stderr": (done.stderr.decode("utf-8", "replace"),)}, complete=False)
