from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def world(tmp_path: Path, supervisor: Path) -> Iterator[World]:
    found = World(tmp_path / "w", supervisor)
    yield found
    found.end()
