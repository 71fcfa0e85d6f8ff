"""What the engine promises, the same on both databases: once, in order, never two at once, nothing lost."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from fraisier import engine
from fraisier.engine import due
from fraisier.engine.due import Limits, take
from fraisier.record import encode, queue, read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target, Trigger
from fraisier.work import Asked
from tests.integration.engine.conftest import Workers, assert_never_two_at_once, rows_of, wait_for

TARGET = Target("my_api", "production")


def push(ledger: Ledger, target: Target = TARGET, commit: int = 1, priority: int = 0) -> Deployment:
    asked = Asked("pusher", Trigger.WEBHOOK, commit=f"{commit:040x}")
    return engine.enqueue(ledger, target, asked, priority=priority)


def status_of(ledger: Ledger, row: Deployment) -> Status:
    found = read.deployment(ledger, row.id)
    assert found is not None
    return found.status


def is_quiet(ledger: Ledger) -> bool:
    return not queue.waiting(ledger) and not queue.held_targets(ledger)


def test_two_hundred_pushes_to_twenty_targets_end_with_the_newest_of_each(ledger: Ledger, workers: Workers) -> None:
    for _ in range(3):
        workers.start(seconds=0.05)
    targets = [Target(f"f{number}", "production") for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        for round_ in range(10):
            list(pool.map(lambda target, commit=round_: push(ledger, target, commit), targets))
    wait_for(lambda: is_quiet(ledger), "everything was carried out", 60)
    for target in targets:
        rows = rows_of(ledger, target)
        assert len(rows) == 10
        assert {row.status for row in rows} <= {Status.SUCCESS, Status.SUPERSEDED}
        assert rows[-1].status is Status.SUCCESS and rows[-1].git_commit == f"{9:040x}"
        assert all(row.fk_superseded_by for row in rows if row.status is Status.SUPERSEDED)
    assert_never_two_at_once(ledger, targets)
    begun = [note.id for note in workers.notes("begin")]
    assert len(begun) == len(set(begun)), "each was carried out once"


def test_twelve_pushes_while_one_runs_make_one_more(ledger: Ledger, workers: Workers) -> None:
    workers.start(seconds=1.5)
    push(ledger)
    wait_for(lambda: workers.notes("begin"), "it runs")
    for number in range(12):
        push(ledger, commit=number + 2)
    wait_for(lambda: is_quiet(ledger), "everything was carried out")
    assert [note.commit for note in workers.notes("begin")] == [f"{1:040x}", f"{13:040x}"]


def test_the_asking_and_its_doorbell_go_with_the_transaction(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="half way"), ledger.transaction():
        push(ledger)
        raise RuntimeError("half way")
    assert queue.waiting(ledger) == [] and doorbells(ledger) == 0
    with ledger.transaction():
        row = push(ledger)
        push(ledger, Target("other", "production"))
    assert row.id in [each.id for each in queue.waiting(ledger)]
    assert doorbells(ledger) == (2 if ledger.engine == "postgresql" else 0)


def doorbells(ledger: Ledger) -> int:
    if ledger.engine == "sqlite":
        return 0
    return int(ledger.query("SELECT count(*) AS n FROM procrastinate_jobs WHERE status = 'todo'")[0]["n"])


def test_many_at_once_are_one_row_per_target(ledger: Ledger) -> None:
    targets = [Target(f"f{number}", "production") for number in range(3)]
    asked = [Asked("pusher", Trigger.WEBHOOK, commit=f"{number:040x}") for number in range(30)]
    before = push(ledger, targets[0])
    wishes = [engine.Wish(targets[number % 3], each, git_branch="main") for number, each in enumerate(asked)]
    rows = engine.enqueue_many(ledger, wishes)
    assert [row.target for row in rows] == [wish.target for wish in wishes]
    assert {row.git_commit for row in rows} == {f"{number:040x}" for number in (27, 28, 29)}
    assert len({row.id for row in rows}) == 3 == len(queue.waiting(ledger))
    replaced = read.deployment(ledger, before.id)
    assert replaced is not None and replaced.fk_superseded_by == rows[0].pk


def test_a_push_whose_doorbell_is_answered_before_it_is_committed_is_not_lost(ledger: Ledger) -> None:
    """Whoever answers waits for the target's lock before it reads, and so finds the row."""
    push(ledger, commit=1)
    answered = threading.Event()
    found: list[Deployment | None] = []

    def answer() -> None:
        with Ledger(ledger.place.reveal() if ledger.engine == "postgresql" else str(ledger.place)) as other:
            answered.set()
            found.append(take(other, TARGET, Owner.here(), Limits()))

    with ledger.transaction():
        newer = push(ledger, commit=2)
        thread = threading.Thread(target=answer)
        thread.start()
        assert answered.wait(10)
        thread.join(0.5)
        assert found == [], "it waits"
    thread.join(30)
    assert [row.id for row in found if row] == [newer.id]


def test_a_lost_doorbell_is_made_up_for(ledger: Ledger, workers: Workers) -> None:
    row = write.request(ledger, TARGET, background=True)
    workers.start()
    wait_for(lambda: status_of(ledger, row) is Status.SUCCESS, "found without a ring")


def test_higher_priority_goes_first_then_older(ledger: Ledger, workers: Workers) -> None:
    priorities = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    for number, priority in enumerate(priorities):
        push(ledger, Target(f"f{number}", "production"), priority=priority)
    workers.start(concurrency=1, seconds=0.02)
    wait_for(lambda: is_quiet(ledger), "everything was carried out")
    order = [note.target for note in workers.notes("begin")]
    expected = sorted(range(10), key=lambda number: (-priorities[number], number))
    assert order == [f"f{number}/production" for number in expected]


@pytest.mark.parametrize(
    ("caps", "total", "production"), [({"total": 2}, 2, 2), ({"environments": {"production": 1}}, 6, 1)]
)
def test_caps_hold_over_all_workers(
    ledger: Ledger, workers: Workers, caps: dict[str, object], total: int, production: int
) -> None:
    for _ in range(3):
        workers.start(seconds=0.15, concurrency=4, **caps)
    targets = [Target(f"f{number}", ("production", "staging")[number % 2]) for number in range(12)]
    for number, target in enumerate(targets):
        push(ledger, target, number, priority=number)
    wait_for(lambda: is_quiet(ledger), "everything was carried out", 60)
    rows = [row for target in targets for row in rows_of(ledger, target)]
    assert [row.status for row in rows] == [Status.SUCCESS] * 12
    assert most_at_once(rows) <= total
    assert most_at_once([row for row in rows if row.target.environment == "production"]) <= production
    if production == 1:
        order = sorted(
            (row for row in rows if row.target.environment == "production"),
            key=lambda row: row.fencing and str(row.started_at),
        )
        assert all(before.priority > after.priority for before, after in pairwise(order)), "nobody is passed over"


def most_at_once(rows: list[Deployment]) -> int:
    moments = [(row.completed_at, -1) for row in rows] + [(row.started_at, 1) for row in rows]
    most = now = 0
    for _, step in sorted(moments, key=lambda each: (str(each[0]), each[1])):
        now += step
        most = max(most, now)
    return most


def test_what_waits_and_what_runs_can_be_cancelled(ledger: Ledger, workers: Workers) -> None:
    workers.start(holding=["my_api"])
    running = push(ledger, commit=1)
    wait_for(lambda: workers.notes("begin"), "it runs")
    waiting = push(ledger, commit=2)
    assert write.cancel(ledger, waiting.id).status is Status.CANCELLED
    write.cancel(ledger, running.id)
    wait_for(lambda: status_of(ledger, running) is Status.CANCELLED, "it has stopped")
    other = Target("other", "production")
    push(ledger, other)
    wait_for(lambda: is_quiet(ledger), "the worker goes on")
    assert [note.target for note in workers.notes("begin")] == [str(TARGET), str(other)]


def test_a_killed_worker_is_noticed_and_its_deployment_gone_on_with_before_the_newer_push(
    ledger: Ledger, workers: Workers
) -> None:
    first = workers.start(holding=["my_api"])
    lost = push(ledger, commit=1)
    wait_for(lambda: workers.notes("begin"), "it runs")
    newer = push(ledger, commit=2)
    workers.start(seconds=0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: status_of(ledger, lost) is Status.INTERRUPTED, "it is noticed", 10)
    wait_for(lambda: is_quiet(ledger) and not queue.cut_off(ledger), "everything was carried out")
    one, two, three = sorted(rows_of(ledger, TARGET), key=lambda row: row.fencing)
    assert [one.id, three.id] == [lost.id, newer.id]
    assert (two.status, three.status) == (Status.SUCCESS, Status.SUCCESS)
    assert (two.details["continues"], two.details["resumed"], two.git_commit) == (lost.id, 1, lost.git_commit)
    assert (two.trigger, two.actor, two.background) == (lost.trigger, lost.actor, True)
    assert_never_two_at_once(ledger, [TARGET])


def test_what_is_cut_off_again_and_again_is_left_to_people(ledger: Ledger, workers: Workers) -> None:
    push(ledger)
    for number in range(3):
        killed = workers.start(holding=["my_api"])
        wait_for(lambda number=number: len(workers.notes("begin")) > number, "it runs")
        killed.kill()
        killed.wait()
    workers.start()
    wait_for(lambda: [row.status for row in rows_of(ledger, TARGET)] == [Status.INTERRUPTED] * 3, "the last is noticed")
    wait_for(lambda: "fraisier resume my_api production" in workers.logs(), "it is told")
    wait_for(lambda: ledger.query("SELECT outcome FROM tb_audit_log WHERE action = 'resume'"), "it is on record")
    newer = push(ledger, commit=2)
    wait_for(lambda: status_of(ledger, newer) is Status.SUCCESS, "a new push goes on as always")
    assert len(workers.notes("begin")) == 4


def test_a_worker_whose_body_breaks_goes_on(ledger: Ledger, workers: Workers) -> None:
    workers.start(failing=["broken"])
    broken = push(ledger, Target("broken", "production"))
    wait_for(lambda: len(rows_of(ledger, broken.target)) == 3 and is_quiet(ledger), "tried again twice")
    row = rows_of(ledger, broken.target)[-1]
    assert (row.status, row.error_code) == (Status.INTERRUPTED, "DeploymentFailed")
    assert "this body is broken" in str(row.error_message)
    fine = push(ledger)
    wait_for(lambda: status_of(ledger, fine) is Status.SUCCESS, "the next one")


def test_a_frozen_worker_loses_its_deployment_and_cannot_write_over_it(ledger: Ledger, workers: Workers) -> None:
    frozen = workers.start(holding=["my_api"])
    lost = push(ledger)
    wait_for(lambda: workers.notes("begin"), "it runs")
    os.kill(frozen.pid, signal.SIGSTOP)
    other = workers.start(seconds=0.05)
    wait_for(lambda: status_of(ledger, lost) is Status.INTERRUPTED, "its lease has ended", 40)
    wait_for(lambda: is_quiet(ledger) and not queue.cut_off(ledger), "another one has gone on")
    os.kill(frozen.pid, signal.SIGCONT)
    wait_for(lambda: len(workers.notes("end")) == 2, "the frozen one has given up")
    assert [row.status for row in rows_of(ledger, TARGET)] == [Status.INTERRUPTED, Status.SUCCESS]
    other.terminate()
    assert other.wait(20) == 0
    later = push(ledger, commit=2)
    wait_for(lambda: status_of(ledger, later) is Status.SUCCESS, "and it works again, as nobody else is there")
    assert workers.notes("end")[-1].pid == frozen.pid
    assert_never_two_at_once(ledger, [TARGET])


def test_a_moment_of_the_clock_is_taken_by_one_of_three(ledger: Ledger, workers: Workers) -> None:
    """A schedule that was counted from long ago has missed moments: they are made up for once."""
    with ledger.transaction() as session:
        for name in ("a", "b", "c"):
            session.execute(
                "INSERT INTO tb_schedule_tick (fraise, environment, job, schedule, due_at)"
                " VALUES (:name, 'production', '', '0 3 * * * UTC', '2026-01-01T03:00:00.000000Z')",
                name=name,
            )
    clocks = {f"{name}/production": "0 3 * * *" for name in ("a", "b", "c", "new")}
    for _ in range(3):
        workers.start(clocks=clocks)
    wait_for(lambda: len(workers.notes("end")) == 3, "each was made up for")
    wait_for(lambda: len(ledger.query("SELECT 1 FROM tb_schedule_tick")) == 7, "the new one counts from now")
    push(ledger)
    wait_for(lambda: is_quiet(ledger), "the workers have looked again")
    assert sorted(note.target for note in workers.notes("begin")) == [
        "a/production",
        "b/production",
        "c/production",
        str(TARGET),
    ]
    row = rows_of(ledger, Target("a", "production"))[0]
    assert (row.trigger, row.actor, row.git_commit) == (Trigger.SCHEDULED, "schedule", None)


def test_a_worker_that_is_stopped_finishes_what_it_has_begun_and_takes_nothing_new(
    ledger: Ledger, workers: Workers
) -> None:
    process = workers.start(seconds=1.0)
    running = push(ledger)
    wait_for(lambda: workers.notes("begin"), "it runs")
    waiting = push(ledger, commit=2)
    process.terminate()
    assert process.wait(20) == 0
    assert (status_of(ledger, running), status_of(ledger, waiting)) == (Status.SUCCESS, Status.PENDING)
    assert not engine.carrier(ledger).is_served()
    workers.start()
    wait_for(lambda: status_of(ledger, waiting) is Status.SUCCESS, "the next worker does it")
    assert engine.carrier(ledger).is_served()


def test_processes_that_stand_in_line_are_left_to_themselves_and_tidied_up_when_gone(
    ledger: Ledger, workers: Workers
) -> None:
    mine = write.request(ledger, TARGET, asker=Owner.here())
    gone = write.request(ledger, Target("other", "production"), asker=replace(Owner.here(), started="1"))
    workers.start()
    wait_for(lambda: status_of(ledger, gone) is Status.CANCELLED, "its asker is gone")
    assert status_of(ledger, mine) is Status.PENDING
    newer = push(ledger)
    wait_for(lambda: status_of(ledger, newer) is Status.SUCCESS, "a push takes its place")
    assert status_of(ledger, mine) is Status.SUPERSEDED


def test_a_push_during_a_deployment_by_hand_is_carried_out_after_it(ledger: Ledger, workers: Workers) -> None:
    by_hand = write.claim(ledger, write.request(ledger, TARGET, asker=Owner.here()).id, Owner.here())
    workers.start()
    pushed = push(ledger)
    other = push(ledger, Target("other", "production"))
    wait_for(lambda: status_of(ledger, other) is Status.SUCCESS, "the worker works")
    assert status_of(ledger, pushed) is Status.PENDING
    write.finish(ledger, by_hand, Status.SUCCESS)
    wait_for(lambda: status_of(ledger, pushed) is Status.SUCCESS, "now it is its turn")
    assert_never_two_at_once(ledger, [TARGET])


def test_what_hosts_owe_is_settled_when_they_may_be_back_and_left_alone_for_longer_each_time(ledger: Ledger) -> None:
    first = write.claim(ledger, write.request(ledger, TARGET).id, Owner.here())
    write.record_host_release(ledger, TARGET, "web1", state="debt", release_id="R1", deployment=first)
    write.finish(ledger, first, Status.ROLLBACK_FAILED)
    now = datetime.now(UTC)
    assert due.owing(ledger, now) == []
    for attempt, wait in enumerate((60, 120, 240, 480, 600, 600), start=1):
        assert due.owing(ledger, datetime.now(UTC) + timedelta(seconds=wait - 5)) == []
        assert due.owing(ledger, datetime.now(UTC) + timedelta(seconds=wait + 5)) == [TARGET]
        assert take(ledger, TARGET, Owner.here(), Limits()) is None, "not yet"
        age(ledger, timedelta(seconds=wait + 5))
        row = take(ledger, TARGET, Owner.here(), Limits())
        assert row and row.kind is Kind.ROLLBACK and Asked.of(row).debts and row.details["attempt"] == attempt
        write.finish(ledger, row, Status.FAILED, details=row.details)
    age(ledger, timedelta(hours=1))
    pushed = push(ledger)
    taken = take(ledger, TARGET, Owner.here(), Limits())
    assert taken and taken.id == pushed.id, "what somebody asks for goes first"


def age(ledger: Ledger, by: timedelta) -> None:
    """Let everything have happened earlier."""
    with ledger.transaction() as session:
        for table, column in (("tb_host_release", "updated_at"), ("tb_deployment", "completed_at")):
            for row in session.execute(
                f"SELECT pk_{table[3:]} AS pk, {column} AS at FROM {table} WHERE {column} IS NOT NULL"
            ):
                at = encode.read_moment(row["at"])
                assert at
                session.execute(
                    f"UPDATE {table} SET {column} = :at WHERE pk_{table[3:]} = :pk",
                    at=encode.moment(at - by),
                    pk=row["pk"],
                )
