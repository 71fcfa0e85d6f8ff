"""`fraisier serve` as a process: it refuses, it serves, it stops, it is killed; what it has acknowledged stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pytest

from fraisier.record.ledger import Ledger
from tests.bench.measure import percentile
from tests.bench.pusher import Connection, requests
from tests.integration.web.conftest import ENVIRON, FRAISES, SECRET

DEADLINE_SECONDS = 60


class Served:
    """A server of its own, on a free port; ``environ``: what it finds there in addition."""

    def __init__(
        self, configuration: Path, database: str, *options: str, environ: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.log = configuration.with_name("serve.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "fraisier",
                    "--config",
                    configuration,
                    "serve",
                    "--no-worker",
                    "--port",
                    "0",
                    *options,
                ],
                env={**os.environ, **ENVIRON, "FRAISIER_DATABASE_URL": database, **environ},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    @cached_property
    def port(self) -> int:
        """Where it answers; waits until it does."""
        return int(str(self.said("ready")["port"]))

    def children(self) -> list[int]:
        """Its server processes that are there now, the oldest first."""
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def said(self, message: str) -> dict[str, object]:
        """The first line of the log with this message; waits for it."""
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            for line in self.log.read_text().splitlines():
                if line.startswith("{") and json.loads(line)["message"] == message:
                    return dict(json.loads(line))
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"never said: {message}\n{self.log.read_text()}")

    def get(self, path: str) -> tuple[int, str, dict[str, str]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=DEADLINE_SECONDS) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def served(
    configuration: Path, database: str, *options: str, environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Served]:
    with starting(configuration, database, *options, environ=environ) as server:
        assert server.port
        yield server


@contextmanager
def starting(
    configuration: Path, database: str, *options: str, environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Served]:
    """A server that is perhaps not ready yet."""
    server = Served(configuration, database, *options, environ=environ)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def push_until_it_dies(port: int, first: int, acknowledged: list[str]) -> None:
    """Pushes over one connection; the ids of the events that were answered with 202."""
    connection = Connection(port)
    with connection.socket, contextlib.suppress(OSError):
        for request in requests("/webhook", SECRET, first, 100_000):
            connection.send(request)
            while not (status := connection.status()):
                pass
            if status == 202:
                acknowledged.append(json.loads(connection.got.partition(b"\r\n\r\n")[2])["event"])


def test_without_any_secret_it_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "fraises.yaml"
    file.write_text(FRAISES[FRAISES.index("fraises:") :])
    done = subprocess.run(
        [sys.executable, "-m", "fraisier", "--config", file, "serve", "--port", "0"],
        env={**os.environ, "FRAISIER_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 3
    assert "no webhook has a secret, so nobody may call" in done.stderr


def test_a_port_that_is_taken_is_said(configuration: Path, sqlite_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "fraisier",
                "--config",
                configuration,
                "serve",
                "--port",
                str(taken.getsockname()[1]),
            ],
            env={**os.environ, **ENVIRON, "FRAISIER_DATABASE_URL": sqlite_url},
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
    assert (done.returncode, "cannot listen on 127.0.0.1 port" in done.stderr) == (2, True)


def test_it_says_how_it_is_and_nothing_of_itself(configuration: Path, sqlite_url: str) -> None:
    with served(configuration, sqlite_url) as server:
        status, text, headers = server.get("/health")
        assert (status, text) == (200, '{"status":"ok"}')
        assert "server" not in {name.lower() for name in headers}
        assert json.loads(server.get("/ready")[1]) == {
            "status": "ready",
            "database": "ok",
            "configuration": "ok",
            "hooks": 6,
        }
        assert "fraisier_deployments_waiting 0.0" in server.get("/metrics")[1]
        assert [server.get(path)[0] for path in ("/docs", "/openapi.json", "/redoc")] == [404, 404, 404]
        configuration.write_text("fraises: [")
        server.said("the last good configuration stays in force")
        assert json.loads(server.get("/ready")[1])["configuration"] == "outdated"
        configuration.write_text(FRAISES.replace("partner: {", "friend: {"))
        server.said("a new configuration is in force")
        ready = json.loads(server.get("/ready")[1])
        assert (ready["status"], ready["configuration"]) == ("ready", "ok")
        assert server.stop() == 0


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_under_load_it_has_a_row_for_every_delivery_that_it_acknowledged(
    configuration: Path, database_url: str, processes: int
) -> None:
    acknowledged: list[str] = []
    health: list[float] = []
    with served(configuration, database_url, "--workers", str(processes)) as server:
        threads = [
            threading.Thread(target=push_until_it_dies, args=(server.port, number * 1_000_000, acknowledged))
            for number in range(1, 9)
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + DEADLINE_SECONDS
        while len(acknowledged) < 300 and time.monotonic() < until:
            began = time.perf_counter()
            assert server.get("/health")[0] == 200
            health.append(time.perf_counter() - began)
        server.process.kill()
        for thread in threads:
            thread.join(DEADLINE_SECONDS)
    assert len(acknowledged) >= 300
    with Ledger(database_url) as ledger:
        rows = ledger.query("SELECT id, decision FROM tb_webhook_event")
        assert {row["decision"] for row in rows} == {"accepted"}
        assert set(acknowledged) <= {row["id"] for row in rows}
        assert len(ledger.query("SELECT id FROM tb_deployment WHERE status = 'pending'")) == 2
    assert percentile(health, 50) < 0.1


def test_told_to_stop_it_answers_what_it_has_begun(configuration: Path, sqlite_url: str) -> None:
    with served(configuration, sqlite_url, "--workers", "2") as server, contextlib.ExitStack() as stack:
        connection = Connection(server.port)
        stack.enter_context(connection.socket)
        (request,) = requests("/webhook", SECRET, 1, 1)
        connection.socket.sendall(request[:-100])
        assert server.get("/health")[0] == 200
        server.process.terminate()
        server.said("stopping: no new requests; what runs is finished")
        connection.send(request[-100:])
        while not (status := connection.status()):
            pass
        assert status == 202
        assert server.process.wait(DEADLINE_SECONDS) == 0
    with Ledger(sqlite_url) as ledger:
        assert len(ledger.query("SELECT id FROM tb_webhook_event")) == 1


def test_a_server_process_that_dies_is_started_again(configuration: Path, sqlite_url: str) -> None:
    with served(configuration, sqlite_url) as server:
        (child,) = server.children()
        os.kill(child, signal.SIGKILL)
        server.said("a process has died and is started again")
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            try:
                assert server.get("/health")[0] == 200
                break
            except OSError:
                time.sleep(0.05)
        assert server.stop() == 0
