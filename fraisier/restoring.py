"""A copy of a target's database comes back: asked for, recorded and fenced as a deployment is. The newest copy up to a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fraisier import line, policy
from fraisier.compile import restore_plan
from fraisier.deploy import execute, request
from fraisier.errors import UsageError
from fraisier.estate import located, selected
from fraisier.fraise_types.copies import stamp
from fraisier.vocabulary import Kind

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked, DeploymentResult, Listener


def restore(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, listener: Listener, environ: Mapping[str, str]
) -> DeploymentResult:
    """Bring back the copy that ``asked.restore`` names ('' for the newest): one row of kind job, in line with deployments of the target.

    Raises UsageError for a target of which nothing is copied, PolicyRefused or ApprovalNeeded where a policy objects to jobs.
    """
    resolved = located(resolved, environ)
    restore_plan(resolved, asked.restore or "")
    policy.ask(ledger, resolved, Kind.JOB, asked, selected(resolved, None), policy.of_job(resolved, asked), environ)
    line.must_be_free(ledger, resolved, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, Kind.JOB, asked))
    return execute(ledger, resolved, row, asked, listener, environ)


def moment(text: str) -> str:
    """A moment as copies are named, in UTC. A day alone is its end; without a zone, a time is UTC. Raises UsageError."""
    try:
        return stamp(text)
    except ValueError:
        raise UsageError(
            f"--at '{text}' is no moment", hint="write 2026-11-22, 2026-11-22T03:00 or 2026-11-22T03:00+01:00"
        ) from None
