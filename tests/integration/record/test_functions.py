"""FraiseQL's mutations on PostgreSQL do what the Python commands do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import Kind, Status, Target, Trigger

COLUMNS = [
    "succeeded",
    "state_changed",
    "error_class",
    "status_detail",
    "http_status",
    "message",
    "entity_id",
    "entity_type",
    "entity",
    "updated_fields",
    "cascade",
    "error_detail",
    "metadata",
]


@pytest.fixture
def ledger(postgresql_url: str) -> Iterator[Ledger]:
    with Ledger(postgresql_url) as opened:
        yield opened


def call(ledger: Ledger, sql: str, **parameters: object) -> dict[str, Any]:
    with ledger.transaction() as session:
        return session.execute(f"SELECT * FROM {sql}", **parameters)[0]


def test_request_supersedes_and_answers_with_the_deployment(ledger: Ledger, target: Target) -> None:
    older = write.request(ledger, target)
    answer = call(ledger, "fn_request_deployment('my_api', 'production', p_actor => 'ann', p_git_branch => 'main')")
    assert list(answer) == COLUMNS
    assert (answer["succeeded"], answer["state_changed"], answer["http_status"], answer["entity_type"]) == (
        True,
        True,
        202,
        "Deployment",
    )
    new = read.deployment(ledger, str(answer["entity_id"]))
    assert new is not None and (new.status, new.trigger, new.actor, new.git_branch) == (
        Status.PENDING,
        Trigger.API,
        "ann",
        "main",
    )
    assert answer["entity"]["id"] == new.id and answer["entity"]["status"] == "pending"
    left = read.deployment(ledger, older.id)
    assert left is not None and (left.status, left.fk_superseded_by) == (Status.SUPERSEDED, new.pk)
    assert write.claim_next(ledger, target, Owner.here()) is not None


@pytest.mark.parametrize(
    ("sql", "error_class", "http_status"),
    [
        ("fn_request_deployment('nothing', 'production')", "not_found", 404),
        ("fn_request_deployment('my_api', 'production', p_kind => 'party')", "validation", 422),
        ("fn_request_deployment('my_api', 'production', p_git_commit => 'main; rm')", "validation", 422),
        ("fn_cancel_deployment('nothing')", "not_found", 404),
        ("fn_retry_deployment('nothing')", "not_found", 404),
    ],
)
def test_refusals_change_nothing(sql: str, error_class: str, http_status: int, ledger: Ledger, target: Target) -> None:
    asked = write.request(ledger, target)
    answer = call(ledger, sql)
    assert (answer["succeeded"], answer["state_changed"], answer["error_class"]) == (False, False, error_class)
    assert answer["http_status"] == http_status and answer["message"]
    assert answer["error_detail"]["errors"][0]["identifier"] == answer["status_detail"]
    assert read.last_deployments(ledger, target) == [asked]


def test_cancel_waiting_running_and_done(ledger: Ledger, target: Target) -> None:
    waiting = write.request(ledger, target)
    answer = call(ledger, "fn_cancel_deployment(:id, 'ann')", id=waiting.id)
    assert (answer["status_detail"], answer["entity"]["error_message"]) == ("cancelled", "cancelled by ann")
    running = write.claim(ledger, write.request(ledger, target).id, Owner.here())
    assert call(ledger, "fn_cancel_deployment(:id)", id=running.id)["status_detail"] == "cancel_requested"
    assert read.is_cancel_requested(ledger, running)
    write.finish(ledger, running, Status.CANCELLED)
    answer = call(ledger, "fn_cancel_deployment(:id)", id=running.id)
    assert (answer["succeeded"], answer["state_changed"]) == (True, False)


def test_retry_asks_for_the_same_again_once_it_is_over(ledger: Ledger, target: Target) -> None:
    first = write.claim(
        ledger, write.request(ledger, target, kind=Kind.ROLLBACK, git_commit="a" * 40, forced=True).id, Owner.here()
    )
    assert call(ledger, "fn_retry_deployment(:id)", id=first.id)["error_class"] == "conflict"
    write.finish(ledger, first, Status.FAILED)
    again = read.deployment(ledger, str(call(ledger, "fn_retry_deployment(:id, 'bob')", id=first.id)["entity_id"]))
    assert again is not None
    assert (again.kind, again.git_commit, again.forced, again.actor, again.fk_retry_of) == (
        Kind.ROLLBACK,
        "a" * 40,
        True,
        "bob",
        first.pk,
    )


def test_listeners_hear_of_the_target(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target)
    with ledger.transaction() as session:
        listener = session.driver
    listener.execute("LISTEN fraisier_deployment")
    with Ledger(ledger.place.reveal()) as other:
        call(other, "fn_request_deployment('my_api', 'production')")
    assert [note.payload for note in listener.notifies(timeout=10, stop_after=1)] == ["my_api/production"]
