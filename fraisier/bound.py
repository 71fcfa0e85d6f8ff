"""A deployment bound to its plan: what a check run finds on the hosts, and what has moved since somebody looked at it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraisier import __version__
from fraisier.compile import config_hash, deploy_plan
from fraisier.connection import said
from fraisier.errors import FraisierError, PlanRefused, UsageError
from fraisier.evidence import Evidence
from fraisier.plan import Plan, Release, digest
from fraisier.record import plans, write
from fraisier.replacement import successor
from fraisier.risk import Grade, grade
from fraisier.run import Options, Runner
from fraisier.vocabulary import Event, EventKind, Phase, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraisier.config import ResolvedFraise
    from fraisier.record.ledger import Ledger
    from fraisier.record.rows import StoredPlan
    from fraisier.secrets.keyring import Keyring
    from fraisier.work import Asked, Work

LONGEST_DIFF = 20_000
REPLACING = "replacing the database"
Findings = dict[str, Any]
"""What a check run found, as JSON data: ``hosts`` by name, ``migration``, ``hooks`` by digest, the version of ``fraisier``."""


def as_planned(ledger: Ledger, target: Target, asked: Asked) -> Asked:
    """What was asked for when the plan was made; without a plan, ``asked`` as it is. Raises UsageError for a plan of something else."""
    if asked.plan is None:
        return asked
    if asked.commit or asked.limit or asked.force:
        raise UsageError("--plan says commit, hosts and force already", hint="they belong to: fraisier plan")
    plan = plans.plan_by_id(ledger, asked.plan)
    if plan is None:
        raise UsageError(f"there is no plan {asked.plan}", hint=_again(target))
    if plan.target != target:
        raise UsageError(f"plan {plan.id[:8]} is one of {plan.target}, not of {target}", hint=_again(target))
    commit = plan.git_commit if plan.pinned else None
    return replace(asked, plan=plan.id, commit=commit, limit=plan.host_limit or None, force=plan.forced)


def plan_of(ledger: Ledger, asked: Asked) -> StoredPlan | None:
    """The plan that a deployment is bound to, if it is to one."""
    return plans.plan_by_id(ledger, asked.plan) if asked.plan else None


def compiled(resolved: ResolvedFraise, release: Release, old_release_id: str, hosts: Sequence[str]) -> Plan:
    """The plan as it is hashed and tried out."""
    return deploy_plan(resolved, release, protect=[old_release_id] if old_release_id else []).limited(hosts)


def check(work: Work, plan: StoredPlan, commit: str) -> Release:
    """The release of ``plan``, which is this deployment's from now on; refuse unless everything it was bound to is as it was.

    Changes nothing on the hosts.
    """
    _refuse_used(plan)
    release = Release(plan.release_id, plan.git_commit)
    now = compiled(
        work.resolved,
        release,
        work.old.release_id if work.old else "",
        work.hosts,
    )
    moved = [*_commit(plan, commit), *_release(plan, work), *_configuration(plan, now, work.resolved)]
    if not moved:
        work.listener.note(f"plan {plan.id[:8]}: asking the hosts whether it still holds")
        found, error = look(now, work.runner, work.keyring)
        moved = differences(plan.findings, found)
        if error and not moved:
            raise error
    if moved:
        lines = "".join(f"\n  {sentence}" for sentence in moved)
        raise PlanRefused(f"plan {plan.id[:8]} no longer holds; nothing was changed{lines}", hint=_again(plan.target))
    if not write.apply_plan(work.ledger, plan, work.claim):
        raise PlanRefused(f"plan {plan.id[:8]} was carried out meanwhile", hint=_again(plan.target))
    return release


def hold(plan: Plan, stored: StoredPlan) -> Plan:
    """``plan`` with the migrations that were shown, so that the host itself refuses others."""
    return held(plan, stored.findings.get("migration") or {})


def held(plan: Plan, migration: Mapping[str, Any]) -> Plan:
    """``plan`` with the pending migrations of a look, as far as they are known."""
    if not migration.get("known"):
        return plan
    bound = {"fraisier_migrate_bound": True, "fraisier_migrate_planned": list(migration["pending"])}
    return replace(plan, variables={**plan.variables, **bound})


def replacing(by: str) -> dict[str, Any]:
    """That the database is replaced, graded as a migration is; ``by``: nothing or copy."""
    what = "an empty one" if by == "nothing" else "a copy"
    return {"name": REPLACING, "grade": Grade.DESTRUCTIVE.value, "why": f"what is in it now gives way to {what}"}


def look(
    plan: Plan,
    runner: Runner,
    keyring: Keyring,
    see: Callable[[Event], None] | None = None,
    *,
    phases: Sequence[str] = (),
) -> tuple[Findings, FraisierError | None]:
    """Try ``plan`` out in check mode on all its hosts: what is there, what would change, and why it could not be done.

    ``phases``: only these.
    """
    evidence, hosts = Evidence(plan.hosts), dict[str, dict[str, Any]]()
    found: Findings = {"hosts": hosts, "migration": None, "hooks": _hooks(plan), "fraisier": __version__}
    secrets = keyring.reveal(plan.secrets)
    options = Options(check=True, diff=True, tags=tuple(phases), variables={"fraisier_migrate_explain": True})
    for event in runner.run(plan, secrets, options):
        evidence.see(event)
        _note(found, event)
        if see:
            see(event)
    if plan.variables.get("fraisier_service_manager") == "none":
        for state in hosts.values():
            state["service"] = ""
    found["hosts"] = {
        name: hosts[name] for name in plan.hosts if name in hosts
    }  # in the plan's order, whoever answered first
    found["unreachable"] = {failure.host: said(failure.message) for failure in evidence.failures if failure.unreachable}
    error = evidence.judge(plan, runner.outcome, expect_release={})
    found["complete"] = error is None
    return found, error


def _note(found: Findings, event: Event) -> None:
    if event.kind is not EventKind.OK or not event.host:
        return
    action, result = event.own, event.result
    if action == "preflight":
        service = result.get("service") or {}
        state = {"release_id": result.get("current_release_id"), "version": result.get("current_version")}
        found["hosts"][event.host] = {**state, "service": service.get("state"), "changes": []}
    elif action == "migrate":
        found["migration"] = {
            "host": event.host,
            "known": bool(result.get("known")),
            "at": result.get("before"),
            "pending": list(map(str, result.get("pending") or ())),
            "grades": [each.data() for each in grade(result.get("changes") or (), result.get("dialect") or "")],
            "note": event.message,
        }
    elif action == "replace" and event.phase == Phase.MIGRATE:
        found["migration"] = _replaced(event)
    if event.changed and event.host in found["hosts"]:
        found["hosts"][event.host]["changes"].append(_change(event))


def _replaced(event: Event) -> dict[str, Any]:
    """What is pending in a database that would be replaced says nothing."""
    copy = event.result.get("copy") or ""
    what = f"the database {event.result.get('database')} would be replaced by {successor(copy)}"
    return {
        "host": event.host,
        "known": False,
        "at": None,
        "pending": [],
        "grades": [replacing("copy" if copy else "nothing")],
        "replaces": True,
        "note": f"{what} on {event.host}, and migrated from there",
    }


def _change(event: Event) -> dict[str, Any]:
    """``was`` is a digest of what the host had; what it shall have follows from commit and configuration."""
    diffs = event.result.get("diff") or []
    diffs = [diffs] if isinstance(diffs, Mapping) else diffs
    was = [[diff.get("before_header", ""), str(diff.get("before", diff.get("prepared", "")))] for diff in diffs]
    return {
        "phase": event.phase,
        "task": event.task,
        "action": event.own or event.action,
        "was": digest(was) if was else "",
        "files": [header for header, _ in was if header],
        "diff": diff_text(diffs)[:LONGEST_DIFF],
    }


def diff_text(diffs: Sequence[Mapping[str, Any]]) -> str:
    """What Ansible gives as ``diff`` in the form that `diff -u` made known."""
    import difflib

    text = ""
    for diff in diffs:
        if "prepared" in diff:
            text += diff["prepared"]
            continue
        before, after = str(diff.get("before", "")).splitlines(True), str(diff.get("after", "")).splitlines(True)
        text += "".join(
            difflib.unified_diff(before, after, diff.get("before_header", "before"), diff.get("after_header", "after"))
        )
    return text if not text or text.endswith("\n") else text + "\n"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What moved between two check runs of the same plan: a sentence each, from what to what."""
    found = [f"Fraisier: was {before['fraisier']}, is {now['fraisier']}"] * (before["fraisier"] != now["fraisier"])
    for name in sorted({**before["hooks"], **now["hooks"]}):
        if before["hooks"].get(name) != now["hooks"].get(name):
            found.append(f"hook {name}: the file is not what it was")
    for host, was in before["hosts"].items():
        found += _host_differences(host, was, now)
    return found + (_migration_differences(before["migration"], now["migration"]) if now["complete"] else [])


def _host_differences(host: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What a run that was cut off did not come to is no difference."""
    if host in now["unreachable"]:
        return [f"{host}: answered, and does not now: {now['unreachable'][host]}"]
    state = now["hosts"].get(host)
    if state is None:
        return []
    found = []
    for key, word in (("release_id", "current release"), ("version", "its commit"), ("service", "service")):
        if was[key] != state[key]:
            found.append(f"{host}: {word} was {was[key] or 'none'}, is {state[key] or 'none'}")
    return found or (_change_differences(host, was["changes"], state["changes"]) if now["complete"] else [])


def _change_differences(host: str, before: Sequence[Any], now: Sequence[Any]) -> list[str]:
    old = {(change["phase"], change["task"]): change for change in before}
    new = {(change["phase"], change["task"]): change for change in now}
    found = []
    for key in {**old, **new}:
        if (new.get(key) or old[key]).get("action") == "backup":  # it is of now, whatever was planned
            continue
        was, is_ = old.get(key), new.get(key)
        place = f"{host}: {' '.join((key[0] or key[1], *(is_ or was or {}).get('files', [])[:1]))}"
        if was is None:
            found.append(f"{place} would change now, and would not have")
        elif is_ is None:
            found.append(f"{place} would have changed, and would not now")
        elif is_ and was["was"] != is_["was"]:
            found.append(f"{place} is not what it was on the host")
    return found


def _migration_differences(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[str]:
    if before is None or now is None:
        return [] if before == now else ["migrations: the database was asked in one of the two looks only"]
    found = []
    if before["at"] != now["at"]:
        found.append(f"database: was at {before['at'] or 'base'}, is at {now['at'] or 'base'}")
    words = [", ".join(look["pending"]) or ("nothing" if look["known"] else "not known") for look in (before, now)]
    return [*found, f"pending migrations: were {words[0]}, are {words[1]}"] if words[0] != words[1] else found


def _commit(plan: StoredPlan, commit: str) -> list[str]:
    return [] if commit == plan.git_commit else [f"{plan.git_branch}: was at {plan.git_commit}, is at {commit}"]


def _release(plan: StoredPlan, work: Work) -> list[str]:
    now = work.old.release_id if work.old else ""
    if now == plan.old_release_id:
        return []
    return [f"{plan.target}: its release was {plan.old_release_id or 'none'}, is {now or 'none'}"]


def _configuration(plan: StoredPlan, now: Plan, resolved: ResolvedFraise) -> list[str]:
    if (now.hash, config_hash(resolved)) == (plan.plan_hash, plan.config_hash):
        return []
    before, after = plan.plan, now.snapshot()
    hosts = [", ".join(snapshot["hosts"]) for snapshot in (before, after)]
    if hosts[0] != hosts[1]:
        return [f"hosts: were {hosts[0]}, are {hosts[1]}"]
    names = [
        name
        for part in ("variables", "hosts", "helpers", "secrets", "groups")
        for name in {**before[part], **after[part]}
        if before[part].get(name) != after[part].get(name)
    ]
    words = ", ".join(name.removeprefix("fraisier_") for name in names[:6])
    hashes = f"hash was {plan.config_hash[:12]}, is {config_hash(resolved)[:12]}"
    return [f"configuration: {hashes}" + (f" ({words})" if words else "")]


def _refuse_used(plan: StoredPlan) -> None:
    if plan.deployment_id:
        raise PlanRefused(
            f"plan {plan.id[:8]} was carried out by deployment {plan.deployment_id[:8]}", hint=_again(plan.target)
        )
    if plan.expires_at <= datetime.now(UTC):
        raise PlanRefused(
            f"plan {plan.id[:8]} expired at {plan.expires_at.isoformat(timespec='seconds')}", hint=_again(plan.target)
        )


def _hooks(plan: Plan) -> dict[str, str]:
    hooks = plan.variables.get("fraisier_hooks") or {}
    return {name: _file_digest(Path(str(path))) for name, path in hooks.items()}


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _again(target: Target) -> str:
    return f"make a new one: fraisier plan {target.fraise} {target.environment}"
