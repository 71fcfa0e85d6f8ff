"""Keeps the server's processes: starts them, starts again what dies, ends them in order. One thread, no framework."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType

from fraisier.web.journal import say
from fraisier.web.systemd import Watchdog, notify

LOOK_SECONDS = 0.5
SHORTEST_LIFE_SECONDS = 5.0
"""What dies younger is started again after a pause, which doubles each time."""
LONGEST_PAUSE_SECONDS = 30.0
GRACE_SECONDS = 40.0
"""So long a server process may answer what it has begun when it is told to stop."""


@dataclass
class Child:
    """One kind of process that must always be there. ``start`` starts it; ``grace_seconds``: None waits for its end as long as it takes."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    grace_seconds: float | None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_seconds: float = 0.0
    next_start: float = 0.0

    def keep(self) -> None:
        """Start it when it is not there, as soon as it may be."""
        if self.process is not None and self.process.poll() is not None:
            lived = time.monotonic() - self.started_at
            is_young = lived < SHORTEST_LIFE_SECONDS
            self.pause_seconds = min(max(1.0, self.pause_seconds * 2), LONGEST_PAUSE_SECONDS) if is_young else 0.0
            self.next_start = time.monotonic() + self.pause_seconds
            say(
                logging.ERROR,
                "a process has died and is started again",
                process=self.name,
                code=self.process.returncode,
                pause_seconds=self.pause_seconds,
            )
            self.process = None
        if self.process is None and time.monotonic() >= self.next_start:
            self.process, self.started_at = self.start(), time.monotonic()

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, pause: Callable[[], None]) -> None:
        """Until it has ended; by force after its time of grace. ``pause`` returns after a while, or when something happens."""
        until = math.inf if self.grace_seconds is None else time.monotonic() + self.grace_seconds
        while self.process is not None and self.process.poll() is None:
            if time.monotonic() >= until:
                say(logging.ERROR, "a process does not end and is killed", process=self.name)
                self.process.kill()
                self.process.wait()
            else:
                pause()


class Stop:
    """SIGTERM and SIGINT as a flag that one can wait for; a second one ends the process at once."""

    def __init__(self) -> None:
        self.is_asked = False
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """While the block runs the signals are ours; so is SIGCHLD, which wakes us."""
        old = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in old.items():
                signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Until a signal comes, or so long."""
        select.select([self._reading], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reading, 4096)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.is_asked:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.is_asked = True


def supervise(servers: Sequence[Child], worker: Child | None, *, ready: int, is_ready: Callable[[], None]) -> None:
    """Keep the processes until SIGTERM or SIGINT. ``ready``: end of a pipe that every server process writes to when it accepts requests.

    The end: server processes finish what they answer, nobody new is accepted; then the worker finishes or hands over.
    """
    stop, watchdog = Stop(), Watchdog(os.environ)
    waiting = len(servers)

    def pause() -> None:
        watchdog.beat()
        stop.wait(min(0.05 if waiting else LOOK_SECONDS, watchdog.seconds))

    with stop.heard():
        while not stop.is_asked:
            for child in (*servers, *([worker] if worker else [])):
                child.keep()
            if waiting and (waiting := waiting - _written(ready)) <= 0:
                waiting = 0
                is_ready()
            pause()
        say(logging.INFO, "stopping: no new requests; what runs is finished")
        notify("STOPPING=1")
        for group in (servers, [worker] if worker else []):
            for child in group:
                child.stop()
            for child in group:
                child.wait(pause)


def _written(pipe: int) -> int:
    try:
        return len(os.read(pipe, 4096))
    except BlockingIOError:
        return 0


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not _is_address(host):
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(2048)
    except BaseException:
        found.close()
        raise
    return found


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return True
    return False


def with_parent(command: Sequence[str]) -> list[str]:
    """The command as a child that ends when this process is gone."""
    return [sys.executable, "-m", "fraisier.web.child", str(os.getpid()), "--", *command]
