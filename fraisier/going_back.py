"""Going back to an earlier release: its code and the schema that it needs, or forward again to what was there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier import policy
from fraisier.compensate import migrate, restore_hosts
from fraisier.compile import Move, is_reversible, rollback_plan
from fraisier.errors import DeploymentFailed, UsageError
from fraisier.plan import Release
from fraisier.record import read
from fraisier.variables import database_of, repository_of
from fraisier.vocabulary import Status
from fraisier.work import current_release, ended, release_of

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.work import Asked, DeploymentResult, Work


def destination(ledger: Ledger, resolved: ResolvedFraise, asked: Asked) -> tuple[Release, Release]:
    """The release that runs now and the one to go back to. Raises UsageError when there is no good one."""
    target = resolved.target
    current = current_release(ledger, target)
    database = database_of(resolved)
    if not repository_of(resolved)[0]:
        raise UsageError(
            f"{target}: it is made from its settings alone", hint="take them back in fraises.yaml, then deploy"
        )
    if current is None:
        raise UsageError(
            f"{target}: nothing has been deployed yet", hint=f"fraisier deploy {target.fraise} {target.environment}"
        )
    if database and database.is_replaced:
        raise UsageError(
            f"{target}: each deployment replaces its database (database.strategy: {database.strategy}), so there is no way back for it",
            hint=f"deploy the commit that you want again: fraisier deploy {target.fraise} {target.environment} --commit HASH --force",
        )
    if asked.to is None:
        previous = read.previous_good(ledger, target)
        if previous is None:
            raise UsageError(f"{target}: there is no earlier good release to go back to", hint="see: fraisier history")
        return current, release_of(previous)
    good = [release_of(row) for row in read.good_releases(ledger, target)]
    named = [
        release for release in good if release.release_id.startswith(asked.to) or release.version.startswith(asked.to)
    ]
    if not named:
        known = ", ".join(release.version[:10] for release in good[:10]) or "none"
        raise UsageError(f"{target}: '{asked.to}' names no release that has been good here", hint=f"good ones: {known}")
    if named[0].release_id == current.release_id:
        raise UsageError(f"{target}: {current.release_id} is what runs already")
    return current, named[0]


def carry_out(work: Work) -> DeploymentResult:
    """The schema first, then the hosts, the last one first; what does not hold is taken forward again."""
    current, wanted = destination(work.ledger, work.resolved, work.asked)
    policy.consent(work, policy.of_rollback(work.resolved, wanted.release_id, wanted.version))
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
            ended(Status.FAILED, error), error=error, compensation=problems[0] if work.stopped_by else ""
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
    status = ended(Status.ROLLED_BACK, error) if again.holds else Status.ROLLBACK_FAILED
    text = again.text or f"every host is on {current.version[:10]} again, as before"
    return work.finish(status, error=error, compensation=text, hosts=again.hosts, owed=again.owed)
