"""Durable answers to webhooks a second, beside Debian's `webhook`, which verifies the same signature and stores nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fraisier.record.ledger import Ledger
from fraisier.record.migrate import migrate
from tests.bench.measure import Cost, WrongResult, interleaved, percentile, require
from tests.bench.recording import postgresql
from tests.bench.report import Figure, Section

SECRET = "a-secret-of-more-than-24-characters"
CONNECTIONS = 32
START_SECONDS = 30
PEER = "webhook"
FRAISES = """\
git: {github: {webhook_secret: "${SECRET}"}}
server: {reconcile_seconds: 0}
fraises:
  my_api:
    type: api
    git_repo: https://github.com/octo/my_api.git
    install: make
    health_check: {url: "http://127.0.0.1:1/"}
    service: {manager: none}
    hosts: [web1]
    environments: {production: {branch: main, app_path: /srv/a}}
"""


@dataclass
class Receiver:
    """Something that is pushed to. ``recorded`` counts its rows; None where it has none."""

    port: int
    path: str
    status: str
    recorded: Callable[[], int] | None = None
    latencies: list[float] = field(default_factory=list)
    sent: int = 0

    def push(self, count: int) -> Cost:
        """``count`` deliveries that it has never seen; refuses to give a figure when one of them has no row."""
        before = self.recorded() if self.recorded else 0
        command = [sys.executable, "-m", "tests.bench.pusher", "--port", str(self.port), "--path", self.path]
        command += ["--secret", SECRET, "--first", str(self.sent + 1), "--count", str(count)]
        done = subprocess.run(
            [*command, "--connections", str(CONNECTIONS)], capture_output=True, text=True, cwd=Path(__file__).parents[2]
        )
        require(done.returncode == 0, done.stderr)
        found = json.loads(done.stdout)
        require(found["answers"] == {self.status: count}, f"answers were {found['answers']}")
        require(self.recorded is None or self.recorded() - before == count, "an acknowledged delivery has no row")
        self.sent += count
        self.latencies += found["latencies"]
        return Cost(found["seconds"] / count, 0.0)


def benchmark(folder: Path, quick: bool) -> Section:
    """Every receiver in the same rounds; PostgreSQL and the peer where they are at hand."""
    count, rounds = (500, 3) if quick else (3_000, 7)
    with ExitStack() as stack:
        receivers: dict[str, Receiver] = {}
        if shutil.which(PEER):
            receivers["Debian's webhook, which only verifies"] = stack.enter_context(_peer(folder))
        url = f"sqlite:///{folder}/fraisier.db"
        for processes in (1, 2):
            receivers[f"SQLite, {_processes(processes)}"] = stack.enter_context(_ours(folder, url, processes))
        if server := stack.enter_context(postgresql(fsync=True)):
            for processes in (1, 2):
                receivers[f"PostgreSQL, {_processes(processes)}"] = stack.enter_context(
                    _ours(folder, server, processes)
                )
        found = interleaved(
            {name: lambda each=each: each.push(count) for name, each in receivers.items()}, rounds, seconds=240
        )
    figures = []
    peer = next(iter(receivers)) if len(receivers) in (3, 5) else ""
    for name, receiver in receivers.items():
        figures.append(Figure(f"{name}: answers", "1/s", [1 / seconds for seconds in found.wall(name)]))
        if peer and name != peer:
            ratios = [1 / ratio for ratio in found.wall_ratios(name, peer)]
            figures.append(Figure(f"{name}: beside Debian's webhook", "x", ratios, goal=1.0, at_least=True))
        figures.append(Figure(f"{name}: p99", "ms", [percentile(receiver.latencies, 99)]))
    missing = "" if peer else f"; `{PEER}` is not installed, so nothing stands beside them"
    compared = (
        f"signed pushes of 10 kB over {CONNECTIONS} connections, {count} in a round, client on the same machine; every 202 has a row"
        f" (SQLite synchronous FULL, PostgreSQL with fsync), counted after every round{missing}"
    )
    return Section("receive", compared, figures)


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


@contextmanager
def _ours(folder: Path, url: str, processes: int) -> Iterator[Receiver]:
    file = folder / "fraises.yaml"
    file.write_text(FRAISES)
    migrate(url)
    port = _free_port()
    environ = {**os.environ, "SECRET": SECRET, "FRAISIER_DATABASE_URL": url}
    command = [sys.executable, "-m", "fraisier", "--config", str(file), "serve", "--no-worker"]
    # A repository's rows are told apart by hook; here by what each server has been sent: ids begin where the last one ended.
    with (
        (folder / f"serve-{port}.log").open("wb") as log,
        _running([*command, "--port", str(port), "--workers", str(processes)], environ, log, port),
        Ledger(url) as ledger,
    ):

        def recorded() -> int:
            return int(ledger.query("SELECT count(*) AS number FROM tb_webhook_event")[0]["number"])

        receiver = Receiver(port, "/webhook", "202", recorded)
        receiver.sent = port * 10_000_000
        yield receiver


@contextmanager
def _peer(folder: Path) -> Iterator[Receiver]:
    """Two rules: the signature, and one that never holds, so that no command is started."""
    signature = {"source": "header", "name": "X-Hub-Signature-256"}
    rules = [
        {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": signature}},
        {"match": {"type": "value", "value": "never", "parameter": {"source": "payload", "name": "ref"}}},
    ]
    hook = {"id": "push", "execute-command": "/bin/true", "trigger-rule": {"and": rules}}
    file, port = folder / "hooks.json", _free_port()
    file.write_text(json.dumps([hook]))
    command = [PEER, "-hooks", str(file), "-ip", "127.0.0.1", "-port", str(port)]
    with (folder / "peer.log").open("wb") as log, _running(command, dict(os.environ), log, port):
        yield Receiver(port, "/hooks/push", "200")


@contextmanager
def _running(command: list[str], environ: dict[str, str], log: object, port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # type: ignore[call-overload]
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise WrongResult(f"{command[0]} does not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
