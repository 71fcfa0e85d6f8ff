"""`plan`: what a deployment would do, asked of every host at once and kept, so that exactly that can be deployed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fraisier import bound, gate, policy
from fraisier.batches import batches
from fraisier.compile import config_hash
from fraisier.deploy import preview, release_id
from fraisier.estate import located
from fraisier.plan import Release, digest
from fraisier.record import plans, read, write
from fraisier.run import Runner
from fraisier.secrets.keyring import Keyring
from fraisier.variables import repository_of

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import StoredPlan
    from fraisier.vocabulary import Event
    from fraisier.work import Asked

OURS = ("git", "build", "migrate", "activate", "service", "prune")
VALID_FOR = timedelta(days=1)


def make(
    ledger: Ledger,
    resolved: ResolvedFraise,
    asked: Asked,
    environ: Mapping[str, str],
    *,
    valid_for: timedelta = VALID_FOR,
    see: Callable[[Event], None] | None = None,
) -> StoredPlan | None:
    """A kept plan; None when there is nothing to do. Raises what would make the deployment fail, and then keeps nothing.

    Its ``findings`` hold every diff; what is kept holds those of our own tasks.
    """
    resolved = located(resolved, environ)
    with Runner(environ, resolved.settings.inventory_environment) as runner:
        wanted = preview(ledger, resolved, asked, environ)
        if wanted.plan is None:
            return None
        current = read.current_release(ledger, resolved.target)
        plan_id = plans.new_id()
        release = Release(release_id(datetime.now(UTC), wanted.commit, plan_id), wanted.commit)
        old = current.release_id if current else ""
        plan = bound.compiled(resolved, release, old, list(wanted.plan.hosts))
        findings, error = bound.look(plan, runner, Keyring(environ), see)
    if error:
        raise error
    if findings["migration"]:
        grades = findings["migration"]["grades"]
        findings["migration"]["answers"] = gate.answers(grades, resolved.settings)
    findings["drift"] = _drift(ledger, resolved, findings)
    findings["batches"] = [list(batch) for batch in batches(resolved.settings.rollout, tuple(plan.hosts))]
    facts = {
        "git_branch": repository_of(resolved)[1],
        "git_commit": wanted.commit,
        "host_limit": asked.limit or "",
        "old_version": current.version if current else "",
        "old_release_id": old,
        "release_id": release.release_id,
        "config_hash": config_hash(resolved),
        "plan_hash": plan.hash,
    }
    kept = write.record_plan(
        ledger,
        resolved.target,
        plan_id,
        valid_for=valid_for,
        plan=plan.snapshot(),
        findings=_storable(findings),
        pinned=asked.commit is not None,
        forced=asked.force,
        actor=asked.actor,
        hash=digest([str(resolved.target), facts, _storable(findings)]),
        **facts,
    )
    findings["policies"] = policy.foreseen(ledger, resolved, asked, list(wanted.plan.hosts), kept)
    return replace(kept, findings=findings)


def _storable(findings: bound.Findings) -> bound.Findings:
    """Without the diffs of tasks that are not ours: a user's hook may show an old secret there, which nothing would mask."""
    hosts = {
        name: {
            **state,
            "changes": [change if change["action"] in OURS else {**change, "diff": ""} for change in state["changes"]],
        }
        for name, state in findings["hosts"].items()
    }
    return {**findings, "hosts": hosts}


def _drift(ledger: Ledger, resolved: ResolvedFraise, findings: bound.Findings) -> list[str]:
    """Where hosts are not what the record says: the deployment goes on from what they are."""
    known = {row.host: row for row in read.host_releases(ledger, resolved.target)}
    return [
        f"{name} has {state['release_id'] or 'no release'}, the record says {known[name].release_id or 'none'}"
        for name, state in findings["hosts"].items()
        if name in known and known[name].state == "active" and known[name].release_id != state["release_id"]
    ]
