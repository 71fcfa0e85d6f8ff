"""The watchdog of systemd: who is watched, and how often it hears of us."""

from __future__ import annotations

import math
import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from fraisier.web import systemd
from fraisier.web.systemd import Watchdog


def beats(environ: dict[str, str], at: list[float]) -> tuple[float, list[float]]:
    """What it wants to wait between two beats, and at which times of ``at`` something was said."""
    now, said = 0.0, []

    def tell(state: str) -> None:
        assert state == "WATCHDOG=1"
        said.append(now)

    watchdog = Watchdog(environ, tell=tell, clock=lambda: now)
    for now in at:  # noqa: B007 - the clock reads it
        watchdog.beat()
    return watchdog.seconds, said


def test_it_hears_of_us_twice_in_the_time_that_it_waits_and_no_oftener() -> None:
    at = [0.0, 0.4, 0.9, 1.0, 1.1, 1.9, 2.5, 3.4, 3.5]
    assert beats({"WATCHDOG_USEC": "2000000"}, at) == (1.0, [0.0, 1.0, 2.5, 3.5])


def test_it_hears_of_the_process_that_it_watches_alone() -> None:
    watched = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}
    assert beats(watched, [0.0]) == (1.0, [0.0])
    assert beats(watched | {"WATCHDOG_PID": str(os.getppid())}, [0.0, 99.0]) == (math.inf, [])


@pytest.mark.parametrize("asked", [None, "", "0", "-5", "soon", "1.5", "²"])
def test_nothing_is_said_when_nobody_has_asked_properly(asked: str | None) -> None:
    assert beats({} if asked is None else {"WATCHDOG_USEC": asked}, [0.0, 99.0]) == (math.inf, [])


@pytest.mark.parametrize("address", ["/nobody/is/here", "@nobody is here", f"/{'long' * 100}", "vsock:2:1234"])
def test_a_service_manager_that_is_gone_stops_nobody(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")
    assert list(tmp_path.iterdir()) == []


def test_a_service_manager_that_does_not_listen_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    monkeypatch.setattr(systemd, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", "notify")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending,
    ):
        manager.bind("notify")
        sending.setblocking(False)
        with suppress(BlockingIOError):
            while sending.sendto(b"of somebody else", "notify"):
                pass
        systemd.notify("READY=1")
        manager.setblocking(False)
        heard = []
        with suppress(BlockingIOError):
            while True:
                heard.append(manager.recv(100))
        assert set(heard) == {b"of somebody else"}
        systemd.notify("STOPPING=1")
        assert manager.recv(100) == b"STOPPING=1"
