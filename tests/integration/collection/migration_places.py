"""Fixtures: migration tools from where people get them, and the databases of their applications."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.collection.migration_kits import KITS, Kit
from tests.integration.record.postgresql import PostgresServer

PYTHON_TOOLS = ("fraiseql-confiture>=1.29,<1.30", "psycopg[binary]>=3.2,<4", "django>=5.2,<6", "flask-migrate>=4.1,<5")


def shared(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made once for all test processes of this user: the first makes it, the others wait."""
    folder = Path.home() / ".cache" / "fraisier-tests" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            (folder / "complete").touch()
    return folder


@pytest.fixture(scope="session")
def python_tools() -> Path:
    def make(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PYTHON_TOOLS], check=True)

    wanted = hashlib.sha256(" ".join(PYTHON_TOOLS).encode()).hexdigest()[:8]
    return shared(f"migration-tools-{sys.version_info[0]}.{sys.version_info[1]}-{wanted}", make)


@pytest.fixture(scope="session")
def dbmate() -> Path:
    def make(folder: Path) -> None:
        folder.mkdir()
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "dbmate@2"]
        subprocess.run(npm, check=True, capture_output=True, timeout=280)

    if not shutil.which("npm"):
        pytest.skip("no dbmate: npm, which brings it, is not on this machine")
    try:
        return shared("dbmate", make)
    except subprocess.SubprocessError as error:
        pytest.skip(f"no dbmate: {error}")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresServer]:
    server = PostgresServer()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def new_kit(request: pytest.FixtureRequest, python_tools: Path, tmp_path: Path) -> Callable[..., Kit]:
    """Makes an application of a tool in a folder, for a system of databases; all of one test share a database."""

    def make(tool: str, system: str, folder: str = "app") -> Kit:
        if system not in made:
            server = request.getfixturevalue("postgresql") if system == "postgresql" else None
            made[system] = server.url(server.create_database()) if server else f"sqlite:///{tmp_path}/database"
        venv = request.getfixturevalue("dbmate") if tool == "command" else python_tools
        return KITS[tool](tmp_path / folder, venv, made[system])

    made: dict[str, str] = {}
    return make
