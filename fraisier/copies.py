"""Copies of a target's database, as a deployment sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier.compile import restore_plan
from fraisier.errors import DeploymentFailed
from fraisier.running import run_plan
from fraisier.vocabulary import Status
from fraisier.work import current_release, ended

if TYPE_CHECKING:
    from fraisier.work import DeploymentResult, Work


def restore(work: Work, at: str) -> DeploymentResult:
    """Bring back the newest copy up to the moment ``at`` ('' for the newest). The database alone: releases stay where they are."""
    work.old = work.new = current_release(work.ledger, work.target)
    plan = restore_plan(work.resolved, at)
    work.set_plan(plan)
    work.listener.note(f"{work.target}: restoring the newest copy{f' up to {at}' if at else ''}")
    evidence, error = run_plan(work, plan, "deploy", {})
    name = next(iter(plan.hosts))
    found = evidence.hosts[name].restored
    if error or not found:
        error = error or DeploymentFailed(f"{name}: did not show that the copy was restored")
        return work.finish(ended(Status.FAILED, error), error=error, failures=evidence.failures)
    kept = f"; what was there before is kept as {found['before']}" if found.get("before") else ""
    return work.finish(Status.SUCCESS, compensation=f"{name} has the copy of {found['copy']} again{kept}")
