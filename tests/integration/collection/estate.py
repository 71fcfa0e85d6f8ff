"""An estate in a folder: real git repositories, real ansible-playbook runs on localhost, and what the run said."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import command_lines

ROOT = Path(__file__).parents[3]
PLAYBOOKS = ROOT / "playbooks"


@dataclass(frozen=True)
class Run:
    """One ansible-playbook run: exit code, the text, and the results by task action (json callback)."""

    rc: int
    text: str
    plays: list[dict[str, Any]]
    stats: Mapping[str, Mapping[str, int]]

    def results(self, action: str = "", host: str = "") -> list[dict[str, Any]]:
        """Results of our plugins in order, of one host or of all."""
        return [
            result
            for play in self.plays
            for task in play["tasks"]
            for name, result in task["hosts"].items()
            if (not host or name == host)
            and str(result.get("action", ""))
            in ({f"fraisier.deploy.{action}"} if action else {str(result.get("action", ""))})
        ]

    def result(self, action: str, host: str = "") -> dict[str, Any]:
        found = self.results(action, host)
        assert len(found) == 1, f"{action}: {len(found)} results\n{self.text}"
        return found[0]

    def actions(self, host: str = "") -> list[str]:
        """What was done, in order, without what was skipped."""
        return [
            result["action"].rpartition(".")[2] for result in self.results(host=host) if result["outcome"] != "skipped"
        ]

    @property
    def changed(self) -> int:
        return sum(counts["changed"] for counts in self.stats.values())

    def ok(self) -> Run:
        assert self.rc == 0, self.text
        return self

    def message(self, action: str, host: str = "") -> str:
        """What a failed task of ours said."""
        result = self.result(action, host)
        assert result["outcome"] == "failed", self.text
        return str(result["msg"])


@dataclass
class Estate:
    """Where a test deploys to: everything in one folder."""

    folder: Path
    collections: Path
    variables: dict[str, Any] = field(default_factory=dict)
    # Host variables; they lose against the extra variables above.
    hosts: dict[str, dict[str, Any]] = field(default_factory=lambda: {"web1": {}})
    path: str = os.environ["PATH"]

    @property
    def app(self) -> Path:
        return self.folder / "app"

    def release(self, release_id: str) -> Path:
        return self.app / "releases" / release_id

    @property
    def current(self) -> str:
        link = self.app / "current"
        return link.readlink().name if link.is_symlink() else ""

    def inventory(self) -> Path:
        local = {
            "fraisier_app_path": str(self.app),
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        }
        hosts = {name: {**local, **variables} for name, variables in self.hosts.items()}
        path = self.folder / "inventory.json"
        path.write_text(json.dumps({"all": {"hosts": hosts}}))
        return path

    def command(self, playbook: Path, *arguments: str, **variables: Any) -> tuple[list[str], dict[str, str]]:
        """The command and its environment; variables travel in a file, as Fraisier sends them."""
        given = self.folder / "variables.json"
        given.write_text(json.dumps({**self.variables, **variables}))
        program = Path(sys.executable).with_name("ansible-playbook")
        environment = {
            "PATH": f"{self.path}:{program.parent}",
            "HOME": str(self.folder),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_STDOUT_CALLBACK": "fraisier_test_json",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
        }
        return [str(program), "-i", str(self.inventory()), "-e", f"@{given}", *arguments, str(playbook)], environment

    def play(self, playbook: str | Path, *arguments: str, **variables: Any) -> Run:
        """Runs a playbook of the collection by name, or any playbook by path."""
        path = playbook if isinstance(playbook, Path) else PLAYBOOKS / f"{playbook}.yml"
        argv, environment = self.command(path, *arguments, **variables)
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )
        return _read(done)

    def role(self, name: str, *arguments: str, **variables: Any) -> Run:
        """Runs one role, or several with commas between; their argument specs are checked."""
        path = self.folder / f"role_{name}.yml"
        roles = [{"role": f"fraisier.deploy.{each}"} for each in name.split(",")]
        path.write_text(json.dumps([{"name": "Try", "hosts": "all", "gather_facts": False, "roles": roles}]))
        return self.play(path, *arguments, **variables)

    def task(self, action: str, task_arguments: Mapping[str, Any], *arguments: str, **keywords: Any) -> Run:
        """Runs one task of ours."""
        path = self.folder / f"task_{action}.yml"
        task = {"name": "Try", f"fraisier.deploy.{action}": dict(task_arguments), **keywords}
        path.write_text(json.dumps([{"name": "Try", "hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return self.play(path, *arguments)


def _read(done: subprocess.CompletedProcess[str]) -> Run:
    head, _, report = done.stdout.partition("===REPORT===\n")
    text = f"{head}{report}\n{done.stderr}"
    parsed = json.loads(report) if report else {"plays": [], "stats": {}}
    return Run(done.returncode, text, parsed["plays"], parsed["stats"])


@dataclass
class Repository:
    """A real git repository and its commits."""

    path: Path

    def git(self, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
            "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file",
        }  # fmt: skip
        argv = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Writes the files (None removes one) and commits; the commit's id."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a commit")
        return self.git("rev-parse", "HEAD")


def new_repository(path: Path) -> Repository:
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch=main")
    return repository


def release_id(commit: str, number: int = 1) -> str:
    """An id as the controller mints it; a later number is a later release."""
    return f"20261122T{number:06d}Z-{commit[:12]}-k3f9qa"


def free_port() -> int:
    """A port below the range from which the kernel takes ports for clients, so that no test's client can take it."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("no free port")


def processes_with(text: str) -> list[str]:
    """Command lines of all processes that hold the text."""
    return [line for line in map(" ".join, command_lines().values()) if text in line]
