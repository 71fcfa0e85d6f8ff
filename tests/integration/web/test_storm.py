"""Two thousand deliveries while workers are killed and the database restarts: each accepted one has its row, and the newest wins."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path

from fraisier.errors import LedgerError
from fraisier.record import queue, read
from fraisier.record.ledger import Ledger
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Status, Target
from tests.bench.pusher import Connection, requests
from tests.integration.engine.conftest import Workers, assert_never_two_at_once, rows_of, wait_for
from tests.integration.record.postgresql import PostgresServer
from tests.integration.web.conftest import SECRET
from tests.integration.web.test_serving import Served, served

DELIVERIES, CONNECTIONS, FRAISES = 2_000, 50, 5
BUSY_SECONDS = 0.3
"""So long a deployment of these workers takes."""
TARGETS = [Target(f"service{number}", "production") for number in range(FRAISES)]
FRAISE = """\
  service{number}:
    type: api
    git_repo: https://git.example.com/octo/my_api.git
    install: make
    health_check: {{url: "http://127.0.0.1:1/"}}
    service: {{manager: none}}
    hosts: [web1]
    environments:
      production: {{branch: main, app_path: /srv/{number}}}
"""


class Storm:
    """Fifty senders, each with a connection of its own; like the services, none of them sends a delivery a second time.

    They send no more than ``let`` says: so there is always something left to send while somebody waits for a worker to be at work.
    """

    def __init__(self, port: int) -> None:
        self.answers: Counter[int] = Counter()
        self.accepted: list[str] = []
        """Ids of the events that were answered with 202."""
        self._port = port
        self._numbers = count(1)
        self._may = threading.Condition()
        self._let = 0
        self._threads = [threading.Thread(target=self._send) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def let(self, number: int) -> None:
        """Let so many more be sent."""
        with self._may:
            self._let += number
            self._may.notify_all()

    def left(self) -> int:
        return DELIVERIES - self._let

    @property
    def sent(self) -> int:
        return sum(self.answers.values())

    def join(self) -> None:
        for thread in self._threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads)

    def _send(self) -> None:
        connection = Connection(self._port)
        with contextlib.closing(connection.socket):
            while (number := self._next()) is not None:
                (request,) = requests("/webhook", SECRET, number, 1)
                connection.send(request)
                while not (status := connection.status()):
                    pass
                with self._may:
                    self.answers[status] += 1
                    if status == 202:
                        self.accepted.append(json.loads(connection.got.partition(b"\r\n\r\n")[2])["event"])

    def _next(self) -> int | None:
        with self._may:
            number = next(self._numbers)
            self._may.wait_for(lambda: min(number, DELIVERIES) <= self._let, 120)
            return number if number <= DELIVERIES else None


def write_configuration(folder: Path) -> Path:
    path = folder / "fraises.yaml"
    fraises = "".join(FRAISE.format(number=number) for number in range(FRAISES))
    path.write_text('git:\n  github: {webhook_secret: "${SECRET}"}\nfraises:\n' + fraises)
    return path


def kill_one_that_works(workers: Workers, storm: Storm) -> None:
    """Kill -9 a worker in the middle of a deployment, and start another."""
    while True:
        storm.let(min(10, storm.left()))
        alive = {process.pid: process for process in workers.processes if process.poll() is None}
        ended = {note.id for note in workers.notes("end")}
        running = [note for note in workers.notes("begin") if note.id not in ended and note.pid in alive]
        if not running:
            time.sleep(0.05)
            continue
        victim = running[-1]
        alive[victim.pid].kill()
        alive[victim.pid].wait()
        workers.start(seconds=BUSY_SECONDS)
        if victim.id not in {note.id for note in workers.notes("end")}:
            return


def beginning(ledger: Ledger, row: Deployment) -> Deployment:
    """The deployment that was asked for, of one that goes on with it."""
    while before := row.details.get("continues"):
        found = read.deployment(ledger, before)
        assert found
        row = found
    return row


def is_quiet(ledger: Ledger) -> bool:
    try:
        return not queue.waiting(ledger) and not queue.held_targets(ledger) and not queue.cut_off(ledger)
    except LedgerError:
        return False


def weather_it(server: Served, workers: Workers, ledger: Ledger, *, restarts: PostgresServer | None) -> None:
    storm = Storm(server.port)
    storm.let(DELIVERIES // 4)
    kill_one_that_works(workers, storm)
    wait_for(lambda: storm.sent > DELIVERIES // 8, "it goes on")
    storm.let(DELIVERIES // 4)
    if restarts:
        restarts.restart("fast")
    kill_one_that_works(workers, storm)
    storm.let(storm.left())
    storm.join()
    wait_for(lambda: is_quiet(ledger), "everything was carried out", 120)

    assert storm.sent == DELIVERIES and set(storm.answers) <= {202, 503}, storm.answers
    assert storm.answers[503] == 0 or restarts, "only a database that is away refuses"
    rows = ledger.query("SELECT id, decision FROM tb_webhook_event ORDER BY pk_webhook_event")
    assert set(storm.accepted) <= {row["id"] for row in rows}, "an accepted delivery has its row"
    assert {row["decision"] for row in rows} == {"accepted"}
    for target in TARGETS:
        ended = [row for row in rows_of(ledger, target) if row.started_at]
        last = max(ended, key=lambda row: row.fencing)
        assert last.status is Status.SUCCESS
        assert beginning(ledger, last).details["delivery"] == rows[-1]["id"], "the newest push was deployed last"
    assert_never_two_at_once(ledger, TARGETS)
    lost = [row for target in TARGETS for row in rows_of(ledger, target) if row.status is Status.INTERRUPTED]
    assert len(lost) >= 2, "both killed workers were in the middle of a deployment"


def test_a_storm_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    with Ledger(sqlite_url) as ledger:
        storm_on(ledger, sqlite_url, tmp_path, workers_at_once=2)


def test_a_storm_on_postgresql_that_restarts(
    postgresql_url: str, postgresql_server: PostgresServer, tmp_path: Path
) -> None:
    with Ledger(postgresql_url) as ledger:
        storm_on(ledger, postgresql_url, tmp_path, workers_at_once=3, restarts=postgresql_server)


def storm_on(
    ledger: Ledger, url: str, folder: Path, *, workers_at_once: int, restarts: PostgresServer | None = None
) -> None:
    with ledger.transaction():
        pass  # the file is there before several processes look for it
    (folder / "workers").mkdir()
    workers = Workers(url, folder / "workers")
    try:
        for _ in range(workers_at_once):
            workers.start(seconds=BUSY_SECONDS)
        with served(write_configuration(folder), url, "--workers", "2") as server:
            weather_it(server, workers, ledger, restarts=restarts)
    finally:
        workers.end()
