"""Trying a deployment again that did not hold: the same commit to the same hosts, or the same way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier.errors import UsageError
from fraisier.record import read
from fraisier.vocabulary import Kind, Status, Target
from fraisier.work import Asked

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import Deployment


def newest_of(ledger: Ledger, target: Target) -> Deployment:
    """The one that runs, else the last one that was carried out. Raises UsageError when there is none."""
    running = read.running(ledger, target)
    found = running[0] if running else read.last_ended(ledger, target)
    if found is None:
        raise UsageError(f"{target}: nothing has been deployed yet", hint=f"fraisier deploy {_words(target)}")
    return found


def again(row: Deployment, actor: str) -> tuple[Kind, Asked]:
    """What to ask for, to try ``row`` again. Raises UsageError when there is nothing to try again."""
    name, words = f"{row.target}: deployment {row.id[:8]}", _words(row.target)
    if not row.status.is_final:
        raise UsageError(f"{name} has not ended yet, it is {row.status}", hint=f"to stop it: fraisier cancel {words}")
    if row.status.is_good:
        raise UsageError(f"{name} has not failed, it is {row.status}", hint=f"fraisier deploy {words} --force")
    if row.status is Status.SUPERSEDED:
        raise UsageError(f"{name} was superseded by a newer one", hint=f"see: fraisier history {words}")
    if row.details.get("debts"):
        raise UsageError(f"{name} was to settle what hosts owe", hint=f"fraisier resume {words}")
    if row.details.get("restore") is not None:
        raise UsageError(f"{name} was to restore a copy", hint=f"fraisier restore {words}")
    if row.kind is Kind.JOB:
        raise UsageError(f"{name} was the run of a job", hint=f"fraisier run {words} {row.target.job}")
    if row.kind is Kind.ROLLBACK:
        return Kind.ROLLBACK, Asked(actor, to=row.release_id or row.details.get("to"), retries=row.id)
    commit = row.new_version or row.git_commit or None
    return Kind.DEPLOY, Asked(actor, commit=commit, force=True, limit=row.details.get("limit"), retries=row.id)


def _words(target: Target) -> str:
    return f"{target.fraise} {target.environment}"
