"""When a branch's commit counts as a push that nobody told of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fraisier.deliveries.missed import is_missed
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Kind, Status, Target, Trigger

OLD, TIP, OTHER = "a" * 40, "b" * 40, "c" * 40


def row(
    status: Status, version: str = "", *, kind: Kind = Kind.DEPLOY, pinned: str | None = None, **more: Any
) -> Deployment:
    texts = ("old_version", "old_release_id", "release_id", "git_repo", "git_branch", "plan_hash", "config_hash")
    nothing = ("started_at", "completed_at", "duration_seconds", "plan", "error_code", "error_message", "owner")
    return Deployment(
        pk=1,
        id="x",
        target=Target("my_api", "production"),
        kind=kind,
        status=status,
        trigger=Trigger.WEBHOOK,
        actor="",
        priority=0,
        requested_at=datetime.now(UTC),
        new_version=version,
        git_commit=pinned,
        schema_before="",
        schema_after="",
        details=more,
        heartbeat_at=None,
        fencing=0,
        cancel_requested=False,
        fk_retry_of=None,
        fk_superseded_by=None,
        forced=False,
        background=True,
        **dict.fromkeys(texts, ""),
        **dict.fromkeys(nothing),
    )


GOOD = row(Status.SUCCESS, OLD)


def pushed(commit: str) -> dict[str, Any]:
    return {"pushed": {"commit": commit}}


@pytest.mark.parametrize(
    ("rows", "expected", "why"),
    [
        ([GOOD], True, "the branch has moved on since"),
        ([], False, "what was never deployed waits for its first push"),
        ([row(Status.PENDING), GOOD], False, "what waits will take the newest"),
        ([row(Status.IN_PROGRESS), GOOD], False, "what runs has not chosen its commit yet"),
        ([row(Status.IN_PROGRESS, TIP), GOOD], False, "what runs is this commit"),
        ([row(Status.IN_PROGRESS, OTHER), GOOD], True, "what runs is an older one"),
        ([row(Status.IN_PROGRESS, OTHER, pinned=OTHER), GOOD], True, "what runs was asked for by its hash"),
        ([row(Status.FAILED, TIP), GOOD], False, "it failed: that is for retry"),
        ([row(Status.ROLLED_BACK, TIP), GOOD], False, "it was put back"),
        ([row(Status.INTERRUPTED, TIP), GOOD], False, "resuming is another matter"),
        ([row(Status.CANCELLED, **pushed(TIP)), GOOD], False, "somebody did not want it"),
        ([row(Status.FAILED, **pushed(TIP)), GOOD], False, "it failed before it began"),
        ([row(Status.SUPERSEDED, **pushed(TIP)), GOOD], True, "what took its place has gone, too"),
        ([row(Status.UNCHANGED, OLD, paths={"to": TIP}), GOOD], False, "nothing of it concerned the target"),
        (
            [row(Status.SUCCESS, OLD, kind=Kind.ROLLBACK), row(Status.SUCCESS, TIP), GOOD],
            False,
            "somebody went back from it",
        ),
        ([row(Status.SUCCESS, OLD, pinned=OLD), row(Status.SUCCESS, TIP)], False, "somebody pinned another"),
        (
            [row(Status.SUCCESS, OLD), row(Status.SUCCESS, OTHER), row(Status.SUCCESS, TIP)],
            True,
            "the branch went back to it",
        ),
        ([row(Status.SUCCESS, OLD), row(Status.FAILED, TIP)], False, "it failed, even if another was deployed since"),
    ],
)
def test_a_commit_is_missed_when_nobody_has_asked_for_it(rows: list[Deployment], expected: bool, why: str) -> None:
    assert is_missed(TIP, OLD, rows) is expected, why


def test_what_serves_is_not_missed() -> None:
    assert not is_missed(OLD, OLD, [GOOD])
