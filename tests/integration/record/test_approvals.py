"""Approvals in the audit log, and deployments that wait for them: on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fraisier.engine import due
from fraisier.errors import LedgerError
from fraisier.record import approvals, read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import Status, Target, Trigger

WHAT = {"subject": "commit 1 configuration 2", "detail": "commit 1", "commit": "1" * 40}
HERE = Owner("here", 1, "b", "1")


def ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def give(ledger: Ledger, target: Target, actor: str = "bob", *, hours: float = 1, **what: str) -> None:
    expires = ago(-hours)
    approvals.give(
        ledger, target, actor=actor, door="cli", trigger=Trigger.MANUAL, expires_at=expires, **{**WHAT, **what}
    )


def test_an_approval_is_for_one_subject_one_target_and_one_use(ledger: Ledger, target: Target) -> None:
    give(ledger, target)
    give(ledger, target, "carol", hours=-1)
    give(ledger, target, subject="another")
    give(ledger, Target("other", "production"))
    usable = approvals.read_history(ledger, ago(1), target).usable(WHAT["subject"], datetime.now(UTC))
    assert [(each.actor, each.detail, each.target) for each in usable] == [("bob", "commit 1", target)]
    row = write.request(ledger, target)
    approvals.use(ledger, target, [usable[0].id], actor="alice", deployment_id=row.id)
    history = approvals.read_history(ledger, ago(1), target)
    assert not history.usable(WHAT["subject"], datetime.now(UTC))
    assert [each.used_by for each in history.approvals] == [row.id, "", ""]
    assert len(approvals.read_history(ledger, ago(1)).approvals) == 4
    assert not approvals.read_history(ledger, ago(-1)).approvals


def test_a_need_is_noted_once_and_closed_by_its_use_or_with_its_deployment(ledger: Ledger, target: Target) -> None:
    row = write.request(ledger, target, background=True)
    first = approvals.need(ledger, target, actor="alice", deployment_id=row.id, **WHAT)
    assert approvals.need(ledger, target, actor="alice", deployment_id=row.id, **WHAT) == first
    other = approvals.need(ledger, target, actor="alice", deployment_id="", **{**WHAT, "subject": "other"})
    assert [each.id for each in approvals.read_history(ledger, ago(1), target).open_needs()] == [other, first]
    newer = write.request(ledger, target, background=True)  # supersedes it
    assert [each.id for each in approvals.read_history(ledger, ago(1), target).open_needs()] == [other]
    give(ledger, target, subject="other")
    given = approvals.read_history(ledger, ago(1), target).approvals[0]
    approvals.use(ledger, target, [given.id], actor="alice", deployment_id=newer.id)
    assert approvals.read_history(ledger, ago(1), target).open_needs() == []


def test_what_was_approved_cannot_be_changed(ledger: Ledger, target: Target) -> None:
    give(ledger, target)
    with pytest.raises(LedgerError, match="append-only"), ledger.transaction() as session:
        session.execute("UPDATE tb_audit_log SET actor = 'mallory'")


def test_a_held_row_is_passed_over_until_it_is_looked_at_again(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target, background=True)
    row = due.take(ledger, target, HERE, due.Limits())
    assert row
    waits = {"reason": "an approval is missing", "hint": "", "again_at": ago(-1)}
    assert write.put_back(ledger, row, waits=waits, git_commit="1" * 40)
    held = read.pending(ledger, target)
    assert held and (held.id, held.git_commit, held.owner, held.started_at) == (row.id, "1" * 40, None, None)
    assert due.due(ledger, due.Limits()) == [] and due.take(ledger, target, HERE, due.Limits()) is None
    other = Target("other", target.environment)
    write.request(ledger, other, background=True)
    assert [each.target for each in due.due(ledger, due.Limits())] == [other], "others go on"
    freed = write.look_again(ledger, held)
    assert "waits" not in freed.details
    again = due.take(ledger, target, HERE, due.Limits())
    assert again and again.id == row.id and again.fencing > row.fencing


def test_a_newer_request_takes_the_place_of_what_is_put_back(ledger: Ledger, target: Target) -> None:
    write.request(ledger, target, background=True)
    row = due.take(ledger, target, HERE, due.Limits())
    assert row
    newer = write.request(ledger, target, background=True)
    assert not write.put_back(ledger, row, waits={}, git_commit=None)
    after = read.deployment(ledger, row.id)
    assert after and (after.status, after.fk_superseded_by) == (Status.SUPERSEDED, newer.pk)
