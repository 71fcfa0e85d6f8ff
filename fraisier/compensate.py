"""Putting back what a failed deployment has moved: schema first, from the newer release's files, then hosts in reverse order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fraisier.compile import Move, is_reversible, rollback_plan
from fraisier.errors import DeploymentCancelled, FraisierError
from fraisier.plan import Release
from fraisier.record import read
from fraisier.run import Options
from fraisier.vocabulary import FraiseState, Status, is_commit
from fraisier.work import DeploymentResult, Work, known_hosts, record_hosts, record_schema_before, run_plan

if TYPE_CHECKING:
    from fraisier.evidence import Evidence

LOOK_BACK = 100
"""Deployments that are searched for a release that a host shows and the ledger has no proof of."""


def compensate(work: Work, evidence: Evidence, error: FraisierError) -> DeploymentResult:
    """Put back what this run has moved, by what it has seen: schema first, from the new release's files, then hosts in reverse."""
    assert work.new
    record_schema_before(work, evidence)
    work.schema_after = evidence.migration.after
    was_cancelled = isinstance(error, DeploymentCancelled)
    if not evidence.moved and not evidence.migration.moved:
        return work.finish(Status.CANCELLED if was_cancelled else Status.FAILED, error=error)
    work.listener.note("going back to what was there before")
    places = {name: _before(work, evidence, name) for name in reversed(evidence.moved)}
    problems = _restore_schema(work, evidence) + restore_hosts(work, places, bad=work.new.release_id, run="compensate")
    hosts = {name: place.release_id if place else "" for name, place in places.items()}
    if problems:
        work.set_state(FraiseState.UNKNOWN, None)
        text = "; ".join(problems)
        return work.finish(Status.ROLLBACK_FAILED, error=error, compensation=text, hosts={})
    text = "every host is back on what it had before"
    return work.finish(
        Status.CANCELLED if was_cancelled else Status.ROLLED_BACK, error=error, compensation=text, hosts=hosts
    )


def _before(work: Work, evidence: Evidence, host: str) -> Release | None:
    """What ``host`` had that was good: by the ledger, else by what the host itself showed, unless that is known to be bad."""
    known = known_hosts(work.ledger, work.target).get(host)
    if known and known.release_id:
        return Release(known.release_id, known.version)
    seen = evidence.hosts[host]
    if not seen.found_release_id or not is_commit(seen.found_version):
        return None
    ours = {row.release_id for row in read.last_deployments(work.ledger, work.target, LOOK_BACK)}
    return None if seen.found_release_id in ours else Release(seen.found_release_id, seen.found_version)


def _restore_schema(work: Work, evidence: Evidence) -> list[str]:
    """Migrate down to the revision before this deployment; returns what did not hold."""
    migration = evidence.migration
    if not migration.moved:
        return []
    if not is_reversible(work.resolved):
        work.listener.note("the schema stays as it is: there is no command that takes migrations back")
        return []
    before = work.old.schema if work.old and work.old.schema is not None else migration.before
    if before is None:
        return ["the schema: migrations had begun and their state before is not known; look at the database"]
    return migrate(work, before, work.new, "compensate")


def migrate(work: Work, schema: str, files_of: Release | None, run: str) -> list[str]:
    places = dict.fromkeys(work.hosts, files_of)
    move = Move(hosts=places, schema=schema, schema_release=files_of)
    plan = rollback_plan(work.resolved, move)
    evidence, error = run_plan(work, plan, run, {}, Options(tags=("migrate",)))
    migration = evidence.migration
    if error:
        stays = f" (the schema is at '{migration.after}')" if migration.settled else ""
        return [f"the schema did not go to '{schema or 'empty'}': {error.message}{stays}"]
    return []


def restore_hosts(work: Work, places: Mapping[str, Release | None], *, bad: str, run: str) -> list[str]:
    """Bring hosts to their places and record what they have proven; returns what did not hold, host by host."""
    if not places:
        return []
    plan = rollback_plan(work.resolved, Move(hosts=places, bad_release_id=bad))
    expect = {name: place.release_id if place else "" for name, place in places.items()}
    evidence, error = run_plan(work, plan, run, expect, Options(skip_tags=("migrate",)))
    record_hosts(work, evidence, places)
    if not error:
        newest = next(iter(places.values()))
        work.set_state(FraiseState.HEALTHY if newest else FraiseState.DOWN, newest)
        return []
    unproven = [name for name, place in places.items() if not evidence.proves(name, place.release_id if place else "")]
    return [f"{name}: {evidence.truth(name)}" for name in unproven] or [error.message]
