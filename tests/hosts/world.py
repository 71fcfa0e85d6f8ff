"""A fleet to deploy to: a git repository, a fraises.yaml with the hosts of a bed, and the `fraisier` command as a user types it.

world.fraisier("deploy", "my_api", "production")     world.deploy(expect=5)
world.release(2, status=500, on=["h2"])              world.configure(rollout={"strategy": "rolling"})
world.host("h2").power_cut(silent=True)              world.seen()["h3"] == before["h3"]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg
import yaml
from sqlalchemy import create_engine, text

from tests.acceptance.world import MIGRATION, make_wheel
from tests.hosts.bed import Bed
from tests.hosts.database import Database
from tests.hosts.host import Host
from tests.hosts.waiting import Hold

APP = Path(__file__).parent / "app"
FRAISIER = Path(sys.executable).parent / "fraisier"
APP_PATH = "/srv/my_api"
UNIT = "my_api.service"
PORT = 8000


@dataclass(frozen=True)
class Seen:
    """What is true of a host, looked at from outside; two of them are equal when nothing moved, not even the process."""

    current: str  # the release that `current` points at, '' for none
    pid: int  # the service's process, 0 for none
    state: str  # ActiveState of the unit
    answer: tuple[str, str, str] | None  # commit, code and dependency that the service answers with
    status: int | None  # of that answer


class World:
    """``my_api`` in ``production`` on all hosts of the bed, on PostgreSQL, under systemd."""

    def __init__(self, bed: Bed, postgresql: Database, root: Path) -> None:
        self.bed = bed
        self.postgresql = postgresql
        self.root = root
        self.secret = "app-s3cr3t-canary"
        self.app_database = postgresql.create()
        self.database_url = f"sqlite:///{root / 'fraisier.db'}"
        self.config = root / "fraises.yaml"
        self.home = root / "home"
        self.home.mkdir(parents=True)
        self.share = bed.share / root.parent.name
        self.repository = self.share / "repository"
        self.wheels = self.share / "wheels"
        self.wheels.mkdir(parents=True)
        for version in ("1.0", "2.0", "3.0", "4.0", "5.0", "6.0"):
            make_wheel(self.wheels, version)
        shutil.copytree(APP, self.repository, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("v1")
        for host in bed.hosts.values():
            host.run("install", "-d", "-o", "deploy", "-g", "deploy", APP_PATH)
        self.settings = self._settings()
        self.write_config()

    # What is wanted. ---------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        wheel = f"{self.wheels}/dep-$(cut -d= -f3 requirements.txt)-py3-none-any.whl"
        health = {"url": f"http://127.0.0.1:{PORT}/health", "version_json": "version"}
        production = {
            "branch": "main",
            "app_path": APP_PATH,
            "hosts": [self.host_entry(host) for host in self.bed.hosts.values()],
            "systemd_service": UNIT,
            "environment": {"PORT": str(PORT), "APP_SECRET": "${APP_SECRET}"},
            "database": {"tool": "alembic", "url": self.app_database},
            "health_check": {**health, "timeout_seconds": 5, "interval_seconds": 0.2},
            "vars": {"fraisier_systemd_settle_seconds": 0.3},
        }
        fraise = {
            "type": "api",
            "description": "What the tests deploy",
            "git_repo": str(self.repository),
            "install": f"python3 -m zipfile -e {wheel} lib",  # pip would do no more, and take seconds of each host
            "service": {"exec": "python3 service.py", "start_timeout_seconds": 20, "stop_timeout_seconds": 5},
            "environments": {"production": production},
        }
        return {"fraises": {"my_api": fraise}}

    def host_entry(self, host: Host) -> dict[str, Any]:
        """A host as fraises.yaml has it: its key checked, and nobody's own ssh configuration read."""
        options = f"-F none -o UserKnownHostsFile={self.bed.known_hosts} -o IdentitiesOnly=yes"
        entry = {"name": host.name, "address": host.address, "user": "deploy", "ssh_key": str(self.bed.image.key)}
        return {**entry, "vars": {"ansible_ssh_common_args": options}}

    @property
    def production(self) -> dict[str, Any]:
        """The environment's part of ``settings``; ``write_config`` makes a change of it hold."""
        found: dict[str, Any] = self.settings["fraises"]["my_api"]["environments"]["production"]
        return found

    def configure(self, **settings: Any) -> None:
        """Set keys of the environment, and write fraises.yaml."""
        self.production.update(settings)
        self.write_config()

    def write_config(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    def hold(self, place: str, name: str) -> Hold:
        """From now on ``name`` stands still at a place such as ``before_restart``, at most two minutes."""
        host = self.host(name)
        host.run("rm", "-f", "/run/held", "/run/go")
        wait = "touch /run/held; for i in $(seq 1200); do test -e /run/go && exit; sleep 0.1; done"
        task: dict[str, Any] = {"name": "Stand still", "ansible.builtin.raw": f"sudo sh -c '{wait}'"}
        task |= {"when": f"inventory_hostname == '{name}'", "changed_when": False}
        (self.root / f"{place}.yml").write_text(yaml.safe_dump([task], sort_keys=False))
        self.configure(hooks={**self.production.get("hooks", {}), place: f"{place}.yml"})
        return Hold(host)

    # The repository. ---------------------------------------------------------------------------------------------

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.repository, env=self.environ, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def release(
        self, number: int, *, migration: bool = True, more: str = "", status: int = 200, on: Iterable[str] = ()
    ) -> str:
        """Push version ``number``: new code, new dependency, the next migration. ``on`` these hosts it answers ``status``; () is all."""
        values = {"CODE": f"v{number}", "STATUS": status, "ON": tuple(on)}
        path = self.repository / "service.py"
        lines = path.read_text().splitlines()
        for name, value in values.items():
            lines = [f"{name} = {value!r}" if line.startswith(f"{name} = ") else line for line in lines]
        path.write_text("\n".join(lines) + "\n")
        (self.repository / "requirements.txt").write_text(f"dep=={number}.0\n")
        if migration:
            script = MIGRATION.format(revision=f"{number:04}", before=f"{number - 1:04}", more=more)
            (self.repository / f"migrations/versions/{number:04}.py").write_text(script)
        return self.commit(f"v{number}")

    # The command. ------------------------------------------------------------------------------------------------

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "FRAISIER_CONFIG": str(self.config),
            "FRAISIER_DATABASE_URL": self.database_url,
            "APP_SECRET": self.secret,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Test",
            "GIT_AUTHOR_EMAIL": "test@example.com",
            "GIT_COMMITTER_NAME": "Test",
            "GIT_COMMITTER_EMAIL": "test@example.com",
        }

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """The command, running; whoever starts it waits for it or kills it."""
        return subprocess.Popen(
            [FRAISIER, *arguments],
            env=self.environ | environ,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fraisier(self, *arguments: str, expect: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environ)
        try:
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
        assert expect is None or process.returncode == expect, (
            f"exit code {process.returncode}, expected {expect}\n{out}\n{err}"
        )
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        return dict(json.loads(self.fraisier(*arguments, "--json", expect=expect).stdout))

    def deploy(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        return dict(self.json("deploy", "my_api", "production", *arguments, expect=expect)["deployment"])

    def rollback(self, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        return dict(self.json("rollback", "my_api", "production", *arguments, expect=expect)["deployment"])

    def history(self) -> list[dict[str, Any]]:
        """Deployments, newest first."""
        return list(self.json("history")["deployments"])

    def ledger(self, sql: str) -> list[Mapping[str, Any]]:
        """Rows of the database of deployments."""
        engine = create_engine(self.database_url.replace("postgresql://", "postgresql+psycopg://"))
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(text(sql)).mappings()]
        finally:
            engine.dispose()

    def move_ledger_to_postgresql(self) -> None:
        """Before the first deployment: from now on deployments are recorded on the bed's PostgreSQL."""
        self.database_url = self.postgresql.create()
        self.fraisier("db", "migrate")

    # What is true, looked at from outside. -----------------------------------------------------------------------

    def host(self, name: str) -> Host:
        return self.bed.host(name)

    def answer(self, name: str, port: int = PORT) -> tuple[int, dict[str, Any]] | None:
        """Status and body of what a host's service answers over the network; None when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.host(name).address}:{port}/", timeout=3) as response:
                return response.status, dict(json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(json.load(error))
        except (OSError, HTTPException, ValueError):  # nobody there, or gone in the middle of the answer
            return None

    def current(self, name: str) -> str:
        link = self.host(name).run("readlink", f"{APP_PATH}/current", check=False).stdout.strip()
        return link.rpartition("/")[2]

    def seen(self, name: str = "") -> dict[str, Seen]:
        """Every host that is on, or one of them."""
        names = [name] if name else [host.name for host in self.bed.hosts.values() if host.is_on]
        return {each: self._look(each) for each in names}

    def _look(self, name: str) -> Seen:
        unit = self.host(name).show(UNIT, "MainPID", "ActiveState")
        status, body = self.answer(name) or (None, {})
        answer = (body["version"], body["code"], body["dep"]) if body else None
        return Seen(self.current(name), int(unit["MainPID"]), unit["ActiveState"], answer, status)

    def schema(self) -> str:
        """Revision of the application's database, '' when it has none."""
        with psycopg.connect(self.app_database) as connection:
            try:
                found = connection.execute("select version_num from alembic_version").fetchone()
            except psycopg.errors.UndefinedTable:
                return ""
        return str(found[0]) if found else ""

    def assert_serving(self, commit: str, code: str, *, schema: str, hosts: Iterable[str] = ()) -> None:
        """Symlink, process, code, dependency and schema are all those of one release, on these hosts or on all."""
        for name in hosts or self.bed.hosts:
            seen = self._look(name)
            assert (seen.status, seen.answer) == (200, (commit, code, f"{code[1:]}.0")), (name, seen)
            assert seen.current.split("-")[1] == commit[:12], (name, seen)
            assert seen.state == "active" and seen.pid, (name, seen)
        assert self.schema() == schema

    def story(self) -> str:
        """For a test that failed: the newest deployment, and the last words of every host that still speaks."""
        told = [self.fraisier("logs", expect=None).stdout[-6000:]]
        for host in self.bed.hosts.values():
            try:
                said = host.run("journalctl", "--quiet", "--no-pager", "--lines=30", timeout=5).stdout
            except (AssertionError, subprocess.TimeoutExpired) as error:
                said = str(error)
            told.append(f"--- {host.name}: {said[-2000:]}")
        return "\n".join(told)

    def end(self) -> None:
        shutil.rmtree(self.share, ignore_errors=True)
