"""Workers fetch what timers have run: each run once, from the files that jobs leave on their hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fraisier.engine import ticks
from fraisier.engine.gather import Gatherer
from fraisier.engine.source import Source
from fraisier.engine.work import work
from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Status, Target, Trigger
from tests.acceptance.world import wait_for

ORDERS = Target("orders", "production", "run")
CONFIG = """\
engine: {{collect_seconds: {seconds}}}
fraises:
  orders:
    type: etl
    git_repo: /srv/orders.git
    connection: local
    script: import.sh
    schedule: "0 3 * * *"
    environments:
      production: {{app_path: {app}}}
"""
RUN = """\
job run
invocation {invocation}
begun {begun}
ended {ended}
release 20260101T000000Z-0123456789ab-exampl
result {result}
status {status}
log moved 3 orders
"""


def left_behind(app: Path, *, ended: int, invocation: str, status: int = 0) -> None:
    """The record of a run, as its unit leaves it."""
    runs = app / ".fraisier" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    result = "exit-code" if status else "success"
    text = RUN.format(invocation=invocation, begun=ended - 4.5, ended=f"{ended}.0", result=result, status=status)
    (runs / f"run@{ended}@{invocation}.run").write_text(text)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "fraises.yaml"
    path.write_text(CONFIG.format(seconds=1, app=tmp_path / "app"))
    return Source(path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})


@pytest.fixture
def at_work(sqlite_url: str, source: Source) -> Iterator[Ledger]:
    stop = threading.Event()
    with Ledger(sqlite_url) as ledger, ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work, ledger, source, stop)
        yield ledger
        stop.set()
        assert worker.result(60), "it had ended all that it had begun"


def test_runs_of_timers_come_into_history_while_a_worker_works(at_work: Ledger, tmp_path: Path) -> None:
    left_behind(tmp_path / "app", ended=1_790_000_000, invocation="a1")
    wait_for(lambda: len(read.history(at_work)) == 1, "the run is in history", 60)
    left_behind(tmp_path / "app", ended=1_790_000_060, invocation="b2", status=3)
    wait_for(lambda: len(read.history(at_work)) == 2, "so is the next one", 60)
    failed, good = read.history(at_work)
    assert (good.target, good.status, good.trigger, good.duration_seconds) == (
        ORDERS,
        Status.SUCCESS,
        Trigger.SCHEDULED,
        4.5,
    )
    assert failed.error_message == "localhost: the job run ended with 3; its last line: moved 3 orders"


def test_it_may_be_left_to_people(sqlite_url: str, source: Source, tmp_path: Path) -> None:
    left_behind(tmp_path / "app", ended=1_790_000_000, invocation="a1")
    Path(source.path).write_text(CONFIG.format(seconds=0, app=tmp_path / "app"))
    with Ledger(sqlite_url) as ledger:
        Gatherer(ledger, source, threading.Event()).look()
        assert read.history(ledger) == []


def test_of_several_workers_one_asks(database_url: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ledgers = [Ledger(database_url) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            turns = list(pool.map(lambda each: ticks.take_turn(each, ORDERS, "collect", moment), ledgers))
        assert sorted(turns) == [False, False, False, True]
        assert not ticks.take_turn(ledgers[0], ORDERS, "collect", moment)
        assert ticks.take_turn(ledgers[0], ORDERS, "collect", moment.replace(day=3))
        assert len(ledgers[0].query("SELECT 1 FROM tb_schedule_tick")) == 1, "what is long past is forgotten"
    finally:
        for ledger in ledgers:
            ledger.close()
