"""Fixtures of the collection's tests: the checkout as a collection, an estate per test, supervisord from the tests' own environment."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The checkout under the name of the collection, for ansible-playbook and for Python's import; it goes when Python ends.
TREE = tempfile.TemporaryDirectory(prefix="fraisier-collections-")
atexit.register(TREE.cleanup)
(Path(TREE.name) / "ansible_collections" / "fraisier").mkdir(parents=True)
(Path(TREE.name) / "ansible_collections" / "fraisier" / "deploy").symlink_to(HERE.parents[2])
sys.path[:0] = [str(HERE), TREE.name]

from estate import Estate, Repository, new_repository  # noqa: E402  (the path above is what makes it importable)
from migration_places import dbmate, new_kit, postgresql, python_tools  # noqa: E402, F401  # fixtures

from tests.containers import CannotRun, Containers  # noqa: E402
from tests.containers import start as start_containers  # noqa: E402


@pytest.fixture(scope="session")
def collections() -> Path:
    return Path(TREE.name)


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
    }
    yield estate
    for conf in estate.folder.glob("**/supervisord.conf"):
        argv = [str(supervisor_venv / "bin" / "supervisorctl"), "-c", str(conf), "shutdown"]
        subprocess.run(argv, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A podman of the tests' own."""
    try:
        found = start_containers(tmp_path_factory.mktemp("containers") / "podman")
    except CannotRun as reason:
        pytest.skip(f"no containers here: {reason}")
    yield found
    found.end()


@pytest.fixture
def composed(estate: Estate, containers: Containers) -> Iterator[Estate]:
    """An estate whose services run in containers; they end with the test."""
    project = f"web{os.getpid()}"
    estate.path = f"{containers.bin}:{estate.path}"
    estate.variables |= {
        "fraisier_service_manager": "docker_compose",
        "fraisier_docker_compose_project": project,
        "fraisier_docker_compose_stop_timeout_seconds": 1,
    }
    yield estate
    containers.remove(project)
