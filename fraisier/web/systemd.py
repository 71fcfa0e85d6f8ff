"""What systemd is told of the server (``sd_notify``), when it has asked for it: by NOTIFY_SOCKET, and by WATCHDOG_USEC."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""They are meant for the process that systemd started, and for none that it starts."""

PATIENCE_SECONDS = 1.0
"""So long a service manager that does not listen may hold us up."""


def notify(state: str) -> None:
    """Tell the service manager, when there is one that wants to know. That it cannot be told is no reason to stop serving."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(PATIENCE_SECONDS)
        channel.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


class Watchdog:
    """``beat`` says that we are alive, as often as it takes; ``seconds``: it wants to be called again after so long, infinite for never."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        tell: Callable[[str], None] = notify,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = _patience(environ) / 2  # the advice of sd_watchdog_enabled(3)
        self._tell, self._clock = tell, clock
        self._due = -math.inf if math.isfinite(self.seconds) else math.inf

    def beat(self) -> None:
        now = self._clock()
        if now >= self._due:
            self._due = now + self.seconds
            self._tell("WATCHDOG=1")


def _patience(environ: Mapping[str, str]) -> float:
    """After so many seconds of silence systemd ends us; infinite when it does not watch this very process."""
    asked, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not asked.isascii() or not asked.isdigit() or int(asked) == 0 or pid not in ("", str(os.getpid())):
        return math.inf
    return int(asked) / 1_000_000
