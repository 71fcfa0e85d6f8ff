from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.hosts.bed import Bed, why_not
from tests.hosts.database import Database
from tests.hosts.image import Image, NotBuilt
from tests.hosts.world import World

FAILED = pytest.StashKey[bool]()
REQUIRED = bool(os.environ.get("FRAISIER_HOSTS_REQUIRED") or (os.environ.get("CI") and os.geteuid() == 0))
"""Whether a machine without booted hosts is a failure instead of a skip; read before the environment is cleaned."""


@pytest.fixture(scope="session")
def bed_of_three() -> Iterator[Bed]:
    """One bed for all tests of this process; several processes have several beds."""
    reasons = why_not()
    try:
        if not reasons:
            Image().build()
    except NotBuilt as error:
        reasons = [str(error)]
    if reasons:
        (pytest.fail if REQUIRED else pytest.skip)("no booted hosts here: " + "; ".join(reasons))
    with Bed(3) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql(bed_of_three: Bed) -> Database:
    return Database(bed_of_three)


@pytest.fixture
def bed(bed_of_three: Bed) -> Bed:
    """h1, h2 and h3, on, with fresh disks."""
    bed_of_three.reset()
    return bed_of_three


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def world(bed: Bed, postgresql: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    found = World(bed, postgresql, tmp_path / "w")
    yield found
    if request.node.stash.get(FAILED, False):
        print(found.story())
    found.end()
