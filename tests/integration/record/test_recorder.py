"""The recorder on both engines: everything, in order, and no waiting for the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fraisier.errors import LedgerError
from fraisier.record import read, recorder, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Event, EventKind, Status, Target

NASTY = "ñ ☕ 🚀 \x00 \ud83d \x1b[31m \u2028 " + "x" * 1_000_000 + "the end"


def event(number: int, kind: EventKind = EventKind.OK, **more: Any) -> Event:
    return Event(
        kind,
        time=1_795_000_000 + number / 1_000,
        sequence=number,
        phase="fetch",
        host="web1",
        task=f"task {number}",
        **more,
    )


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def deployment(ledger: Ledger, target: Target) -> Deployment:
    return write.claim(ledger, write.request(ledger, target).id, Owner.here())


def test_events_of_several_runs_are_numbered_in_the_order_in_which_they_came(
    ledger: Ledger, deployment: Deployment
) -> None:
    for run, numbers in (("deploy", range(1_500)), ("compensate", range(1_500, 1_510))):
        with Recorder(ledger, deployment, run) as recording:
            for number in numbers:
                recording.put(event(number))
        assert recording.recorded == len(numbers) and recording.left_out == 0
    found = read.events(ledger, deployment, limit=10_000)
    assert [row.sequence for row in found] == list(range(1, 1_511))
    assert [row.task for row in found] == [f"task {number}" for number in range(1_510)]
    assert [row.run for row in found] == ["deploy"] * 1_500 + ["compensate"] * 10
    assert [row.sequence for row in read.events(ledger, deployment, after=1_508)] == [1_509, 1_510]


def test_a_failure_is_kept_with_its_tails_and_bounded_data(ledger: Ledger, deployment: Deployment) -> None:
    result = {
        "stdout": NASTY,
        "stderr": "é" * 10_000,
        "rc": 1,
        "big": NASTY,
        "nested": {"\x00key": [NASTY]},
        "stdout_lines": ["twice"],
    }
    with Recorder(ledger, deployment) as recording:
        recording.put(event(1, EventKind.FAILED, message=NASTY, result=result, duration=0.25))
        recording.put(event(2, EventKind.FAILED, ignored=True))
        recording.put(event(3, changed=True, result={"stdout": "quiet", "changed": True}))
    failed, ignored, changed = read.events(ledger, deployment)
    assert (failed.status, ignored.status, changed.status, changed.changed) == ("failed", "ignored", "changed", True)
    assert (
        failed.message.endswith("the end") and len(failed.message) == len(failed.stdout) == len(failed.stderr) == 4_000
    )
    assert (
        failed.data["rc"] == 1
        and failed.data["_trimmed"] is True
        and failed.data["nested"]["key"][0].endswith("the end")
    )
    assert not {"stdout", "stderr", "stdout_lines"} & set(failed.data)
    assert (changed.stdout, changed.data) == ("", {"stdout": "quiet", "changed": True})
    assert failed.duration_seconds == 0.25 and failed.created_at.timestamp() == 1_795_000_000.001


def test_text_that_no_database_takes_is_cleaned_everywhere(ledger: Ledger, target: Target) -> None:
    deployment = write.request(ledger, target, actor=NASTY, git_branch="\x00\udcff🚀", details={NASTY[:20]: NASTY})
    found = read.deployment(ledger, deployment.id)
    assert found is not None
    clean = NASTY.replace("\x00", "").replace("\ud83d", "")
    assert (found.actor, found.git_branch, list(found.details.values())) == (clean, "🚀", [clean])


def test_failures_and_the_recap_are_written_at_once(
    ledger: Ledger, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "BATCH_SECONDS", 60.0)
    with Recorder(ledger, deployment) as recording:
        recording.put(event(1))
        recording.put(event(2, EventKind.STATS, result={"web1": {"ok": 1}}))
        until(lambda: len(read.events(ledger, deployment)) == 2)
        recording.put(event(3, EventKind.UNREACHABLE))
        until(lambda: len(read.events(ledger, deployment)) == 3)


def test_quiet_events_follow_within_a_moment(ledger: Ledger, deployment: Deployment) -> None:
    with Recorder(ledger, deployment) as recording:
        recording.put(event(1))
        until(lambda: read.events(ledger, deployment), seconds=5)


def test_the_status_that_follows_finds_its_events_recorded(ledger: Ledger, deployment: Deployment) -> None:
    with Recorder(ledger, deployment) as recording:
        for number in range(10):
            recording.put(event(number))
    assert write.finish(ledger, deployment, Status.SUCCESS)
    assert len(read.events(ledger, deployment)) == 10


def test_a_recorder_without_events_leaves_nothing(ledger: Ledger, deployment: Deployment) -> None:
    assert Recorder(ledger, deployment).close() == 0


@pytest.fixture
def away(ledger: Ledger) -> Iterator[threading.Event]:
    """Holds the write lock (or the table) until it is set: a database that does not answer."""
    back = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with (
            Ledger(ledger.place.reveal() if ledger.engine == "postgresql" else str(ledger.place)) as other,
            other.transaction() as session,
        ):
            if ledger.engine == "postgresql":
                session.execute("LOCK TABLE tb_deployment_event IN ACCESS EXCLUSIVE MODE")
            held.set()
            back.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    yield back
    back.set()
    thread.join()


def test_the_run_does_not_wait_and_the_gap_says_its_size(
    ledger: Ledger, deployment: Deployment, away: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "WAITING", 100)
    recording = Recorder(ledger, deployment)
    started = time.monotonic()
    for number in range(5_000):
        recording.put(event(number))
    recording.put(event(5_000, EventKind.FAILED))
    assert time.monotonic() - started < 5
    assert recording.left_out > 0
    away.set()
    recording.close()
    found = read.events(ledger, deployment, limit=10_000)
    assert "5000" in {row.task.removeprefix("task ") for row in found if row.event is EventKind.FAILED}
    gaps = [int(row.message.split()[0]) for row in found if row.event is EventKind.OUTPUT]
    assert sum(gaps) == recording.left_out == 5_001 - (len(found) - len(gaps))
    numbers = [int(row.task.removeprefix("task ")) for row in found if row.task]
    assert numbers == sorted(numbers)


def test_what_cannot_be_written_is_said_at_the_end(ledger: Ledger, deployment: Deployment) -> None:
    write.finish(ledger, deployment, Status.FAILED)
    for _ in range(11):
        write.finish(
            ledger, write.claim(ledger, write.request(ledger, deployment.target).id, Owner.here()), Status.SUCCESS
        )
    write.prune(ledger, keep_days=0)
    recording = Recorder(ledger, deployment)
    recording.put(event(1, EventKind.FAILED))
    until(lambda: recording.is_broken)
    recording.put(event(2))
    with pytest.raises(LedgerError, match=r"my_api/production: deployment .* only 0 events"):
        recording.close()
