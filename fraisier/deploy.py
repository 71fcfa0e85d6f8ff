"""The deploy: one function behind every door. request -> execute: resolve, compile, run, record, settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraisier import bound, copies, gate, going_back, jobs, line, policy
from fraisier.compensate import compensate
from fraisier.compile import deploy_plan, job_plan
from fraisier.errors import (
    ApprovalNeeded,
    DeploymentCancelled,
    FraisierError,
    PolicyRefused,
    UsageError,
)
from fraisier.estate import located, selected
from fraisier.evidence import Evidence
from fraisier.plan import Plan, Release
from fraisier.record import read, write
from fraisier.record.owner import Owner
from fraisier.resume import interrupted, remember, settle_debts, what_to_resume
from fraisier.rollout import roll_out
from fraisier.run import Runner
from fraisier.standing import is_up_to_date, newest_version, untouched
from fraisier.variables import repository_of
from fraisier.vocabulary import FraiseState, Kind, Status, Target, is_commit
from fraisier.work import (
    Asked,
    DeploymentResult,
    Listener,
    Work,
    current_release,
    record_hosts,
    record_schema_before,
)

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record import rows
    from fraisier.record.ledger import Ledger


def request(ledger: Ledger, target: Target, kind: Kind, asked: Asked) -> rows.Deployment:
    """Write down what is asked for: one durable pending row. An older pending one of the target is superseded."""
    return write.request(
        ledger,
        target,
        kind=kind,
        trigger=asked.trigger,
        actor=asked.actor,
        git_commit=asked.commit,
        forced=asked.force,
        asker=Owner.here(),
        retry_of=read.deployment(ledger, asked.retries) if asked.retries else None,
        details=asked.details,
    )


def deploy(
    ledger: Ledger,
    resolved: ResolvedFraise,
    asked: Asked,
    listener: Listener,
    environ: Mapping[str, str],
    *,
    runner: Runner | None = None,
) -> DeploymentResult:
    """Bring the newest (or the asked) commit of the target's branch to its hosts, prove it, or put everything back.

    While another deployment holds the target this one stands in line; without ``asked.wait`` that raises TargetLocked. Everything that
    goes wrong after that is in the result.
    """
    resolved, asked = admitted(ledger, resolved, asked, environ)
    line.must_be_free(ledger, resolved, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, Kind.DEPLOY, asked))
    return execute(ledger, resolved, row, asked, listener, environ, runner=runner)


def admitted(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str], *, may_wait: bool = False
) -> tuple[ResolvedFraise, Asked]:
    """What may become a row: the target with its hosts, and all that is asked for. What cannot even be compiled, and what policies do not
    allow, is refused here; ``may_wait``: not what a worker only has to wait for.
    """
    resolved = located(resolved, environ)
    asked = bound.as_planned(ledger, resolved.target, asked)
    hosts = selected(resolved, asked.limit)
    if asked.commit is not None and not is_commit(asked.commit):
        raise UsageError(
            f"--commit '{asked.commit}' is not a full commit hash", hint="give all 40 (or 64) hexadecimal digits"
        )
    deploy_plan(resolved, PLACEHOLDER)
    subject = None if may_wait else _subject(ledger, resolved, hosts, asked, environ)
    policy.ask(ledger, resolved, Kind.DEPLOY, asked, hosts, subject, environ, may_wait=may_wait)
    return resolved, asked


def _subject(
    ledger: Ledger, resolved: ResolvedFraise, hosts: Sequence[str], asked: Asked, environ: Mapping[str, str]
) -> policy.Subject | None:
    """What a deployment would be about; None where no policy asks, or nothing is to be done."""
    if not policy.asks_what(resolved.settings, Kind.DEPLOY):
        return None
    if plan := bound.plan_of(ledger, asked):
        return policy.of_plan(plan)
    commit = asked.commit or newest_version(resolved, environ)
    if not asked.force and is_up_to_date(ledger, resolved, hosts, commit):
        return None
    return policy.of_commit(resolved, commit)


def rollback(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, listener: Listener, environ: Mapping[str, str]
) -> DeploymentResult:
    """Bring the target back to the previous good release, or to the one that ``asked.to`` names; a deployment of kind rollback."""
    resolved = back_admitted(ledger, resolved, asked, environ)
    line.must_be_free(ledger, resolved, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, Kind.ROLLBACK, asked))
    return execute(ledger, resolved, row, asked, listener, environ)


def run(
    ledger: Ledger,
    resolved: ResolvedFraise,
    job: str | None,
    asked: Asked,
    listener: Listener,
    environ: Mapping[str, str],
) -> DeploymentResult:
    """Run a job of what is deployed, once and without a deployment; ``job`` None is the only one that there is."""
    resolved = located(jobs.of_job(resolved, job), environ)
    hosts = selected(resolved, asked.limit)
    jobs.deployed(ledger, resolved.target)
    job_plan(resolved, asked.params)
    policy.ask(ledger, resolved, Kind.JOB, asked, hosts, policy.of_job(resolved, asked), environ)
    line.must_be_free(ledger, resolved, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, Kind.JOB, asked))
    return execute(ledger, resolved, row, asked, listener, environ)


def back_admitted(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str], *, may_wait: bool = False
) -> ResolvedFraise:
    """As ``admitted``, for going back."""
    resolved = located(resolved, environ)
    hosts = selected(resolved, asked.limit)
    _, wanted = going_back.destination(ledger, resolved, asked)
    subject = policy.of_rollback(resolved, wanted.release_id, wanted.version)
    policy.ask(ledger, resolved, Kind.ROLLBACK, asked, hosts, subject, environ, may_wait=may_wait)
    return resolved


def resume(
    ledger: Ledger,
    resolved: ResolvedFraise,
    actor: str,
    listener: Listener,
    environ: Mapping[str, str],
    *,
    wait: bool = True,
) -> DeploymentResult:
    """Continue the deployment that was cut off, or bring hosts to the release that they owe.

    Raises UsageError when nothing is left to do.
    """
    resolved = located(resolved, environ)
    line.settle_orphans(ledger, resolved, listener)
    kind, asked = what_to_resume(ledger, resolved.target, actor)
    asked = replace(asked, wait=wait)
    policy.ask(ledger, resolved, kind, asked, selected(resolved, asked.limit))
    line.must_be_free(ledger, resolved, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, kind, asked))
    return execute(ledger, resolved, row, asked, listener, environ)


def execute(
    ledger: Ledger,
    resolved: ResolvedFraise,
    row: rows.Deployment,
    asked: Asked,
    listener: Listener,
    environ: Mapping[str, str],
    *,
    runner: Runner | None = None,
) -> DeploymentResult:
    """Carry out a deployment that was asked for: the one path behind CLI, webhook, API and schedule.

    ``runner``: one that has been entered and is used again and again, for who deploys often.
    """
    resolved = located(resolved, environ)
    claim = line.wait_for_claim(ledger, resolved, row, asked, listener)
    with nullcontext(runner) if runner else Runner(environ, resolved.settings.inventory_environment) as runner:
        hosts = selected(resolved, asked.limit)
        work = Work(ledger, resolved, claim, asked, listener, environ, runner, hosts)
        with ledger.patient(DATABASE_SECONDS), work.lease:
            try:
                return _carry_out(work)
            except PolicyRefused as error:
                may_wait = work.claim.background and (error.until or isinstance(error, ApprovalNeeded))
                return work.wait(error) if may_wait and not work.has_run else work.give_up(Status.FAILED, error)
            except FraisierError as error:  # what a run finds out is settled where it ran: these come from around it
                return work.give_up(Status.FAILED, error)
            except KeyboardInterrupt:
                stopped = DeploymentCancelled("stopped at once, without putting anything back")
                return work.give_up(Status.CANCELLED, stopped)


def _carry_out(work: Work) -> DeploymentResult:
    policy.begin(work)
    if work.asked.restore is not None:
        return copies.restore(work, work.asked.restore)
    if work.claim.kind is Kind.JOB:
        return jobs.carry_out(work)
    if work.asked.debts:
        return settle_debts(work)
    return going_back.carry_out(work) if work.claim.kind is Kind.ROLLBACK else _deploy(work)


DATABASE_SECONDS = 60.0
"""So long a deployment that has begun waits for a database that is away; its run was ended long before, and what it knows is not lost."""
PLACEHOLDER = Release("20000101T000000Z-000000000000-000000", "0" * 40)


def _deploy(work: Work) -> DeploymentResult:
    ledger, (_, branch) = work.ledger, repository_of(work.resolved)
    work.old = current_release(ledger, work.target)
    commit = work.asked.commit or newest_version(work.resolved, work.environ)
    planned = bound.plan_of(ledger, work.asked)
    if not (work.asked.force or planned) and is_up_to_date(ledger, work.resolved, work.hosts, commit):
        work.new = work.old
        return work.finish(Status.UNCHANGED, hosts=dict.fromkeys(work.hosts, work.old.release_id if work.old else ""))
    if not (work.asked.force or planned or work.asked.resumes) and (skipped := untouched(work, commit)):
        work.new = work.old
        work.listener.note(f"{work.target}: {skipped}")
        hosts = dict.fromkeys(work.hosts, work.old.release_id if work.old else "")
        return work.finish(Status.UNCHANGED, hosts=hosts, skipped=skipped.data())
    policy.consent(work, policy.of_plan(planned) if planned else policy.of_commit(work.resolved, commit))
    before = interrupted(ledger, work.asked)
    minted = Release(release_id(work.started, commit, work.claim.id), commit)
    work.new = before or (bound.check(work, planned, commit) if planned else minted)
    protect = [work.old.release_id] if work.old else []
    plan = deploy_plan(work.resolved, work.new, protect=protect).limited(work.hosts)
    if planned:
        plan = bound.hold(plan, planned)
    plan = gate.decide(work, plan, planned)
    work.set_plan(plan, git_branch=branch)
    was = f" (was {work.old.version[:10]})" if work.old else " (first deployment)"
    again = f", continuing with release {work.new.release_id}" if before else ""
    work.listener.note(f"{work.target}: {commit[:10]}{f' of {branch}' if branch else ''}{was}{again}")
    evidence = Evidence(plan.hosts)
    if before:
        remember(work, evidence)
    error = roll_out(work, plan, evidence)
    return compensate(work, evidence, error) if error else _succeed(work, evidence)


@dataclass(frozen=True)
class Preview:
    """What a deployment would do: the commit, and the plan (None when everything is up to date)."""

    commit: str
    plan: Plan | None


def preview(ledger: Ledger, resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str]) -> Preview:
    """Resolve and compile as a deployment would, without claiming or recording anything."""
    resolved = located(resolved, environ)
    hosts = selected(resolved, asked.limit)
    commit = asked.commit or newest_version(resolved, environ)
    if not asked.force and is_up_to_date(ledger, resolved, hosts, commit):
        return Preview(commit, None)
    release = Release(release_id(datetime.now(UTC), commit, "preview0"), commit)
    return Preview(commit, deploy_plan(resolved, release).limited(hosts))


def release_id(moment: datetime, commit: str, deployment_id: str) -> str:
    """The id of a release, minted once by the controller: second, commit and deployment, so that no two collide."""
    return f"{moment.strftime('%Y%m%dT%H%M%SZ')}-{commit[:12]}-{deployment_id.replace('-', '')[:6]}"


def _succeed(work: Work, evidence: Evidence) -> DeploymentResult:
    assert work.new
    schema = evidence.migration.after if evidence.migration.settled else (work.old.schema if work.old else None)
    work.new = replace(work.new, schema=schema)
    record_hosts(work, evidence, dict.fromkeys(work.hosts, work.new))
    owed = {name: work.new.release_id for name in work.hosts if name in evidence.tolerated}
    work.set_state(FraiseState.DEGRADED if owed else FraiseState.HEALTHY, work.new)
    work.schema_after = schema
    record_schema_before(work, evidence)
    warnings = [str(failure) for failure in evidence.failures]
    hosts = {name: work.new.release_id for name in work.hosts if name not in owed}
    said, failures = evidence.replacement.told, evidence.failures
    return work.finish(Status.SUCCESS, hosts=hosts, owed=owed, warnings=warnings, failures=failures, compensation=said)
