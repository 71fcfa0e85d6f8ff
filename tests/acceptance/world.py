"""A world to deploy in: a git repository, a fraises.yaml, a folder that plays the host, and the `fraisier` command as a user types it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import command_lines, working_folders

APP = Path(__file__).parent / "app"
FRAISIER = Path(sys.executable).parent / "fraisier"

CONFIG = """\
fraises:
  my_api:
    type: api
    description: What the tests deploy
    git_repo: {repository}
    connection: local
    install:
      - [python3, -m, pip, install, --quiet, --no-warn-conflicts, --no-index, --find-links, {wheels}, --target, lib, -r, requirements.txt]
    service:
      manager: supervisor
      exec: {python} service.py
      start_timeout_seconds: 10
      stop_timeout_seconds: 5
    vars:
      fraisier_supervisor_venv: {supervisor}
    environments:
{environments}
"""

ENVIRONMENT = """\
      {name}:
        branch: {branch}
        app_path: {app}
        environment: {{PORT: "{port}", APP_SECRET: "${{APP_SECRET}}"}}
        database: {{tool: alembic, url: "sqlite:///{database}"}}
        health_check:
          url: http://127.0.0.1:{port}/health
          version_json: version
          timeout_seconds: 4
          interval_seconds: 0.2
"""

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("t{revision}", sa.Column("id", sa.Integer, primary_key=True)){more}


def downgrade() -> None:
    op.drop_table("t{revision}")
"""


def make_wheel(folder: Path, version: str) -> None:
    """A wheel of a tiny distribution `dep`: what a release depends on, really installed by pip."""
    info = f"dep-{version}.dist-info"
    with zipfile.ZipFile(folder / f"dep-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("dep.py", f'VERSION = "{version}"\n')
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: dep\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def supervisors_of(folder: Path) -> list[int]:
    """The supervisord of ``folder``, or of the folders in it."""
    lines = {pid: " ".join(command) for pid, command in command_lines().items()}
    return [pid for pid, line in lines.items() if "supervisord" in line and f"{folder}/" in line]


def processes_in(folder: Path) -> list[int]:
    """Processes whose working directory is below ``folder``."""
    return [pid for pid, place in working_folders().items() if folder in place.parents]


def end_services(folder: Path) -> None:
    """End what runs under a supervisord below ``folder``, and wait until it has ended."""
    for pid in supervisors_of(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not supervisors_of(folder) and not processes_in(folder), "the supervisors have ended")


@dataclass
class Environment:
    """One environment of `my_api`: where it lives on the "host", and what can be seen of it from outside."""

    name: str
    branch: str
    app: Path
    port: int
    database: Path

    def current(self) -> str:
        """Release id that `current` points at, '' for nothing."""
        link = self.app / "current"
        return link.resolve().name if link.is_symlink() else ""

    def answer(self) -> dict[str, Any] | None:
        """What the service answers, whatever its status; None when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=3) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.load(error))
        except (OSError, http.client.HTTPException):  # nobody there, or gone in the middle of the answer
            return None

    def schema(self) -> str:
        """Revision of the database, '' when it is empty or absent."""
        if not self.database.exists():
            return ""
        connection = sqlite3.connect(self.database)
        try:
            found = connection.execute("select version_num from alembic_version").fetchall()
        except sqlite3.OperationalError:
            return ""
        finally:
            connection.close()
        return str(found[0][0]) if found else ""

    def supervisor_pids(self) -> list[int]:
        return supervisors_of(self.app)

    def service_pids(self) -> list[int]:
        """Processes that run from this environment's releases."""
        return processes_in(self.app / "releases")

    def end(self) -> None:
        end_services(self.app)


@dataclass
class World:
    root: Path
    supervisor: Path
    secret: str | None = "app-s3cr3t-canary"
    database_url: str = ""
    environments: dict[str, Environment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.repository = self.root / "repository"
        self.wheels = self.root / "wheels"
        self.config = self.root / "fraises.yaml"
        self.home = self.root / "home"
        for folder in (self.wheels, self.home):
            folder.mkdir(parents=True)
        for version in ("1.0", "2.0", "3.0", "4.0"):
            make_wheel(self.wheels, version)
        shutil.copytree(APP, self.repository)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("v1")
        self.add_environment("production", "main")

    @property
    def production(self) -> Environment:
        return self.environments["production"]

    def add_environment(self, name: str, branch: str) -> Environment:
        app = self.root / "host" / name
        app.mkdir(parents=True)
        found = Environment(name, branch, app, free_port(), self.root / f"{name}.db")
        self.environments[name] = found
        self.write_config()
        return found

    def write_config(self, *replacements: tuple[str, str]) -> None:
        """Write fraises.yaml; each replacement must match."""
        environments = "".join(ENVIRONMENT.format(**vars(environment)) for environment in self.environments.values())
        text = CONFIG.format(
            repository=self.repository,
            wheels=self.wheels,
            python=sys.executable,
            supervisor=self.supervisor,
            environments=environments,
        )
        for before, after in replacements:
            assert before in text, before
            text = text.replace(before, after)
        self.config.write_text(text)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "FRAISIER_CONFIG": str(self.config),
            "FRAISIER_DATABASE_URL": self.database_url or f"sqlite:///{self.root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.com",
        } | ({"APP_SECRET": self.secret} if self.secret is not None else {})

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.repository, env=self.environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.repository / name
        assert before in path.read_text(), before
        path.write_text(path.read_text().replace(before, after))

    def release(self, number: int, *, migration: bool = True, more: str = "", status: int = 200) -> str:
        """Push version `number`: new code, new dependency, and (unless told) the next migration. Returns the commit."""
        text = (self.repository / "service.py").read_text()
        lines = [f'CODE = "v{number}"' if line.startswith("CODE = ") else line for line in text.splitlines()]
        lines = [f"STATUS = {status}" if line.startswith("STATUS = ") else line for line in lines]
        (self.repository / "service.py").write_text("\n".join(lines) + "\n")
        (self.repository / "requirements.txt").write_text(f"dep=={number}.0\n")
        if migration:
            script = MIGRATION.format(revision=f"{number:04}", before=f"{number - 1:04}", more=more)
            (self.repository / f"migrations/versions/{number:04}.py").write_text(script)
        return self.commit(f"v{number}")

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [FRAISIER, *arguments],
            env=self.environ | environ,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fraisier(self, *arguments: str, expect: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [FRAISIER, *arguments],
            env=self.environ | environ,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if expect is not None:
            assert done.returncode == expect, (
                f"exit code {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        return dict(json.loads(self.fraisier(*arguments, "--json", expect=expect).stdout))

    def deploy(self, *arguments: str, expect: int | None = 0, environment: str = "production") -> dict[str, Any]:
        return dict(self.json("deploy", "my_api", environment, *arguments, expect=expect)["deployment"])

    def rollback(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        return dict(self.json("rollback", "my_api", "production", *arguments, expect=expect)["deployment"])

    def history(self) -> list[dict[str, Any]]:
        """Deployments, newest first."""
        return list(self.json("history")["deployments"])

    def assert_serving(self, commit: str, code: str, *, schema: str, environment: str = "production") -> None:
        """Look from outside: symlink, process, dependency version, schema: all of one release."""
        where = self.environments[environment]
        answer = where.answer()
        assert answer is not None, "nobody answers"
        assert (answer["version"], answer["code"], answer["dep"]) == (commit, code, f"{code[1:]}.0")
        assert where.current().split("-")[1] == commit[:12]
        assert where.schema() == schema

    def end(self) -> None:
        for environment in self.environments.values():
            environment.end()
