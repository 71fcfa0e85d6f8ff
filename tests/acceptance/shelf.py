"""Worlds in which something is deployed already: made once in each test process by the `fraisier` command, and copied for every test that
begins there.

What a deployment leaves is full of absolute paths and of ports: so all copies stand in one place, one after the other, and the services
that were running when a world was put away are started in it again, as after a reboot. Their processes are then not the ones that the
deployment has noted: a test that wants a service left alone where a run comes to its restart deploys for itself.
"""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.acceptance.world import World, end_services, wait_for

T = TypeVar("T")


class Shelf:
    def __init__(self, root: Path, supervisor: Path) -> None:
        self.place = root / "w"
        self._root = root
        self._supervisor = supervisor
        self._kept: dict[str, Any] = {}

    def new_world(self) -> World:
        return World(self.place, self._supervisor)

    @contextmanager
    def lent(self, name: str, make: Callable[[], T], leave_at: Path) -> Iterator[T]:
        """A copy of what ``make`` has made in ``place``; in the end its folder is left at ``leave_at``, where pytest keeps it."""
        try:
            yield self.take(name, make)
        finally:
            end_services(self.place)
            self.place.rename(leave_at)

    def take(self, name: str, make: Callable[[], T]) -> T:
        """As ``lent``, for who makes the next one of it."""
        if name not in self._kept:
            made = make()
            end_services(self.place)
            self.place.rename(self._root / name)
            self._kept[name] = made
        shutil.copytree(self._root / name, self.place, symlinks=True)
        for conf in self.place.glob("host/*/supervisor/supervisord.conf"):
            start_services(self._supervisor, conf)
        found: T = copy.deepcopy(self._kept[name])
        return found

    def deployed(self, versions: int) -> World:
        """A world in which so many versions were deployed, one after the other, each with its migration; the last one serves."""
        if versions == 1:
            world = self.new_world()
        else:
            world = self.take(f"deployed-{versions - 1}", lambda: self.deployed(versions - 1))
            world.release(versions)
        assert world.deploy()["status"] == "success"
        return world


def start_services(supervisor: Path, conf: Path) -> None:
    """Start supervisord as Fraisier does, and wait until it counts all its programs as running."""
    log = conf.parent / "log/supervisord.log"
    seen = log.stat().st_size
    environ = {"HOME": "/", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    subprocess.run([supervisor / "bin/supervisord", "-c", conf], cwd=conf.parent, env=environ, check=True)
    names = [path.stem for path in (conf.parent / "conf.d").iterdir()]

    def are_running() -> bool:
        said = log.read_bytes()[seen:].decode()
        return all(f"{name} entered RUNNING state" in said for name in names)

    wait_for(are_running, f"{names} run again")
