"""Approvals in the audit log, which cannot be changed: that one is needed, that somebody gave it, and which deployment has used it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fraisier.errors import ApprovalNeeded
from fraisier.record import encode, facts
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Status, Target, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fraisier.record.ledger import Ledger, Row

OVER = tuple(each.value for each in (Status.SUCCESS, Status.UNCHANGED, Status.SUPERSEDED, Status.CANCELLED))
NOTED_AGAIN = timedelta(hours=12)
NEEDED, GIVEN, USED = "approval needed", "approve", "approval used"


@dataclass(frozen=True)
class Entry:
    """What is common to needs and approvals: ``subject`` is exactly what is (to be) approved, ``detail`` the same for people.

    ``deployment_id`` is, of a need, the deployment that waits or was refused, '' when none was written down. ``is_over``: that one was
    carried out without it, or gave way.
    """

    id: str
    target: Target
    actor: str
    created_at: datetime
    subject: str
    detail: str
    commit: str
    deployment_id: str
    is_over: bool


@dataclass(frozen=True)
class Approval(Entry):
    """An approval that ``actor`` gave. ``used_by`` is the deployment that it was for, '' while it is unused."""

    trigger: Trigger
    expires_at: datetime
    used_by: str = ""


@dataclass(frozen=True)
class History:
    """Needs and approvals, oldest first."""

    needs: tuple[Entry, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def usable(self, subject: str, now: datetime) -> list[Approval]:
        """Approvals of exactly ``subject`` that nothing has used yet and that have not expired."""
        return [
            each for each in self.approvals if each.subject == subject and not each.used_by and now < each.expires_at
        ]

    def open_needs(self) -> list[Entry]:
        """The newest need of each subject that nothing was carried out for since, newest first."""
        found: dict[tuple[Target, str], Entry] = {(each.target, each.subject): each for each in self.needs}
        used = {(each.target, each.subject) for each in self.approvals if each.used_by}
        left = [each for key, each in found.items() if key not in used and not each.is_over]
        return sorted(left, key=lambda each: each.created_at, reverse=True)


def read_history(ledger: Ledger, since: datetime, target: Target | None = None) -> History:
    """What was recorded from ``since`` on: of ``target``, or of all. What was used by a deployment that ended for want of another
    approval is unused again."""
    here = "AND a.subject = :subject" if target else ""
    rows = ledger.query(
        _READ.format(here=here),
        since=encode.moment(since),
        **({"subject": target.slug} if target else {}),
        needed=NEEDED,
        given=GIVEN,
        used=USED,
    )
    details = {row["id"]: encode.read_document(row["details"]) or {} for row in rows}
    used = {
        str(details[row["id"]].get("approval")): str(row["deployment_id"])
        for row in rows
        if row["action"] == USED and row["error_code"] != ApprovalNeeded.__name__
    }
    needs = [Entry(**_common(row, details[row["id"]])) for row in rows if row["action"] == NEEDED]
    given = [_approval(row, details[row["id"]], used) for row in rows if row["action"] == GIVEN]
    return History(tuple(needs), tuple(given))


def need(ledger: Ledger, target: Target, *, actor: str, deployment_id: str, **what: str) -> str:
    """Note that ``actor`` needs an approval, and return the entry's id; the same need of the last hours is not noted again.

    ``what``: subject, detail, commit.
    """
    with ledger.transaction() as session:
        target_lock(session, target)
        since = session.now() - NOTED_AGAIN
        for each in reversed(read_history(ledger, since, target).needs):
            if (each.subject, each.actor, each.deployment_id) == (what["subject"], actor, deployment_id):
                return each.id
        facts.audit(ledger, NEEDED, actor=actor, subject=target.slug, deployment_id=deployment_id, details=what)
        return read_history(ledger, since, target).needs[-1].id


def give(
    ledger: Ledger, target: Target, *, actor: str, door: str, trigger: Trigger, expires_at: datetime, **what: str
) -> None:
    """Note that ``actor`` approves; ``what``: subject, detail, commit."""
    details = {**what, "trigger": trigger.value, "expires_at": encode.moment(expires_at)}
    facts.audit(ledger, GIVEN, actor=actor, door=door, subject=target.slug, outcome="approved", details=details)


def use(ledger: Ledger, target: Target, approvals: Iterable[str], *, actor: str, deployment_id: str) -> None:
    """Note that a deployment uses approvals, by their ids. Whoever calls holds the target's lock, and has seen that they are unused."""
    for each in approvals:
        facts.audit(
            ledger,
            USED,
            actor=actor,
            subject=target.slug,
            deployment_id=deployment_id,
            details={"approval": each},
        )


def _approval(row: Row, details: Mapping[str, Any], used: Mapping[str, str]) -> Approval:
    expires = encode.read_moment(details["expires_at"])
    assert expires
    trigger = Trigger(details.get("trigger") or Trigger.MANUAL)
    return Approval(**_common(row, details), trigger=trigger, expires_at=expires, used_by=used.get(row["id"], ""))


def _common(row: Row, details: Mapping[str, Any]) -> dict[str, Any]:
    fraise, _, rest = str(row["subject"]).partition("/")
    environment, _, job = rest.partition("/")
    return {
        "id": row["id"],
        "target": Target(fraise, environment, job),
        "actor": row["actor"],
        "created_at": encode.read_moment(row["created_at"]),
        "deployment_id": row["deployment_id"],
        "is_over": row["status"] in OVER,
        **{name: str(details.get(name) or "") for name in ("subject", "detail", "commit")},
    }


_READ = """
SELECT a.id, a.created_at, a.actor, a.action, a.subject, a.deployment_id, a.details, d.status, d.error_code
FROM tb_audit_log AS a LEFT JOIN tb_deployment AS d ON a.deployment_id <> '' AND d.id = a.deployment_id
WHERE a.created_at >= :since AND a.action IN (:needed, :given, :used) {here} ORDER BY a.created_at, a.pk_audit_log
"""
