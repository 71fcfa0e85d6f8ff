"""The migration tool of the how-to page, written in a package of its own outside of the repository, installed, and deployed with."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.world import FRAISIER
from tests.docs.pages import blocks

PAGE = "docs/how-to/write-a-migration-tool.md"
FRAISES = """\
fraises:
  my_api:
    type: api
    git_repo: {root}/repository
    connection: local
    service: {{manager: none}}
    health_check: {{command: test -e REVISION && test ! -e BROKEN}}
    database: {{tool: {tool}, url: "sqlite:///{root}/database", bin_dir: bin{folder}}}
    environments: {{production: {{app_path: {root}/host}}}}
"""
SCHEMER = """\
#!{python}
import os, pathlib, sqlite3, sys
folder, word, *rest = sys.argv[sys.argv.index("--folder") + 1:]
database = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"), isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS done (name)") if word in ("up", "down") else None
there = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'done'").fetchone()
done = [name for name, in database.execute("SELECT name FROM done ORDER BY name")] if there else []
files = sorted(path.stem for path in pathlib.Path(folder).glob("*.sql"))
left = [name for name in files if name not in done]
if word == "current":
    print(*done[-1:])
elif word == "pending":
    print(*left, sep="\\n")
    sys.exit(3 if left else 0)
elif word == "up":
    for name in left:
        database.execute(pathlib.Path(folder, name + ".sql").read_text())
        database.execute("INSERT INTO done VALUES (?)", (name,))
else:
    for name in reversed([name for name in done if name > rest[0]]):
        database.execute("DROP TABLE t" + name)
        database.execute("DELETE FROM done WHERE name = ?", (name,))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three touches: the module, its line in pyproject.toml, the package installed."""
    folder = tmp_path_factory.mktemp("scratch")
    package = folder / "package" / "my_company_migrations"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (module,), (about,) = blocks(PAGE, "python"), blocks(PAGE, "toml")
    (package / "schemer.py").write_text(module.text)
    (package.parent / "pyproject.toml").write_text(about.text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", folder / "site", package.parent], check=True)
    return folder / "site"


class Place:
    def __init__(self, root: Path, site: Path) -> None:
        self.root, self.repository = root, root / "repository"
        who = {f"GIT_{role}_{part}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        self.environ = who | {
            "PATH": f"{FRAISIER.parent}:{os.environ['PATH']}",
            "HOME": str(root),
            "PYTHONPATH": str(site),
            "FRAISIER_CONFIG": str(root / "fraises.yaml"),
            "FRAISIER_DATABASE_URL": f"sqlite:///{root / 'fraisier.db'}",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.configure()

    def configure(self, tool: str = "schemer", folder: str = ", migrations_dir: schema") -> None:
        (self.root / "fraises.yaml").write_text(FRAISES.format(root=self.root, tool=tool, folder=folder))

    def commit(self, *files: str) -> None:
        """A commit with these empty files more; a migration makes a table."""
        for name in files:
            path = self.repository / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"CREATE TABLE t{path.stem} (id int);\n" if name.endswith(".sql") else "")
        for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", "x"]):
            subprocess.run(["git", *words], cwd=self.repository, env=self.environ, check=True)

    def fraisier(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([FRAISIER, *words], env=self.environ, capture_output=True, text=True, check=False)

    def deploy(self) -> dict[str, Any]:
        done = self.fraisier("deploy", "my_api", "production", "--json")
        return dict(json.loads(done.stdout)["deployment"])

    def tables(self) -> set[str]:
        file = sqlite3.connect(self.root / "database")
        rows = file.execute("SELECT name FROM sqlite_master WHERE name LIKE 't%'").fetchall()
        file.close()
        return {row[0] for row in rows}


@pytest.fixture
def place(tmp_path: Path, installed: Path) -> Place:
    (tmp_path / "repository" / "bin").mkdir(parents=True)
    (tmp_path / "host").mkdir()
    program = tmp_path / "repository" / "bin" / "schemer"
    program.write_text(SCHEMER.format(python=sys.executable))
    program.chmod(0o755)
    return Place(tmp_path, installed)


def test_the_tool_of_the_page_migrates_and_goes_back(place: Place) -> None:
    place.commit("schema/1.sql")
    assert place.deploy()["status"] == "success"
    assert place.tables() == {"t1"}
    place.commit("schema/2.sql", "schema/3.sql")
    planned = place.fraisier("plan", "my_api", "production").stdout
    assert "(database at 1)" in planned and " 1. 2\n" in planned and " 2. 3\n" in planned
    place.commit("BROKEN")
    broken = place.deploy()
    assert (broken["status"], place.tables()) == ("rolled_back", {"t1"}), broken


def test_what_is_wrong_is_said_in_its_words_at_its_place(place: Place) -> None:
    place.configure(folder="")
    said = place.fraisier("config", "validate").stderr
    assert "fraises.my_api.database: needs migrations_dir" in said, said
    place.configure(tool="shemer")
    assert "got text 'shemer', did you mean 'schemer'?" in place.fraisier("config", "validate").stderr
    place.environ.pop("PYTHONPATH")
    place.configure()
    done = place.fraisier("config", "validate")
    assert done.returncode == 3
    assert "expected one of command, alembic, confiture, django, flask_migrate, got text 'schemer'" in done.stderr
