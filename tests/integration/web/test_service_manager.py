"""`fraisier serve` under a service manager: what it is told, by whom and when; and that it need not be there."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.pusher import Connection, requests
from tests.integration.web.conftest import SECRET
from tests.integration.web.test_serving import DEADLINE_SECONDS, Served, served, starting

WATCHED = {"WATCHDOG_USEC": "400000"}


class Manager:
    """The other end of NOTIFY_SOCKET: a datagram socket that also learns from the kernel who has sent."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self.heard: list[tuple[int, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def hears(self, seconds: float = DEADLINE_SECONDS) -> str:
        """The next message; empty when none comes in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return ""
        text, about, *_ = self.socket.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
        ((_, _, credentials),) = about
        self.heard.append((struct.unpack("3i", credentials)[0], text.decode()))
        return self.heard[-1][1]

    def hears_after_beats(self) -> str:
        """The next message that is no beat."""
        while (state := self.hears()) == "WATCHDOG=1":
            pass
        return state


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest) -> Iterator[Manager]:
    # Not pytest's folder: the name of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory() as folder:
        found = Manager(f"{folder}/notify" if request.param == "path" else f"@fraisier-test-{uuid.uuid4()}")
        with found.socket:
            yield found


on_a_path = pytest.mark.parametrize("manager", ["path"], indirect=True)


@pytest.mark.parametrize("processes", [1, 2])
def test_it_is_told_once_that_the_server_answers_and_once_that_it_stops(
    configuration: Path, sqlite_url: str, manager: Manager, processes: int
) -> None:
    with starting(configuration, sqlite_url, "--workers", str(processes), environ=manager.environ) as server:
        assert manager.hears() == "READY=1"
        assert server.get("/health")[0] == 200
        assert server.stop() == 0
        assert manager.hears() == "STOPPING=1"
        assert manager.hears(0) == ""
        assert {pid for pid, _ in manager.heard} == {server.process.pid}, "NotifyAccess=main hears nobody else"


HELD_UP = """\
import sys, time
from pathlib import Path
words = sys.orig_argv
if "fraisier.web.process" in words and "--reconcile" not in words:
    while not Path({gate!r}).exists():
        time.sleep(0.02)
"""


@on_a_path
def test_ready_is_said_when_every_process_answers_and_not_before(
    configuration: Path, sqlite_url: str, manager: Manager, tmp_path: Path
) -> None:
    """The interpreter of the second process is held up at its start, whatever the machine does meanwhile."""
    gate = tmp_path / "gate"
    (tmp_path / "sitecustomize.py").write_text(HELD_UP.format(gate=str(gate)))
    environ = manager.environ | {"PYTHONPATH": str(tmp_path)}
    with starting(configuration, sqlite_url, "--workers", "2", environ=environ) as server:
        started(server, 2)
        server.port = listening_port(server.process.pid)
        assert server.get("/health")[0] == 200, "the first is there"
        assert manager.hears(0.3) == ""
        gate.touch()
        assert manager.hears() == "READY=1"


@on_a_path
def test_one_that_is_started_again_says_nothing(configuration: Path, sqlite_url: str, manager: Manager) -> None:
    with served(configuration, sqlite_url, environ=manager.environ) as server:
        assert manager.hears() == "READY=1"
        os.kill(server.children()[0], signal.SIGKILL)
        server.said("a process has died and is started again")
        assert server.get("/health")[0] == 200
        assert server.stop() == 0
        assert (manager.hears(), manager.hears(0)) == ("STOPPING=1", "")


@on_a_path
def test_the_watchdog_hears_of_the_server_until_its_last_answer(
    configuration: Path, sqlite_url: str, manager: Manager
) -> None:
    (request,) = requests("/webhook", SECRET, 1, 1)
    with (
        served(configuration, sqlite_url, environ=manager.environ | WATCHED) as server,
        contextlib.closing(Connection(server.port).socket) as sending,
    ):
        assert manager.hears_after_beats() == "READY=1"
        assert [manager.hears() for _ in range(3)] == ["WATCHDOG=1"] * 3
        sending.sendall(request[:-100])
        assert server.get("/health")[0] == 200
        server.process.terminate()
        assert manager.hears_after_beats() == "STOPPING=1"
        assert [manager.hears() for _ in range(3)] == ["WATCHDOG=1"] * 3, "it still answers"
        sending.sendall(request[-100:])
        assert sending.recv(4096).startswith(b"HTTP/1.1 202")
        assert server.process.wait(DEADLINE_SECONDS) == 0
        assert {pid for pid, _ in manager.heard} == {server.process.pid}


@on_a_path
def test_nothing_is_said_to_who_has_not_asked(configuration: Path, sqlite_url: str, manager: Manager) -> None:
    with served(configuration, sqlite_url, environ=WATCHED) as server:
        assert server.stop() == 0
        assert [line for line in server.log.read_text().splitlines() if '"level":"error"' in line] == []
    assert manager.hears(0) == ""


@on_a_path
def test_what_is_meant_for_the_server_is_not_handed_on(configuration: Path, sqlite_url: str, manager: Manager) -> None:
    with served(configuration, sqlite_url, environ=manager.environ | WATCHED | {"WATCHDOG_PID": "1"}) as server:
        (child,) = server.children()
        names = {name.partition(b"=")[0] for name in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")}
    assert b"FRAISIER_DATABASE_URL" in names
    assert not names & {b"NOTIFY_SOCKET", b"WATCHDOG_USEC", b"WATCHDOG_PID"}


def started(server: Served, number: int) -> list[int]:
    """So many server processes, as soon as they are there: long before they answer."""
    until = time.monotonic() + DEADLINE_SECONDS
    while len(found := server.children()) < number:
        assert time.monotonic() < until
        time.sleep(0.005)
    return found


def listening_port(pid: int) -> int:
    """The port that a process listens on, though it does not say so yet."""
    links = [str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir()]
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in links:
            return int(local.rpartition(":")[2], 16)
    raise AssertionError("it does not listen")
