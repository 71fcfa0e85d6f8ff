"""Going on after an interruption: the release of a deployment that was cut off, and debts of hosts that were not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier.compensate import restore_hosts
from fraisier.errors import TargetUnreachable, UsageError
from fraisier.evidence import Evidence
from fraisier.plan import Release
from fraisier.record import read
from fraisier.vocabulary import Event, EventKind, Kind, Phase, Status, Target
from fraisier.work import Asked, DeploymentResult, Work

if TYPE_CHECKING:
    from fraisier.record import rows
    from fraisier.record.ledger import Ledger

PAGE = 1_000


def unfinished(ledger: Ledger, target: Target) -> rows.Deployment | None:
    """The last deployment that was carried out, when it was cut off."""
    last = read.last_ended(ledger, target)
    return last if last and last.status is Status.INTERRUPTED else None


def debts(ledger: Ledger, target: Target) -> list[rows.HostRelease]:
    """Hosts that owe a release."""
    return [row for row in read.host_releases(ledger, target) if row.state == "debt"]


def what_to_resume(ledger: Ledger, target: Target, actor: str) -> tuple[Kind, Asked]:
    """What is left to do for a target: the interrupted deployment first, then debts. Raises UsageError when there is nothing."""
    cut_off = unfinished(ledger, target)
    if cut_off and cut_off.kind is Kind.ROLLBACK and not cut_off.details.get("debts"):
        return Kind.ROLLBACK, Asked(actor, to=cut_off.release_id or cut_off.details.get("to"))
    if cut_off and cut_off.kind is Kind.DEPLOY:
        limit = cut_off.details.get("limit")
        commit = cut_off.new_version or cut_off.git_commit
        return Kind.DEPLOY, Asked(
            actor, commit=commit, force=True, limit=limit, resumes=cut_off.id if cut_off.release_id else None
        )
    if debts(ledger, target):
        return Kind.ROLLBACK, Asked(actor, debts=True)
    raise UsageError(
        f"{target}: nothing is unfinished, no host owes anything",
        hint=f"fraisier status {target.fraise} {target.environment}",
    )


def interrupted(ledger: Ledger, asked: Asked) -> Release | None:
    """The release of the deployment that is continued."""
    found = read.deployment(ledger, asked.resumes) if asked.resumes else None
    return Release(found.release_id, found.new_version) if found else None


def remember(work: Work, evidence: Evidence) -> None:
    """Let the events of the cut off run speak where hosts cannot: how the schema was before anything was migrated."""
    before = read.deployment(work.ledger, work.asked.resumes or "")
    after = 0
    while before and (page := read.events(work.ledger, before, after=after, limit=PAGE)):
        after = page[-1].sequence
        for row in page:
            if row.phase == Phase.MIGRATE and row.run == "deploy":
                evidence.see(as_event(row))
    evidence.migration.recall()


def as_event(row: rows.RecordedEvent) -> Event:
    """An event as it was when it came."""
    return Event(
        kind=EventKind(row.event),
        time=row.created_at.timestamp(),
        phase=row.phase,
        task=row.task,
        action=row.action,
        host=row.host,
        item=row.item,
        duration=row.duration_seconds,
        changed=row.changed,
        message=row.message,
        result=row.data,
    )


def settle_debts(work: Work) -> DeploymentResult:
    """Bring every host that owes a release to it."""
    current = read.current_release(work.ledger, work.target)
    work.old = work.new = (
        Release(current.release_id, current.version, current.schema_after or None) if current else None
    )
    owed = {row.host: row for row in debts(work.ledger, work.target) if row.host in work.hosts}
    places = {name: Release(row.release_id, row.version) if row.release_id else None for name, row in owed.items()}
    work.listener.note(f"{work.target}: settling what {', '.join(places) or 'nobody'} owes")
    restored = restore_hosts(work, places, bad="", run="deploy")
    if restored.holds:
        status = Status.SUCCESS if work.new else Status.UNCHANGED
        work.schema_after = work.new.schema if work.new else None
        return work.finish(status, hosts=restored.hosts, compensation="every debt is settled")
    return work.finish(Status.FAILED, error=TargetUnreachable(restored.text), hosts=restored.hosts, owed=restored.owed)
