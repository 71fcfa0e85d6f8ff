"""What is recorded beside deployments, and the face for embedding applications, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fraisier.deliveries.accept import DUPLICATE, Delivery, accept
from fraisier.deliveries.decide import Ref
from fraisier.errors import LedgerError, UsageError
from fraisier.record import deliveries, encode, read, write
from fraisier.record.database import Database
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import FraiseState, Kind, Status, Target, Trigger

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_host_releases_are_one_row_a_host_that_follows_the_host(ledger: Ledger, target: Target) -> None:
    deployment = write.request(ledger, target)
    write.record_host_release(ledger, target, "web2", state="debt")
    write.record_host_release(ledger, target, "web1", state="failed", release_id="R1")
    write.record_host_release(
        ledger,
        target,
        "web1",
        state="active",
        release_id="R2",
        version="b" * 40,
        previous_release_id="R1",
        evidence="version",
        activated_at=NOON.timestamp(),
        deployment=deployment,
    )
    first, second = read.host_releases(ledger, target)
    assert (first.host, first.state, first.release_id, first.previous_release_id, first.activated_at) == (
        "web1",
        "active",
        "R2",
        "R1",
        NOON,
    )
    assert (second.host, second.state, second.activated_at) == ("web2", "debt", None)
    (status,) = read.fraise_status(ledger)
    assert (status.hosts, status.hosts_active) == (2, 1)
    with pytest.raises(LedgerError):
        write.record_host_release(ledger, target, "web1", state="fine")


def test_fraise_status_joins_state_newest_deployment_and_last_good_one(ledger: Ledger, target: Target) -> None:
    good = write.claim(ledger, write.request(ledger, target).id, Owner.here())
    write.finish(ledger, good, Status.SUCCESS)
    write.set_fraise_state(
        ledger,
        target,
        status=FraiseState.HEALTHY,
        version="a" * 40,
        release_id="R1",
        deployed_by="ann",
        deployed_at=NOON,
    )
    write.set_fraise_state(ledger, target, status=FraiseState.DEGRADED)
    waiting = write.request(ledger, target)
    write.set_fraise_state(ledger, Target("other", "staging", "nightly"), status=FraiseState.DOWN)
    status, other = read.fraise_status(ledger)
    assert (status.status, status.current_version, status.release_id) == (FraiseState.DEGRADED, "a" * 40, "R1")
    assert (status.last_deployed_at, status.last_deployed_by) == (NOON, "ann")
    assert (status.last_deployment_id, status.last_deployment_status) == (waiting.id, Status.PENDING)
    assert status.last_deploy_duration is not None
    assert (other.target.slug, other.status, other.last_deployment_id) == (
        "other/staging/nightly",
        FraiseState.DOWN,
        None,
    )
    assert read.fraise_status(ledger, target) == [status]


def test_a_delivery_is_accepted_once_and_may_come_again_after_a_failure(ledger: Ledger, target: Target) -> None:
    pushed = Ref("push", "team/api", "main", targets=(target,))

    def deliver(delivery_id: str, body: str) -> bool:
        """Whether it is a duplicate, for the server and for who records what another one has received."""
        with ledger.transaction():
            delivery = Delivery("github", "github", (pushed,), delivery_id=delivery_id, body_sha256=body)
            (receipt,) = accept(ledger, [delivery])
            if delivery_id == "fails":
                raise RuntimeError
        again = write.record_webhook_event(
            ledger, hook="github", provider="github", event_type="push", delivery_id=delivery_id, body_sha256=body
        )
        assert again.is_duplicate and again.id == receipt.event
        return receipt.decision == DUPLICATE

    with pytest.raises(RuntimeError):
        deliver("fails", "b0")
    assert [deliver("d1", "b1"), deliver("d1", "b2"), deliver("d2", "b1"), deliver("d3", "b0")] == [
        False,
        True,
        True,
        False,
    ]
    newest, first = read.recent_webhooks(ledger)
    assert (first.delivery_id, first.decision, first.processed) == ("d1", "accepted", True)
    assert newest.deployment_id is not None and first.deployment_id != newest.deployment_id
    assert deliveries.find(ledger, first.id).payload["refs"][0]["branch"] == "main"
    assert read.recent_webhooks(ledger, hook="github", decision="accepted", limit=1) == [newest]
    assert read.recent_webhooks(ledger, repository="team/other") == []


def test_a_delivery_that_another_server_has_received_is_recorded(ledger: Ledger) -> None:
    event = write.record_webhook_event(
        ledger, hook="h", provider="github", event_type="push", sender="\0ann", payload={"ref": "x"}
    )
    assert (event.decision, event.processed, event.is_duplicate, event.deployment_id) == (
        "received",
        False,
        False,
        None,
    )
    assert (event.sender, event.payload) == ("ann", {"ref": "x"})


def test_commits_are_remembered_once_and_completed(ledger: Ledger) -> None:
    write.record_git_commit(ledger, "repo", "a" * 40, git_branch="main", message="first")
    write.record_git_commit(ledger, "repo", "a" * 40, author="ann", committed_at=NOON)
    (row,) = ledger.query("SELECT git_branch, message, author, committed_at FROM tb_git_commit")
    assert (row["git_branch"], row["message"], row["author"]) == ("main", "first", "ann")
    assert encode.read_moment(row["committed_at"]) == NOON


def test_the_audit_is_kept(ledger: Ledger, target: Target) -> None:
    deployment = write.request(ledger, target)
    write.audit(
        ledger,
        "deploy",
        actor="ann",
        door="cli",
        subject=target.slug,
        outcome="pending",
        deployment_id=deployment.id,
        details={"a": 1},
    )
    (row,) = ledger.query("SELECT actor, door, action, subject, outcome, details FROM tb_audit_log")
    assert encode.read_document(row.pop("details")) == {"a": 1}
    assert list(row.values()) == ["ann", "cli", "deploy", "my_api/production", "pending"]


def test_numbers_are_of_the_days_that_were_asked_for(database_url: str) -> None:
    with Database(database_url) as database:
        assert database.get_deployment_stats().success_rate is None
        today = datetime.now(UTC)
        for status, days_ago, seconds in (
            ("success", 0, 10.0),
            ("success", 1, 20.0),
            ("failed", 0, 5.0),
            ("rolled_back", 0, 5.0),
            ("rollback_failed", 0, 5.0),
            ("unchanged", 0, 1.0),
            ("cancelled", 0, None),
            ("success", 40, 100.0),
        ):
            database.record_deployment(
                "my_api",
                "production",
                status=status,
                started_at=today - timedelta(days=days_ago),
                duration_seconds=seconds,
            )
        stats = database.get_deployment_stats("my_api", days=2)
        assert (stats.total, stats.successful, stats.unchanged, stats.failed, stats.rolled_back) == (7, 2, 1, 2, 1)
        assert (stats.avg_duration, stats.success_rate) == (15.0, 2 / 5)
        assert database.get_deployment_stats(days=1).successful == 1
        assert database.get_deployment_stats().total == 8
        assert database.get_deployment_stats("other").total == 0
        (day,) = database.query("SELECT day, total, success_rate FROM v_deployment_stats WHERE total > 1")
        assert str(day["day"]) == f"{today:%Y-%m-%d}" and day["success_rate"] == 0.25


def test_the_history_is_filtered_and_newest_first(ledger: Ledger) -> None:
    for fraise, environment, status in (
        ("a", "production", "failed"),
        ("a", "staging", "success"),
        ("b", "production", "success"),
    ):
        row = write.claim(ledger, write.request(ledger, Target(fraise, environment)).id, Owner.here())
        write.set_plan(ledger, row, old_version="1" * 40, new_version="2" * 40)
        write.finish(ledger, row, Status(status))
    assert [row.target.slug for row in read.history(ledger)] == ["b/production", "a/staging", "a/production"]
    assert [row.target.slug for row in read.history(ledger, fraise="a", limit=1)] == ["a/staging"]
    assert [row.target.slug for row in read.history(ledger, environment="production", status=Status.SUCCESS)] == [
        "b/production"
    ]
    assert read.history(ledger, fraise="a", job="nightly") == []
    newest = read.history(ledger)[0]
    assert newest.version_change == "111111111111 -> 222222222222"
    assert [found.id for found in read.history(ledger, since=newest.requested_at)] == [newest.id]
    assert read.history(ledger, since=newest.requested_at + timedelta(microseconds=1)) == []


def test_the_face_for_embedding_applications(database_url: str) -> None:
    with Database(database_url) as database:
        deployment_id = database.record_deployment(
            "my_api",
            "production",
            status="failed",
            triggered_by="manual",
            actor="ann",
            old_version="a" * 40,
            new_version="b" * 40,
            git_branch="main",
            git_commit="b" * 40,
            started_at=NOON,
            duration_seconds=12.5,
            error_message="no answer",
            details={"hosts": 2},
        )
        (row,) = database.get_recent_deployments("my_api", "production", status="failed", since=NOON)
        assert (row.id, row.kind, row.status, row.trigger, row.actor) == (
            deployment_id,
            Kind.DEPLOY,
            Status.FAILED,
            Trigger.MANUAL,
            "ann",
        )
        assert (row.started_at, row.completed_at, row.duration_seconds) == (NOON, NOON + timedelta(seconds=12.5), 12.5)
        assert row.error_message == "no answer"
        event = database.record_webhook_event(
            "github", "push", branch="main", commit_sha="b" * 40, sender="ann", payload={"n": 1}
        )
        (seen,) = database.get_recent_webhooks()
        assert (seen.id, seen.branch, seen.sender, seen.processed) == (event.id, "main", "ann", False)
        database.update_fraise_state("my_api", "production", status="healthy", version="b" * 40)
        assert database.query("SELECT status, current_version FROM v_fraise_status") == [
            {"status": "healthy", "current_version": "b" * 40}
        ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"status": "done"}, "'done' is not one of pending"),
        ({"status": "pending"}, "pending"),
        ({"status": "failed", "triggered_by": "moon"}, "moon"),
    ],
)
def test_words_that_are_none_are_refused(arguments: dict[str, str], named: str, sqlite_url: str) -> None:
    with Database(sqlite_url) as database, pytest.raises(UsageError, match=named):
        database.record_deployment("my_api", "production", **arguments)  # type: ignore[arg-type]
