"""The life of a deployment in the ledger, on both engines."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fraisier.errors import DeploymentCancelled, HealthCheckFailed, TargetLocked, UsageError
from fraisier.record import encode, queue, read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target, Trigger

HERE = Owner.here()
ELSEWHERE = Owner("another-machine", 4711, "boot", "12345")
TWIN = """
INSERT INTO tb_deployment (id, fraise, environment, kind, status, trigger, requested_at, requested_on)
VALUES (:id, 'f', 'e', 'deploy', 'failed', 'api', '2026-01-01T00:00:00.000000Z', '2026-01-01')
"""


def claimed(ledger: Ledger, target: Target, owner: Owner = HERE, *, kind: Kind = Kind.DEPLOY) -> Deployment:
    return write.claim(ledger, write.request(ledger, target, kind=kind).id, owner)


def deployed(
    ledger: Ledger, target: Target, release_id: str, *, left: str = "", kind: Kind = Kind.DEPLOY
) -> Deployment:
    deployment = claimed(ledger, target, kind=kind)
    assert write.set_plan(
        ledger, deployment, release_id=release_id, new_version=release_id.lower() * 20, old_release_id=left
    )
    assert write.finish(ledger, deployment, Status.SUCCESS, schema_after=f"schema of {release_id}")
    return deployment


def test_request_keeps_everything_that_was_asked(ledger: Ledger, target: Target) -> None:
    first = write.request(ledger, target)
    asked = write.request(
        ledger,
        target,
        kind=Kind.ROLLBACK,
        trigger=Trigger.WEBHOOK,
        actor="ann",
        priority=5,
        git_repo="https://git.example.com/app.git",
        git_branch="main",
        git_commit="a" * 40,
        forced=True,
        retry_of=first,
        details={"reason": "müde ☕"},
    )
    found = read.deployment(ledger, asked.id)
    assert found == asked
    assert (asked.kind, asked.trigger, asked.actor, asked.priority, asked.forced) == (
        Kind.ROLLBACK,
        Trigger.WEBHOOK,
        "ann",
        5,
        True,
    )
    assert asked.details == {"reason": "müde ☕"}
    assert asked.fk_retry_of == first.pk
    assert asked.requested_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - asked.requested_at) < timedelta(minutes=1)
    assert len(asked.id) == 36 and asked.id.count("-") == 4


def test_twelve_requests_leave_one_pending_and_eleven_that_name_their_successor(ledger: Ledger, target: Target) -> None:
    with ThreadPoolExecutor(12) as pool:
        asked = list(pool.map(lambda number: write.request(ledger, target, actor=f"actor {number}"), range(12)))
    rows = read.last_deployments(ledger, target, limit=50)
    assert [row.status for row in sorted(rows, key=lambda row: row.pk)] == [Status.SUPERSEDED] * 11 + [Status.PENDING]
    by_pk = {row.pk: row for row in rows}
    assert all(
        row.fk_superseded_by in by_pk and row.fk_superseded_by > row.pk
        for row in rows
        if row.status is Status.SUPERSEDED
    )
    assert {row.pk for row in asked} == set(by_pk)


def test_targets_do_not_disturb_each_other(ledger: Ledger, target: Target) -> None:
    other = dataclasses.replace(target, job="nightly")
    assert claimed(ledger, target).status is Status.IN_PROGRESS
    assert claimed(ledger, other).status is Status.IN_PROGRESS
    assert [row.target for row in read.running(ledger)] == [target, other]


def test_claim_refuses_a_held_target_and_names_the_holder(ledger: Ledger, target: Target) -> None:
    held = write.claim(ledger, write.request(ledger, target, actor="ann").id, ELSEWHERE)
    waiting = write.request(ledger, target, actor="bob", background=True)
    with pytest.raises(TargetLocked, match=rf"my_api/production.*{held.id}.*ann.*4711 on another-machine"):
        write.claim(ledger, waiting.id, HERE)
    with pytest.raises(TargetLocked):
        write.claim_next(ledger, target, HERE)
    assert read.deployment(ledger, waiting.id) == waiting


def test_claim_numbers_rise_for_ever_even_past_a_pruning(ledger: Ledger, target: Target) -> None:
    numbers = []
    for _ in range(3):
        deployment = claimed(ledger, target)
        numbers.append(deployment.fencing)
        assert write.finish(ledger, deployment, Status.FAILED)
        write.prune(ledger, keep_days=0)
    assert numbers == [1, 2, 3]


def test_claim_of_what_no_longer_waits_says_why(ledger: Ledger, target: Target) -> None:
    old = write.request(ledger, target)
    new = write.request(ledger, target)
    with pytest.raises(DeploymentCancelled, match=f"superseded by {new.id}"):
        write.claim(ledger, old.id, HERE)
    write.cancel(ledger, new.id, actor="ann")
    with pytest.raises(DeploymentCancelled, match="cancelled by ann"):
        write.claim(ledger, new.id, HERE)
    done = deployed(ledger, target, "R1")
    with pytest.raises(UsageError, match="success already"):
        write.claim(ledger, done.id, HERE)
    with pytest.raises(UsageError, match="no deployment"):
        write.claim(ledger, "00000000-0000-4000-8000-000000000000", HERE)


def test_claim_next_finds_nothing_when_the_bell_rings_twice(ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target, background=True)
    found = write.claim_next(ledger, target, HERE)
    assert found is not None and found.id == asked.id and found.owner == HERE
    write.finish(ledger, found, Status.SUCCESS)
    assert write.claim_next(ledger, target, HERE) is None


def test_plan_and_result_are_on_the_row(ledger: Ledger, target: Target) -> None:
    deployment = claimed(ledger, target)
    plan = {"hosts": ["web1"], "secret": {"reference": "${TOKEN}"}}
    assert write.set_plan(
        ledger, deployment, plan=plan, plan_hash="p", config_hash="c", old_version="a", new_version="b"
    )
    assert write.finish(
        ledger,
        deployment,
        Status.FAILED,
        error=HealthCheckFailed("web1: no answer", hint="look"),
        schema_after="7",
        details={"host": "web1"},
    )
    row = read.deployment(ledger, deployment.id)
    assert row is not None
    assert (row.plan, row.plan_hash, row.config_hash, row.old_version, row.new_version) == (plan, "p", "c", "a", "b")
    assert (row.error_code, row.error_message) == ("HealthCheckFailed", "web1: no answer\n  look")
    assert (row.schema_after, row.details) == ("7", {"host": "web1"})
    assert row.completed_at is not None and row.started_at is not None and row.duration_seconds is not None
    assert row.duration_seconds == pytest.approx((row.completed_at - row.started_at).total_seconds(), abs=1e-6)


def test_a_zombie_changes_nothing(ledger: Ledger, target: Target) -> None:
    zombie = claimed(ledger, target, ELSEWHERE)
    assert [row.id for row in write.interrupt_orphans(ledger, target, lambda _: False)] == [zombie.id]
    successor = claimed(ledger, target)
    assert not write.finish(ledger, zombie, Status.SUCCESS)
    assert not write.heartbeat(ledger, zombie)
    assert not write.set_plan(ledger, zombie, new_version="stale")
    assert read.running(ledger, target) == [successor]
    row = read.deployment(ledger, zombie.id)
    assert row is not None
    assert (row.status, row.error_code, row.new_version) == (Status.INTERRUPTED, "WorkerLost", "")


def test_finish_may_be_tried_again_when_its_answer_was_lost(ledger: Ledger, target: Target) -> None:
    deployment = claimed(ledger, target)
    assert write.finish(ledger, deployment, Status.SUCCESS)
    first = read.deployment(ledger, deployment.id)
    assert write.finish(ledger, deployment, Status.SUCCESS)
    assert not write.finish(ledger, deployment, Status.FAILED)
    assert read.deployment(ledger, deployment.id) == first


def test_finish_needs_a_final_status(ledger: Ledger, target: Target) -> None:
    with pytest.raises(ValueError, match="not final"):
        write.finish(ledger, claimed(ledger, target), Status.PENDING)
    with pytest.raises(TypeError, match="colour"):
        write.set_plan(ledger, read.running(ledger, target)[0], colour="red")


def test_cancel_of_a_running_one_asks_its_holder(ledger: Ledger, target: Target) -> None:
    deployment = claimed(ledger, target)
    assert not read.is_cancel_requested(ledger, deployment)
    assert write.cancel(ledger, deployment.id[:8]).status is Status.IN_PROGRESS
    assert read.is_cancel_requested(ledger, deployment)
    assert write.finish(ledger, deployment, Status.CANCELLED)
    assert write.cancel(ledger, deployment.id).status is Status.CANCELLED


@pytest.mark.parametrize("owner", [ELSEWHERE, HERE], ids=["elsewhere", "frozen here"])
def test_a_holder_that_is_silent_for_longer_than_the_lease_is_given_up(
    ledger: Ledger, target: Target, owner: Owner
) -> None:
    deployment = claimed(ledger, target, owner)
    assert write.interrupt_orphans(ledger) == []
    with ledger.transaction() as session:
        long_ago = (session.now() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        session.execute("UPDATE tb_deployment SET heartbeat_at = :at", at=long_ago)
    assert [row.id for row in write.interrupt_orphans(ledger)] == [deployment.id]


def test_the_living_are_left_alone_and_a_reused_pid_is_not_the_owner(ledger: Ledger, target: Target) -> None:
    claimed(ledger, target, HERE)
    assert write.interrupt_orphans(ledger) == []
    other = Target("other", "production")
    reused = claimed(ledger, other, dataclasses.replace(HERE, started="1"))
    assert [row.id for row in write.interrupt_orphans(ledger)] == [reused.id]


def test_rollback_goes_back_step_by_step_and_never_to_what_was_left(ledger: Ledger, target: Target) -> None:
    assert read.current_release(ledger, target) is None
    assert read.previous_good(ledger, target) is None
    for release_id in ("R1", "R2", "R3"):
        deployed(ledger, target, release_id)
    failed = claimed(ledger, target)
    write.set_plan(ledger, failed, release_id="R4")
    write.finish(ledger, failed, Status.ROLLED_BACK)

    current, back = read.current_release(ledger, target), read.previous_good(ledger, target)
    assert current is not None and (current.release_id, current.schema_after) == ("R3", "schema of R3")
    assert back is not None and back.release_id == "R2"

    deployed(ledger, target, "R2", left="R3", kind=Kind.ROLLBACK)
    assert read.is_bad(ledger, target, "R3") and not read.is_bad(ledger, target, "R2")
    assert [release.release_id for release in read.good_releases(ledger, target)] == ["R2", "R1"]

    deployed(ledger, target, "R1", left="R2", kind=Kind.ROLLBACK)
    assert read.previous_good(ledger, target) is None

    deployed(ledger, target, "R5")
    assert [release.release_id for release in read.good_releases(ledger, target)] == ["R5", "R1"]
    deployed(ledger, target, "R3", left="R5", kind=Kind.ROLLBACK)  # on purpose, by name
    assert not read.is_bad(ledger, target, "R3")


def test_deployments_are_found_by_the_beginning_of_their_id(ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target)
    assert read.deployment(ledger, asked.id[:10]) == asked
    assert read.deployment(ledger, "abc") is None
    assert read.deployment(ledger, "%") is None
    with ledger.transaction() as session:
        for last in ("1", "2"):
            session.execute(TWIN, id=f"abcdef00-0000-4000-8000-00000000000{last}")
    with pytest.raises(UsageError, match="several"):
        read.deployment(ledger, "abcdef")
    assert read.deployment(ledger, "abcdef00-0000-4000-8000-000000000002") is not None


def test_a_worker_leaves_alone_what_its_asker_waits_for(ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target, asker=HERE)
    assert write.claim_next(ledger, target, HERE) is None
    assert queue.waiting(ledger) == []
    assert write.claim(ledger, asked.id, HERE).status is Status.IN_PROGRESS


def test_what_waits_comes_by_priority_then_age(ledger: Ledger) -> None:
    for name, priority in (("a", 0), ("b", 9), ("c", 0)):
        write.request(ledger, Target(name, "production"), priority=priority, background=True)
    assert [row.target.fraise for row in queue.waiting(ledger)] == ["b", "a", "c"]


def test_what_waits_for_a_process_that_is_gone_is_cancelled(ledger: Ledger, target: Target) -> None:
    mine = write.request(ledger, target, asker=HERE)
    theirs = write.request(ledger, Target("other", "production"), asker=ELSEWHERE)
    push = write.request(ledger, Target("pushed", "production"), background=True)
    assert write.drop_gone(ledger) == []
    gone = write.drop_gone(ledger, is_alive=lambda owner: None if owner == ELSEWHERE else False)
    assert [row.id for row in gone] == [mine.id]
    assert (gone[0].status, gone[0].error_code) == (Status.CANCELLED, "DeploymentCancelled")
    assert f"process {HERE.pid}" in str(gone[0].error_message)
    age(ledger, theirs, timedelta(seconds=queue.SILENT_SECONDS + 1))
    write.stand(ledger, theirs)
    assert write.drop_gone(ledger) == [], "it has said that it still waits"
    age(ledger, theirs, timedelta(seconds=queue.SILENT_SECONDS + 1))
    assert [row.id for row in write.drop_gone(ledger)] == [theirs.id]
    still = read.deployment(ledger, push.id)
    assert still is not None and still.status is Status.PENDING


def age(ledger: Ledger, deployment: Deployment, by: timedelta) -> None:
    """Let the last word of whoever waits be older."""
    with ledger.transaction() as session:
        at = encode.moment(session.now() - by)
        sql = "UPDATE tb_deployment SET heartbeat_at = :at, requested_at = :at WHERE pk_deployment = :pk"
        session.execute(sql, at=at, pk=deployment.pk)


def test_going_on_begins_without_taking_the_place_of_what_waits(ledger: Ledger, target: Target) -> None:
    lost = write.claim(ledger, write.request(ledger, target, background=True).id, HERE)
    newer = write.request(ledger, target, background=True)
    again = queue.Request(target, actor="ann", background=True, details={"resumes": lost.id})
    with pytest.raises(TargetLocked):
        write.take_up(ledger, again, HERE)
    assert queue.cut_off(ledger) == []
    write.interrupt_orphans(ledger, is_alive=lambda _: False)
    assert [row.id for row in queue.cut_off(ledger)] == [row.id for row in queue.cut_off(ledger, target)] == [lost.id]
    taken = write.take_up(ledger, again, HERE)
    assert (taken.status, taken.owner, taken.fencing) == (Status.IN_PROGRESS, HERE, lost.fencing + 1)
    assert queue.cut_off(ledger) == [], "somebody has gone on"
    still = read.pending(ledger, target)
    assert still is not None and still.id == newer.id
    assert write.finish(ledger, taken, Status.SUCCESS)


def test_what_was_to_be_cancelled_when_it_was_cut_off_is_not_gone_on_with(ledger: Ledger, target: Target) -> None:
    lost = write.claim(ledger, write.request(ledger, target, background=True).id, HERE)
    write.cancel(ledger, lost.id)
    write.interrupt_orphans(ledger, is_alive=lambda _: False)
    assert queue.cut_off(ledger) == []


def test_debts_are_known_with_the_attempts_to_settle_them(ledger: Ledger, target: Target) -> None:
    first = claimed(ledger, target)
    write.record_host_release(ledger, target, "web1", state="debt", release_id="R1", deployment=first)
    write.record_host_release(ledger, target, "web2", state="active", release_id="R1", deployment=first)
    write.finish(ledger, first, Status.ROLLBACK_FAILED)
    at, attempts = queue.owing(ledger)[target]
    assert attempts == 0 and abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    again = queue.Request(target, kind=Kind.ROLLBACK, background=True, details={"debts": True, "attempt": 3})
    attempt = write.take_up(ledger, again, HERE)
    write.finish(ledger, attempt, Status.FAILED)
    later, attempts = queue.owing(ledger, target)[target]
    assert attempts == 3 and later > at
    write.record_host_release(ledger, target, "web1", state="active", release_id="R1", deployment=attempt)
    assert queue.owing(ledger) == {}


def test_what_belongs_together_is_written_together_or_not_at_all(ledger: Ledger, target: Target) -> None:
    with pytest.raises(RuntimeError, match="half-way"), ledger.transaction():
        write.request(ledger, target)
        write.audit(ledger, "deploy", actor="ann")
        raise RuntimeError("half-way")
    assert read.history(ledger) == []
    assert ledger.query("SELECT count(*) AS n FROM tb_audit_log") in ([{"n": 0}], [])


def test_prune_keeps_what_is_open_current_or_a_way_back(ledger: Ledger, target: Target) -> None:
    releases = [deployed(ledger, target, f"R{number}") for number in range(14)]
    for _ in range(5):
        write.finish(ledger, claimed(ledger, target), Status.FAILED)
    running = claimed(ledger, target)
    waiting = write.request(ledger, target)
    assert write.prune(ledger, keep_days=1) == 0
    assert (
        write.prune(ledger, keep_last=6) == 4 + 1
    )  # the newest six are two open ones and four failures; ten good ones stay anyway
    assert write.prune(ledger, keep_days=0) == 4
    left = {row.pk for row in read.last_deployments(ledger, target, limit=100)}
    assert left == {row.pk for row in releases[4:]} | {running.pk, waiting.pk}
    current = read.current_release(ledger, target)
    assert current is not None and current.release_id == "R13"
    with pytest.raises(ValueError, match="keep_days"):
        write.prune(ledger)


def test_what_was_carried_out_last_counts_not_what_was_asked_for_last(ledger: Ledger, target: Target) -> None:
    """Whoever goes on with a cut off deployment does so while a newer push waits, and that one is carried out after it."""

    lost = write.claim(ledger, write.request(ledger, target, background=True).id, HERE)
    newer = write.request(ledger, target, background=True)
    write.finish(ledger, lost, Status.INTERRUPTED)
    assert [row.id for row in queue.cut_off(ledger, target)] == [lost.id]
    again = write.take_up(ledger, write.Request(target, background=True), HERE, continues=lost)
    assert queue.cut_off(ledger, target) == []
    write.finish(ledger, again, Status.INTERRUPTED)
    assert [row.id for row in queue.cut_off(ledger, target)] == [again.id]
    once_more = write.take_up(ledger, write.Request(target, background=True), HERE, continues=again)
    write.finish(ledger, once_more, Status.SUCCESS, release_id="R1", new_version="a" * 40)
    waited = write.claim_next(ledger, target, HERE)
    assert waited and waited.id == newer.id and waited.pk < once_more.pk
    write.finish(ledger, waited, Status.SUCCESS, release_id="R2", new_version="b" * 40)

    current = read.current_release(ledger, target)
    assert current and current.release_id == "R2"
    assert [release.release_id for release in read.good_releases(ledger, target)] == ["R2", "R1"]
    last = read.last_ended(ledger, target)
    assert last and last.id == newer.id
    assert queue.cut_off(ledger) == []
    assert [row.id for row in read.last_deployments(ledger, target)] == [newer.id, once_more.id, again.id, lost.id]
    assert (read.ended_before(ledger, waited), read.ended_before(ledger, once_more)) == (
        Status.SUCCESS,
        Status.INTERRUPTED,
    )
