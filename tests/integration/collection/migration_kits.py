"""What each migration tool's applications look like: a release with numbered migrations of plain SQL, and the tables that they made."""

from __future__ import annotations

import sqlite3
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.collection.estate import release_id

RELEASE = release_id("a" * 40)


class Kit(ABC):
    """An application in ``app``; its environment is in ``venv``, its database behind ``url``."""

    tool: str
    systems: tuple[str, ...] = ("sqlite", "postgresql")
    more: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, app: Path, venv: Path, url: str) -> None:
        self.app, self.venv, self.url = app, venv, url
        self.release = app / "releases" / RELEASE
        self.release.mkdir(parents=True)
        (self.release / "venv").symlink_to(venv)
        self.set_up()

    @abstractmethod
    def set_up(self) -> None:
        """Whatever the tool wants besides migrations."""

    @abstractmethod
    def name(self, number: int) -> str:
        """Of a migration, as the tool calls it."""

    @abstractmethod
    def write(self, number: int, up: str, down: str, mark: str = "") -> list[Path]:
        """A migration and its files; ``mark``: the reason why it has no way back."""

    @property
    def system(self) -> str:
        return self.url.partition(":")[0]

    @property
    def address(self) -> str:
        """The database's address as this tool wants it."""
        return self.url

    @property
    def arguments(self) -> dict[str, Any]:
        where = {"app_path": str(self.app), "release_id": RELEASE, "version": "a" * 40, "bin_dir": "venv/bin"}
        return {
            **where,
            "tool": self.tool,
            "environment": {"DATABASE_URL": self.address},
            "timeout_seconds": 280,
            "lock_timeout_seconds": 250,
            **self.more,
        }

    def tables(self) -> set[str]:
        """Those of the form t1, t2 ..."""
        if self.system == "postgresql":
            with psycopg.connect(self.url) as server:
                rows = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        else:
            file = sqlite3.connect(self.url.removeprefix("sqlite:///"))
            rows = file.execute("SELECT name FROM sqlite_master").fetchall()
            file.close()
        return {row[0] for row in rows if row[0][0] == "t" and row[0][1:].isdecimal()}

    def _file(self, path: str, text: str) -> Path:
        file = self.release / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


class Confiture(Kit):
    tool = "confiture"
    systems = ("postgresql",)

    def set_up(self) -> None:
        (self.release / "db" / "migrations").mkdir(parents=True)

    def name(self, number: int) -> str:
        return f"2026010100000{number}"

    def write(self, number: int, up: str, down: str, mark: str = "") -> list[Path]:
        head = f"-- fraisier:irreversible {mark}\n" if mark else ""
        place = f"db/migrations/{self.name(number)}_m"
        return [self._file(f"{place}.up.sql", f"{head}{up};\n"), self._file(f"{place}.down.sql", f"{down};\n")]


DJANGO_SETTINGS = """\
import os
from urllib.parse import parse_qs, urlsplit

SECRET_KEY = "x"
INSTALLED_APPS = ["shop"]
url = urlsplit(os.environ["DATABASE_URL"])
found = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.path[1:]}
if url.scheme == "postgresql":
    found |= {"ENGINE": "django.db.backends.postgresql", "USER": url.username, "HOST": parse_qs(url.query)["host"][0]}
DATABASES = {"default": found}
"""


class Django(Kit):
    tool = "django"

    def set_up(self) -> None:
        self._file(
            "manage.py",
            "import os, sys\nfrom django.core.management import execute_from_command_line\n"
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conf")\nexecute_from_command_line(sys.argv)\n',
        )
        self._file("conf.py", DJANGO_SETTINGS)
        for folder in ("shop", "shop/migrations"):
            self._file(f"{folder}/__init__.py", "")

    def name(self, number: int) -> str:
        return f"shop.{number:04}_m"

    def write(self, number: int, up: str, down: str, mark: str = "") -> list[Path]:
        head = f"# fraisier:irreversible {mark}\n" if mark else ""
        below = [("shop", f"{number - 1:04}_m")] if number > 1 else []
        body = f"    dependencies = {below}\n    operations = [migrations.RunSQL({up!r}, {down!r})]\n"
        text = f"{head}from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n{body}"
        return [self._file(f"shop/migrations/{number:04}_m.py", text)]


class Alembic(Kit):
    tool = "alembic"
    ini = "alembic.ini"

    @property
    def address(self) -> str:
        return self.url.replace("postgresql://", "postgresql+psycopg://")

    def set_up(self) -> None:
        self._file(self.ini, "[alembic]\nscript_location = migrations\npath_separator = os\n")
        self._file(
            "migrations/env.py",
            "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
            'with create_engine(os.environ["DATABASE_URL"]).connect() as connection:\n'
            "    context.configure(connection=connection, transaction_per_migration=True)\n"
            "    with context.begin_transaction():\n        context.run_migrations()\n",
        )

    def name(self, number: int) -> str:
        return f"rev{number}"

    def write(self, number: int, up: str, down: str, mark: str = "") -> list[Path]:
        head = f"# fraisier:irreversible {mark}\n" if mark else ""
        below = repr(self.name(number - 1)) if number > 1 else "None"
        ways = f"def upgrade():\n    op.execute({up!r})\n\n\ndef downgrade():\n    op.execute({down!r})\n"
        text = f'{head}"""m"""\nfrom alembic import op\n\nrevision, down_revision = "{self.name(number)}", {below}\n\n\n{ways}'
        return [self._file(f"migrations/versions/{self.name(number)}.py", text)]


class FlaskMigrate(Alembic):
    tool = "flask_migrate"
    ini = "migrations/alembic.ini"

    def set_up(self) -> None:
        super().set_up()
        self._file(
            "app.py",
            "import os\nfrom flask import Flask\nfrom flask_migrate import Migrate\nfrom flask_sqlalchemy import SQLAlchemy\n"
            'app = Flask(__name__)\napp.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]\n'
            "Migrate(app, SQLAlchemy(app))\n",
        )


class Dbmate(Kit):
    """The tool `command`, with dbmate behind it; what has psycopg in the place of its bin_dir is the interpreter of the tests."""

    tool = "command"

    @property
    def more(self) -> dict[str, Any]:  # type: ignore[override]
        applied = "dbmate -d db status | sed -n 's/^\\[X\\] //p' | tail -n 1"
        pending = "dbmate -d db status | sed -n 's/^\\[ \\] //p'"
        down = f'until [ "$({applied})" = "$FRAISIER_TARGET" ]; do dbmate -d db --no-dump-schema rollback || exit; done'
        commands = {"current": applied, "pending": pending, "up": "dbmate -d db --no-dump-schema up", "down": down}
        return {"commands": commands, "pending_rc": 0, "migrations_dir": "db", "bin_dir": "bin"}

    def set_up(self) -> None:
        (self.release / "db").mkdir()
        for name, program in (("dbmate", self.venv / "node_modules/.bin/dbmate"), ("python", sys.executable)):
            self._file(f"bin/{name}", f'#!/bin/sh\nexec {program} "$@"\n').chmod(0o755)

    def name(self, number: int) -> str:
        return f"2026010100000{number}_m.sql"

    def write(self, number: int, up: str, down: str, mark: str = "") -> list[Path]:
        head = f"-- fraisier:irreversible {mark}\n" if mark else ""
        return [self._file(f"db/{self.name(number)}", f"{head}-- migrate:up\n{up};\n-- migrate:down\n{down};\n")]


KITS: dict[str, type[Kit]] = {
    "alembic": Alembic,
    "command": Dbmate,
    "confiture": Confiture,
    "django": Django,
    "flask_migrate": FlaskMigrate,
}
BOTH = sorted((tool, system) for tool, kit in KITS.items() for system in kit.systems)
"""Every tool on every system of databases that it speaks."""


def with_two(kit: Kit) -> Kit:
    for number in (1, 2):
        add(kit, number)
    return kit


def add(kit: Kit, number: int, mark: str = "") -> list[Path]:
    return kit.write(number, f"CREATE TABLE t{number} (id int)", f"DROP TABLE t{number}", mark)


def names(kit: Kit, *numbers: int) -> list[str]:
    return [kit.name(number) for number in numbers]
