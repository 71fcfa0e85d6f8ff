"""Giving one's consent: to exactly one thing, once, and never to what one has asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fraisier.errors import PolicyRefused, UsageError
from fraisier.estate import located
from fraisier.fraise_types.policies import span
from fraisier.policy import subjects
from fraisier.policy.judge import is_same, may_approve, required
from fraisier.policy.subjects import Subject
from fraisier.record import approvals, plans, read, write
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Kind, Trigger, is_commit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.config import ResolvedFraise
    from fraisier.record.approvals import Entry
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

LOOK_BACK = timedelta(days=30)
"""What was needed earlier than that is not looked for any more."""
DOORS = {Trigger.MANUAL: "cli", Trigger.API: "api"}


@dataclass(frozen=True)
class Given:
    """``subject`` is approved until ``expires_at`` (UTC). ``is_new``: not by the same person already. ``freed`` is the deployment that
    waited for it and is looked at again now."""

    subject: Subject
    expires_at: datetime
    is_new: bool
    freed: Deployment | None = None


@dataclass(frozen=True)
class _Wanted:
    """What is to be approved, and who has asked for it."""

    subject: Subject
    asked_by: str


def approve(
    ledger: Ledger,
    resolved: ResolvedFraise,
    what: str | None,
    *,
    actor: str,
    environ: Mapping[str, str],
    trigger: Trigger = Trigger.MANUAL,
) -> Given:
    """Approve ``what``: the id of a plan or of a need, a commit, or None for what waits. Joins the caller's transaction.

    Raises PolicyRefused when ``actor`` may not, UsageError when there is no such thing, or nothing waits.
    """
    resolved, target = located(resolved, environ), resolved.target
    with ledger.transaction() as session:
        target_lock(session, target)
        now = session.now()
        history = approvals.read_history(ledger, now - LOOK_BACK, target)
        waiting = read.pending(ledger, target)
        wanted = _named(ledger, resolved, what, history.open_needs(), waiting)
        _refuse_needless(resolved, wanted, history.open_needs())
        _refuse_who_may_not(resolved, wanted, waiting, actor, trigger)
        before = [each for each in history.usable(wanted.subject.key, now) if is_same(each.actor, actor)]
        expires = before[-1].expires_at if before else now + span(resolved.settings.approvals.valid_for)
        if not before:
            approvals.give(
                ledger,
                target,
                actor=actor,
                door=DOORS[trigger],
                trigger=trigger,
                expires_at=expires,
                subject=wanted.subject.key,
                detail=wanted.subject.detail,
                commit=wanted.subject.commit,
            )
        freed = None
        if waiting and (waiting.details.get("waits") or {}).get("subject") == wanted.subject.key:
            freed = write.look_again(ledger, waiting)
        return Given(wanted.subject, expires, not before, freed)


def _refuse_needless(resolved: ResolvedFraise, wanted: _Wanted, needs: list[Entry]) -> None:
    """An approval that nothing asks for would only look like one."""
    if not required(resolved.settings, Kind.DEPLOY) and wanted.subject.key not in {each.subject for each in needs}:
        hint = f"environments.{resolved.target.environment}.approvals says what does"
        raise UsageError(f"{resolved.target}: {wanted.subject.detail} needs no approval", hint=hint)


def _refuse_who_may_not(
    resolved: ResolvedFraise, wanted: _Wanted, waiting: Deployment | None, actor: str, trigger: Trigger
) -> None:
    askers = [wanted.asked_by]
    if waiting and (waiting.details.get("waits") or {}).get("subject") == wanted.subject.key:
        askers.append(waiting.actor)
    for asked_by in askers:
        if fault := may_approve(resolved.settings, asked_by, actor, trigger):
            raise PolicyRefused(f"{resolved.target}: {fault.text}", hint="see: fraisier approvals")


def _named(
    ledger: Ledger, resolved: ResolvedFraise, what: str | None, needs: list[Entry], waiting: Deployment | None
) -> _Wanted:
    target = resolved.target
    if what is None:
        return _what_waits(resolved, needs, waiting)
    plan = plans.plan_by_id(ledger, what)
    if plan and plan.target == target:
        if plan.expires_at <= datetime.now(UTC) or plan.deployment_id:
            raise UsageError(f"plan {plan.id[:8]} was used, or has expired", hint=f"fraisier plan {_words(resolved)}")
        return _Wanted(subjects.of_plan(plan), "")
    for each in needs:
        if len(what) >= 4 and (each.id.startswith(what) or each.commit.startswith(what)):
            return _Wanted(_of_need(each), each.actor)
    if is_commit(what):
        return _Wanted(subjects.of_commit(resolved, what), "")
    raise UsageError(
        f"{target}: '{what}' is no plan, no commit and nothing that needs an approval",
        hint="give a plan's id, all 40 digits of a commit, or what `fraisier approvals` shows",
    )


def _what_waits(resolved: ResolvedFraise, needs: list[Entry], waiting: Deployment | None) -> _Wanted:
    """What a waiting deployment needs, else the one thing that somebody was refused for want of an approval."""
    held = str((waiting.details.get("waits") or {}).get("subject") or "") if waiting else ""
    found = [each for each in needs if each.subject == held] or needs
    if not found:
        hint = f"name a plan or a commit: fraisier approve {_words(resolved)} COMMIT"
        raise UsageError(f"{resolved.target}: nothing waits for an approval", hint=hint)
    if not held and len({each.subject for each in found}) > 1:
        names = ", ".join(f"{each.id[:8]} ({each.detail})" for each in found)
        raise UsageError(f"{resolved.target}: several things need an approval", hint=f"name one: {names}")
    return _Wanted(_of_need(found[0]), found[0].actor)


def _of_need(need: Entry) -> Subject:
    return Subject(need.subject, need.detail, need.commit, need.id[:8])


def _words(resolved: ResolvedFraise) -> str:
    return f"{resolved.target.fraise} {resolved.target.environment}"
