"""Running a job of what is deployed: once, to its end, on record, without a deployment. Its target has a line of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fraisier.compile import job_plan
from fraisier.errors import DeploymentCancelled, DeploymentFailed, UsageError
from fraisier.evidence import Evidence
from fraisier.plan import Release
from fraisier.record import read
from fraisier.running import run_plan, stop_on_hosts
from fraisier.vocabulary import FraiseState, Status, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.work import DeploymentResult, Work

SHOWN = ("rc", "duration_seconds", "started_at", "log")


def of_job(resolved: ResolvedFraise, name: str | None) -> ResolvedFraise:
    """The target of one of its jobs; the only one when nobody says which. Raises UsageError when there is none, or no such one."""
    target, names = resolved.target, resolved.settings.jobs_to_run()
    place = f"{target.fraise} {target.environment}"
    if not names:
        raise UsageError(
            f"{target}: a fraise of type '{resolved.type}' has no job to run", hint=f"fraisier deploy {place}"
        )
    if name is None and len(names) > 1:
        raise UsageError(f"{target} has several jobs", hint=f"say which: fraisier run {place} {'|'.join(names)}")
    job = name or names[0]
    if job not in names:
        raise UsageError(f"{target} has no job '{job}'", hint=f"jobs: {', '.join(names)}")
    return replace(resolved, target=Target(target.fraise, target.environment, job))


def deployed(ledger: Ledger, target: Target) -> Release:
    """What a job of ``target`` is run from. Raises UsageError before the first deployment."""
    found = read.current_release(ledger, Target(target.fraise, target.environment))
    if found is None:
        place = f"{target.fraise} {target.environment}"
        raise UsageError(f"{target}: nothing has been deployed yet", hint=f"fraisier deploy {place}")
    return Release(found.release_id, found.version)


def carry_out(work: Work) -> DeploymentResult:
    """Run the job on its hosts. It has held where the program ended with 0 on every one of them; nothing is put back."""
    work.new = deployed(work.ledger, work.target)
    plan = job_plan(work.resolved, work.asked.params).limited(work.hosts)
    work.set_plan(plan)
    evidence = Evidence(plan.hosts)
    _, error = run_plan(work, plan, "deploy", {}, evidence=evidence)
    missing = [name for name, host in evidence.hosts.items() if host.job.get("rc") != 0]
    if not error and missing:
        error = DeploymentFailed(f"{missing[0]}: the job gave no proof that it ended well")
    runs = {name: _shown(host.job) for name, host in evidence.hosts.items() if host.job}
    if not error:
        work.set_state(FraiseState.HEALTHY, work.new)
        return work.finish(Status.SUCCESS, runs=runs)
    work.is_going_back = True  # a wish to stop was heard: ending what still runs is not stopped by it
    still_running = stop_on_hosts(work, evidence)
    work.set_state(FraiseState.DEGRADED, work.new)
    status = Status.CANCELLED if isinstance(error, DeploymentCancelled) else Status.FAILED
    words = "; ".join(still_running.values())
    return work.finish(status, error=error, compensation=words, failures=evidence.failures, runs=runs)


def _shown(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: result[name] for name in SHOWN if name in result}
