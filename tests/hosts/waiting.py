"""Waiting for a condition, and making a host wait for us."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.hosts.host import Host


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)
    return found


class Hold:
    """A host that stands still at a place of the deployment until it is told to go on."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def wait_until_reached(self, process: subprocess.Popen[str] | None = None) -> None:
        def reached() -> bool:
            assert process is None or process.poll() is None, process.communicate()
            return self.host.run("test", "-e", "/run/held", check=False).returncode == 0

        wait_for(reached, f"{self.host.name} is held")

    def go_on(self) -> None:
        self.host.run("touch", "/run/go")
