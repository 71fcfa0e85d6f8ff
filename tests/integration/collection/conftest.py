"""Fixtures of the collection's tests: the checkout as a collection, an estate per test, one virtual environment with supervisor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from estate import ROOT, Estate, Repository, new_repository


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout itself under the name of the collection."""
    folder = tmp_path_factory.mktemp("collections")
    (folder / "ansible_collections" / "fraisier").mkdir(parents=True)
    (folder / "ansible_collections" / "fraisier" / "deploy").symlink_to(ROOT)
    return folder


@pytest.fixture
def estate(tmp_path: Path, collections: Path) -> Estate:
    return Estate(tmp_path, collections)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "origin")


@pytest.fixture(scope="session")
def supervisor_venv() -> Path:
    """supervisor is a dependency of the tests: their own virtual environment has it."""
    venv = Path(sys.prefix)
    assert (venv / "bin" / "supervisord").exists(), "install the test dependencies: supervisord is missing"
    return venv


@pytest.fixture
def supervised(estate: Estate, supervisor_venv: Path) -> Iterator[Estate]:
    """An estate whose services run under supervisor; its supervisord ends with the test."""
    estate.variables |= {
        "fraisier_service_manager": "supervisor",
        "fraisier_supervisor_program": "web",
        "fraisier_supervisor_venv": str(supervisor_venv),
        "fraisier_health_manager": "supervisor",
    }
    yield estate
    for conf in estate.folder.glob("**/supervisord.conf"):
        argv = [str(supervisor_venv / "bin" / "supervisorctl"), "-c", str(conf), "shutdown"]
        subprocess.run(argv, capture_output=True, timeout=60)
