"""The deploy: one function behind every door. request -> execute: resolve, compile, run, record, settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraisier import bound, gate, line
from fraisier.compensate import compensate, migrate, restore_hosts
from fraisier.compile import Move, deploy_plan, is_reversible, rollback_plan
from fraisier.errors import (
    DeploymentCancelled,
    DeploymentFailed,
    FraisierError,
    UsageError,
)
from fraisier.estate import located, selected
from fraisier.evidence import Evidence
from fraisier.git import remote
from fraisier.plan import Plan, Release
from fraisier.record import read, write
from fraisier.record.owner import Owner
from fraisier.resume import interrupted, remember, settle_debts, what_to_resume
from fraisier.rollout import roll_out
from fraisier.run import Runner
from fraisier.standing import is_up_to_date, untouched
from fraisier.variables import settings_of
from fraisier.vocabulary import FraiseState, Kind, Status, Target, is_commit
from fraisier.work import (
    Asked,
    DeploymentResult,
    Listener,
    Work,
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
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str]
) -> tuple[ResolvedFraise, Asked]:
    """What may become a row: the target with its hosts, and all that is asked for. What cannot even be compiled is refused here."""
    resolved = located(resolved, environ)
    asked = bound.as_planned(ledger, resolved.target, asked)
    selected(resolved, asked.limit)
    if asked.commit is not None and not is_commit(asked.commit):
        raise UsageError(
            f"--commit '{asked.commit}' is not a full commit hash", hint="give all 40 (or 64) hexadecimal digits"
        )
    deploy_plan(resolved, PLACEHOLDER)
    return resolved, asked


def rollback(
    ledger: Ledger, resolved: ResolvedFraise, asked: Asked, listener: Listener, environ: Mapping[str, str]
) -> DeploymentResult:
    """Bring the target back to the previous good release, or to the one that ``asked.to`` names; a deployment of kind rollback."""
    resolved = located(resolved, environ)
    selected(resolved, asked.limit)
    line.must_be_free(ledger, resolved, asked)
    destination(ledger, resolved.target, asked)
    row = line.enter(ledger, lambda: request(ledger, resolved.target, Kind.ROLLBACK, asked))
    return execute(ledger, resolved, row, asked, listener, environ)


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
            except FraisierError as error:  # what a run finds out is settled where it ran: these come from around it
                return work.give_up(Status.FAILED, error)
            except KeyboardInterrupt:
                stopped = DeploymentCancelled("stopped at once, without putting anything back")
                return work.give_up(Status.CANCELLED, stopped)


def _carry_out(work: Work) -> DeploymentResult:
    if work.asked.debts:
        return settle_debts(work)
    return _roll_back(work) if work.claim.kind is Kind.ROLLBACK else _deploy(work)


DATABASE_SECONDS = 60.0
"""So long a deployment that has begun waits for a database that is away; its run was ended long before, and what it knows is not lost."""
PLACEHOLDER = Release("20000101T000000Z-000000000000-000000", "0" * 40)


def _deploy(work: Work) -> DeploymentResult:
    settings, ledger = settings_of(work.resolved), work.ledger
    work.old = _current(ledger, work.target)
    commit = work.asked.commit or remote.resolve(settings.git_repo or "", settings.branch, work.environ)
    planned = bound.planned(work)
    if not (work.asked.force or planned) and is_up_to_date(ledger, work.resolved, work.hosts, commit):
        work.new = work.old
        return work.finish(Status.UNCHANGED, hosts=dict.fromkeys(work.hosts, work.old.release_id if work.old else ""))
    if not (work.asked.force or planned or work.asked.resumes) and (skipped := untouched(work, commit)):
        work.new = work.old
        work.listener.note(f"{work.target}: {skipped}")
        hosts = dict.fromkeys(work.hosts, work.old.release_id if work.old else "")
        return work.finish(Status.UNCHANGED, hosts=hosts, skipped=skipped.data())
    before = interrupted(ledger, work.asked)
    minted = Release(release_id(work.started, commit, work.claim.id), commit)
    work.new = before or (bound.check(work, planned, commit) if planned else minted)
    protect = [work.old.release_id] if work.old else []
    plan = _limited(deploy_plan(work.resolved, work.new, protect=protect), work.hosts)
    if planned:
        plan = bound.hold(plan, planned)
    plan = gate.decide(work, plan, planned)
    work.set_plan(plan, git_branch=settings.branch)
    was = f" (was {work.old.version[:10]})" if work.old else " (first deployment)"
    again = f", continuing with release {work.new.release_id}" if before else ""
    work.listener.note(f"{work.target}: {commit[:10]} of {settings.branch}{was}{again}")
    evidence = Evidence(plan.hosts)
    if before:
        remember(work, evidence)
    error = roll_out(work, plan, evidence)
    return compensate(work, evidence, error) if error else _succeed(work, evidence)


def _current(ledger: Ledger, target: Target) -> Release | None:
    found = read.current_release(ledger, target)
    return _release(found) if found else None


def _release(row: rows.Release) -> Release:
    return Release(row.release_id, row.version, row.schema_after or None)


@dataclass(frozen=True)
class Preview:
    """What a deployment would do: the commit, and the plan (None when everything is up to date)."""

    commit: str
    plan: Plan | None


def preview(ledger: Ledger, resolved: ResolvedFraise, asked: Asked, environ: Mapping[str, str]) -> Preview:
    """Resolve and compile as a deployment would, without claiming or recording anything."""
    resolved = located(resolved, environ)
    hosts, settings = selected(resolved, asked.limit), settings_of(resolved)
    commit = asked.commit or remote.resolve(settings.git_repo or "", settings.branch, environ)
    if not asked.force and is_up_to_date(ledger, resolved, hosts, commit):
        return Preview(commit, None)
    release = Release(release_id(datetime.now(UTC), commit, "preview0"), commit)
    return Preview(commit, _limited(deploy_plan(resolved, release), hosts))


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
    return work.finish(Status.SUCCESS, hosts=hosts, owed=owed, warnings=warnings, failures=evidence.failures)


def _roll_back(work: Work) -> DeploymentResult:
    current, wanted = destination(work.ledger, work.target, work.asked)
    work.old, work.new = current, wanted
    places: dict[str, Release | None] = dict.fromkeys(reversed(work.hosts), wanted)
    plan = rollback_plan(work.resolved, Move(hosts=places, bad_release_id=current.release_id))
    work.set_plan(plan)
    work.listener.note(
        f"{work.target}: back to {wanted.version[:10]} (release {wanted.release_id}) from {current.version[:10]}"
    )
    goes_down = (
        is_reversible(work.resolved)
        and wanted.schema is not None
        and current.schema is not None
        and wanted.schema != current.schema
    )
    if goes_down and (problems := migrate(work, wanted.schema or "", current, "deploy")):
        error = work.stopped_by or DeploymentFailed(problems[0], hint="nothing else was touched")
        return work.finish(
            _ended(Status.FAILED, error), error=error, compensation=problems[0] if work.stopped_by else ""
        )
    restored = restore_hosts(work, places, bad=current.release_id, run="deploy")
    if restored.holds:
        work.schema_after = wanted.schema if goes_down else current.schema
        return work.finish(Status.SUCCESS, hosts=restored.hosts)
    work.listener.note(f"that did not work; going forward again to {current.version[:10]}")
    work.is_going_back = True
    error = work.stopped_by or DeploymentFailed(restored.text)
    failed = migrate(work, current.schema or "", current, "compensate") if goes_down else []
    again = restore_hosts(work, dict.fromkeys(work.hosts, current), bad="", run="compensate")
    again.problems[:0] = failed
    status = _ended(Status.ROLLED_BACK, error) if again.holds else Status.ROLLBACK_FAILED
    text = again.text or f"every host is on {current.version[:10]} again, as before"
    return work.finish(status, error=error, compensation=text, hosts=again.hosts, owed=again.owed)


def _ended(status: Status, error: FraisierError) -> Status:
    return Status.CANCELLED if isinstance(error, DeploymentCancelled) else status


def destination(ledger: Ledger, target: Target, asked: Asked) -> tuple[Release, Release]:
    """The release that runs now and the one to go back to. Raises UsageError when there is no good one."""
    current = _current(ledger, target)
    if current is None:
        raise UsageError(
            f"{target}: nothing has been deployed yet", hint=f"fraisier deploy {target.fraise} {target.environment}"
        )
    if asked.to is None:
        previous = read.previous_good(ledger, target)
        if previous is None:
            raise UsageError(f"{target}: there is no earlier good release to go back to", hint="see: fraisier history")
        return current, _release(previous)
    good = [_release(row) for row in read.good_releases(ledger, target)]
    named = [
        release for release in good if release.release_id.startswith(asked.to) or release.version.startswith(asked.to)
    ]
    if not named:
        known = ", ".join(release.version[:10] for release in good[:10]) or "none"
        raise UsageError(f"{target}: '{asked.to}' names no release that has been good here", hint=f"good ones: {known}")
    if named[0].release_id == current.release_id:
        raise UsageError(f"{target}: {current.release_id} is what runs already")
    return current, named[0]


def _limited(plan: Plan, hosts: Sequence[str]) -> Plan:
    return plan.limited(hosts)
