from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleet import Fleet
from tests.acceptance.shelf import Shelf
from tests.acceptance.world import World


@pytest.fixture(scope="session")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One virtual environment with supervisor for all worlds of this process: making one takes seconds."""
    folder = tmp_path_factory.mktemp("supervisor") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder,
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "supervisor>=4.3,<5",
    ]
    subprocess.run(pip, check=True)
    return folder


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, supervisor: Path) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"), supervisor)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, supervisor: Path, shelf: Shelf) -> Iterator[World]:
    """A world in which nothing was deployed yet, or with `@pytest.mark.deployed(2)` two versions."""
    if mark := request.node.get_closest_marker("deployed"):
        (versions,) = mark.args
        with shelf.lent(f"deployed-{versions}", lambda: shelf.deployed(versions), tmp_path / "w") as found:
            yield found
    else:
        found = World(tmp_path / "w", supervisor)
        yield found
        found.end()


@pytest.fixture
def fleet(world: World) -> Iterator[Fleet]:
    """Three hosts to which nothing was deployed yet."""
    found = Fleet(world)
    yield found
    found.end()


@pytest.fixture
def deployed_fleet(tmp_path: Path, shelf: Shelf) -> Iterator[Fleet]:
    """Three hosts that serve the first version."""

    def make() -> Fleet:
        found = Fleet(shelf.new_world())
        found.world.deploy()
        return found

    with shelf.lent("fleet", make, tmp_path / "w") as found:
        yield found
