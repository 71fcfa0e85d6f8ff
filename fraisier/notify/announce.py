"""What is written into the outbox when a deployment begins and when it ends, in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fraisier.errors import UsageError
from fraisier.notify.facts import facts_of
from fraisier.record import read, write
from fraisier.vocabulary import Kind, Status, is_commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraisier.config import FraisierConfig, ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment

CONTEXT = "fraisier/{target}"
"""Under this name a commit has one status per target; the newest one is shown."""
OCCASIONS = {
    Status.SUCCESS: "success",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "failed",
    Status.ROLLED_BACK: "rolled_back",
    Status.ROLLBACK_FAILED: "rollback_failed",
}
"""What ends are called in ``notifications.on``. The others are told to nobody: who cancels knows, and `unchanged` is no news."""
STATES = {
    Status.SUCCESS: "success",
    Status.FAILED: "failure",
    Status.ROLLED_BACK: "failure",
    Status.ROLLBACK_FAILED: "failure",
    Status.INTERRUPTED: "error",
    Status.CANCELLED: "error",
}
"""What a commit shows. One whose deployment never began shows nothing, so that nothing has to be taken back."""
RECOVERED, WAITING, OVERRIDE = "recovered", "waiting", "override"


def began(ledger: Ledger, resolved: ResolvedFraise, deployment: Deployment) -> None:
    """A plan is about to be run: the commit is pending."""
    _record_status(ledger, resolved, _now(ledger, deployment), "pending")


def ended(ledger: Ledger, resolved: ResolvedFraise, deployment: Deployment) -> None:
    """The deployment has its final status: everybody who wants to hear of that will."""
    row = _now(ledger, deployment)
    if state := STATES.get(row.status):
        _record_status(ledger, resolved, row, state)
    notices = resolved.notices
    if row.status not in OCCASIONS or not notices.places:
        return
    is_better = row.status is Status.SUCCESS and _was_bad(ledger, row)
    names = [RECOVERED] * is_better + [OCCASIONS[row.status]]
    occasion = next((name for name in names if name in notices.on), None)
    if occasion is None:
        return
    _tell(ledger, resolved, row, occasion, {"recovered": is_better})


def waits(ledger: Ledger, resolved: ResolvedFraise, deployment: Deployment) -> None:
    """A policy lets the deployment wait: who can do something about that hears of it, once."""
    row = _now(ledger, deployment)
    _tell(ledger, resolved, row, WAITING, {"waits": dict(row.details.get("waits") or {})})


def overridden(
    ledger: Ledger, resolved: ResolvedFraise, deployment: Deployment, *, reason: str, lifted: list[str]
) -> None:
    """Somebody has lifted policies in an emergency, and the deployment goes on."""
    _tell(ledger, resolved, _now(ledger, deployment), OVERRIDE, {"override": reason, "lifted": lifted})


def _tell(ledger: Ledger, resolved: ResolvedFraise, row: Deployment, occasion: str, more: dict[str, Any]) -> None:
    """To every place that wants to hear of ``occasion``."""
    notices = resolved.notices
    for place in notices.places if occasion in notices.on else ():
        write.record_notification(ledger, row, channel=place, event=occasion, payload=facts_of(row) | more)


def announcer(ledger: Ledger, config: FraisierConfig) -> Callable[[Deployment], None]:
    """``ended`` for deployments of any target, by the configuration; one that is not in it any more is told to nobody."""

    def announce(deployment: Deployment) -> None:
        try:
            resolved = config.get_fraise_environment(deployment.target.fraise, deployment.target.environment)
        except UsageError:
            return
        ended(ledger, resolved, deployment)

    return announce


def _record_status(ledger: Ledger, resolved: ResolvedFraise, row: Deployment, state: str) -> None:
    """A rollback brings back a commit that has its status already."""
    git_repo = str(getattr(resolved.settings, "git_repo", None) or "")
    provider, commit = resolved.notices.provider(git_repo), row.new_version or row.git_commit or ""
    if row.kind is not Kind.DEPLOY or not provider or not is_commit(commit):
        return
    context = CONTEXT.format(target=row.target)
    payload: dict[str, Any] = facts_of(row) | {
        "provider": provider,
        "git_repo": git_repo,
        "commit": commit,
        "context": context,
        "state": state,
    }
    write.record_notification(
        ledger,
        row,
        channel=f"status {provider}",
        event=state,
        subject=f"{git_repo} {commit} {context}",
        payload=payload,
    )


def _now(ledger: Ledger, deployment: Deployment) -> Deployment:
    """The row as this transaction sees it."""
    return read.deployment_by_pk(ledger, deployment.pk) or deployment


def _was_bad(ledger: Ledger, row: Deployment) -> bool:
    """Whether the deployment before this one that has changed anything, or tried to, ended badly."""
    before = read.ended_before(ledger, row)
    return before is not None and before is not Status.SUCCESS
