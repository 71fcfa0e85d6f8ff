"""Putting back what a failed deployment has moved: schema first, from the newer release's files, then hosts in reverse order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fraisier.batches import batches
from fraisier.compile import Move, is_reversible, rollback_plan, undo_replace_plan
from fraisier.errors import ApprovalNeeded, DeploymentCancelled, FraisierError, TargetUnreachable
from fraisier.plan import Release
from fraisier.record import read
from fraisier.run import Options
from fraisier.running import run_plan, stop_on_hosts
from fraisier.variables import database_of
from fraisier.vocabulary import FraiseState, Status, is_commit
from fraisier.work import DeploymentResult, Work, known_hosts, record_hosts, record_schema_before

if TYPE_CHECKING:
    from fraisier.evidence import Evidence

LOOK_BACK = 100
"""Deployments that are searched for a release that a host shows and the ledger has no proof of."""


@dataclass
class Restored:
    """How going back went. ``problems``: what did not hold, in sentences. ``owed``: hosts that did not answer -> release id that they
    should have; they are debts now. ``hosts``: what the others have proven to have."""

    problems: list[str] = field(default_factory=list)
    owed: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.problems and not self.owed

    @property
    def text(self) -> str:
        debts = [
            f"{name} does not answer and owes {release or 'nothing deployed'}" for name, release in self.owed.items()
        ]
        return "; ".join([*self.problems, *debts])


def compensate(work: Work, evidence: Evidence, error: FraisierError) -> DeploymentResult:
    """Put back what this run has moved, by what it has seen: schema first, from the new release's files, then hosts in reverse."""
    assert work.new
    work.is_going_back = True
    record_schema_before(work, evidence)
    work.schema_after = evidence.migration.after
    was_cancelled = isinstance(error, DeploymentCancelled)
    still_running = stop_on_hosts(work, evidence)
    moved = _moved(work.new, evidence)
    if not moved and not evidence.migration.moved and not evidence.replacement.moved:
        if isinstance(error, ApprovalNeeded) and work.claim.background:
            return work.wait(error)
        status = Status.CANCELLED if was_cancelled else Status.FAILED
        text = "; ".join(still_running.values())
        return work.finish(
            status, error=error, compensation=text, untouched=list(evidence.hosts), failures=evidence.failures
        )
    work.listener.note("going back to what was there before")
    places = {name: _before(work, evidence, name) for name in reversed(moved)}
    problems = _restore_database(work, evidence)
    restored = restore_hosts(work, places, bad=work.new.release_id, run="compensate")
    problems += [text for name, text in still_running.items() if name not in {*restored.hosts, *restored.owed}]
    restored.problems[:0] = problems
    if not restored.holds:
        work.set_state(FraiseState.UNKNOWN if restored.problems else FraiseState.DEGRADED, work.old)
        status = Status.ROLLBACK_FAILED
    else:
        status = Status.CANCELLED if was_cancelled else Status.ROLLED_BACK
    text = restored.text or f"every host is back on what it had before{_schema_said(work, evidence)}"
    return work.finish(
        status,
        error=error,
        compensation=text,
        hosts=restored.hosts,
        owed=restored.owed,
        untouched=[name for name in evidence.hosts if name not in moved],
        failures=evidence.failures,
    )


def _schema_said(work: Work, evidence: Evidence) -> str:
    if database_is_replaced(work):
        return ", the database that served before serves again" if evidence.replacement.moved else ""
    if not evidence.migration.moved or not is_reversible(work.resolved):
        return ""
    before = work.old.schema if work.old and work.old.schema is not None else evidence.migration.before
    return f", the schema is at '{before or 'empty'}' again"


def _moved(new: Release, evidence: Evidence) -> list[str]:
    """Hosts to bring back, in the order in which they moved: first those that an earlier, cut off run of this release has moved, last
    those that have left their load balancer and nothing more: what they run is good, and takes traffic again once that is proven."""
    earlier = [name for name, host in evidence.hosts.items() if host.found_release_id == new.release_id]
    moved = [name for name in earlier if name not in evidence.moved] + evidence.moved
    return moved + [name for name in evidence.drained if name not in moved]


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


def database_is_replaced(work: Work) -> bool:
    """Whether deployments put another database in the place of the one that serves, so that there is no migrating down."""
    database = database_of(work.resolved)
    return database is not None and database.is_replaced


def _restore_database(work: Work, evidence: Evidence) -> list[str]:
    return _restore_replaced(work, evidence) if database_is_replaced(work) else _restore_schema(work, evidence)


def _restore_replaced(work: Work, evidence: Evidence) -> list[str]:
    """Let the database serve again that did before this deployment; returns what did not hold.

    Only the host that has replaced it knows which one that is.
    """
    if not evidence.replacement.moved:
        return []
    assert work.new
    name = evidence.replacement.host or work.hosts[0]
    found, error = run_plan(work, undo_replace_plan(work.resolved, work.new, name), "compensate", {})
    if error or found.replacement.is_replaced is not False or not found.replacement.host:
        why = error.message if error else f"{name} did not show that it does"
        return [f"the database that served before this deployment does not serve again: {why}"]
    work.schema_after = work.old.schema if work.old else None
    return []


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
    gone = [name for name in work.hosts if evidence.is_unreachable(name)]
    return migrate(work, before, work.new, "compensate", gone=gone)


def migrate(work: Work, schema: str, files_of: Release | None, run: str, *, gone: Collection[str] = ()) -> list[str]:
    """Take the database to ``schema`` with the files of a release; returns what did not hold.

    It is done on the host that migrates forward, the first one; when that does not answer (or is in ``gone``), on the next, unless the
    database is a file on the first.
    """
    hosts = [name for name in work.hosts if name not in gone] or list(work.hosts)
    error: FraisierError | None = None
    evidence: Evidence | None = None
    for name in work.hosts[:1] if _database_is_a_file(work) else hosts:
        plan = rollback_plan(work.resolved, Move(hosts={name: files_of}, schema=schema, schema_release=files_of))
        evidence, error = run_plan(work, plan, run, {}, Options(tags=("migrate",)))
        if not isinstance(error, TargetUnreachable):
            break
    if error and evidence:
        migration = evidence.migration
        stays = f" (the schema is at '{migration.after}')" if migration.settled else ""
        return [f"the schema did not go to '{schema or 'empty'}': {error.message}{stays}"]
    return []


def _database_is_a_file(work: Work) -> bool:
    database = database_of(work.resolved)
    if database is None or database.url is None:
        return False
    url = work.keyring.one(database.url)
    return url.startswith("sqlite")


def restore_hosts(work: Work, places: Mapping[str, Release | None], *, bad: str, run: str) -> Restored:
    """Bring hosts to their places, the last batch of the rollout first, and record what each has proven. One that fails does not keep
    the others from going back; one that does not answer becomes a debt."""
    restored = Restored()
    for batch in reversed(batches(work.resolved.settings.rollout, work.hosts)):
        part = {name: place for name, place in places.items() if name in batch}
        if part:
            _restore(work, part, restored, bad=bad, run=run)
    if places and restored.holds:
        newest = next(iter(places.values()))
        work.set_state(FraiseState.HEALTHY if newest else FraiseState.DOWN, newest)
    return restored


def _restore(work: Work, places: Mapping[str, Release | None], restored: Restored, *, bad: str, run: str) -> None:
    plan = rollback_plan(work.resolved, Move(hosts=places, bad_release_id=bad))
    expect = {name: place.release_id if place else "" for name, place in places.items()}
    evidence, error = run_plan(work, plan, run, expect, Options(skip_tags=("migrate",)))
    proven = {name: release_id for name, release_id in expect.items() if evidence.proves(name, release_id)}
    owed = {name: expect[name] for name in expect if name not in proven and evidence.is_unreachable(name)}
    still_running = stop_on_hosts(work, evidence, but=owed) if error else {}
    record_hosts(work, evidence, places)
    restored.hosts |= proven
    if not error:
        return
    restored.owed |= owed
    unproven = [f"{name}: {evidence.truth(name)}" for name in expect if name not in proven and name not in owed]
    restored.problems += unproven or ([] if owed else [error.message])
    restored.problems += [text for name, text in still_running.items() if name not in {*proven, *owed}]
