"""2. Target + configuration -> Plan. Pure: no disk, clock, network or environment; the same input gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from fraisier.balancer import helping_hosts, server_variables
from fraisier.batches import serial
from fraisier.connection import connection_variables, inventory_groups
from fraisier.errors import FraisierError, UsageError
from fraisier.fraise_types import backup
from fraisier.fraise_types.migration_tools import THEIRS, commands_of
from fraisier.fraise_types.service import HealthCheck
from fraisier.plan import Plan, Release, Secrets, Template, digest
from fraisier.variables import database_of, module_of, repository_of, target_variables
from fraisier.vocabulary import COLLECTION, is_commit

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types import RunsJobs
    from fraisier.fraise_types.settings import Host


RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[a-z0-9]{6}")


def deploy_plan(resolved: ResolvedFraise, release: Release, *, protect: Sequence[str] = ()) -> Plan:
    """The plan that puts ``release`` on all hosts of the target. ``protect``: release ids that pruning must leave alone."""
    _checked(release)
    now = {
        **_release_variables(release),
        "fraisier_prune_protect": list(protect),
        **_replaced_before(resolved, protect),
        "fraisier_health_expected_version": _expected(resolved, release),
    }
    plan = _plan(resolved, module_of(resolved).PLAYBOOK, now, release)
    return replace(plan, serial=serial(resolved.settings.rollout))


def _replaced_before(resolved: ResolvedFraise, good: Sequence[str]) -> dict[str, Any]:
    """The last release that held: what later ones have put in the place of its database did not."""
    database = database_of(resolved)
    return {"fraisier_replace_good": max(good, default="")} if database and database.is_replaced else {}


def is_reversible(resolved: ResolvedFraise) -> bool:
    """Whether the schema can be asked to go back: False only for a tool of the user's own that has no command for it."""
    database = database_of(resolved)
    if database is None or not (database.tool == "command" or database.tool in THEIRS):
        return database is not None
    return "down" in commands_of(database)


@dataclass(frozen=True)
class Move:
    """Where each host goes in a rollback (``None``: to nothing, what a failed first deployment left), and the schema with it.

    ``schema`` is the revision to go to ('' for an empty database), None to leave the database alone; ``schema_release`` is the release
    whose files know how to get there: the newer of the two.
    """

    hosts: Mapping[str, Release | None]
    bad_release_id: str = ""
    schema: str | None = None
    schema_release: Release | None = None


def rollback_plan(resolved: ResolvedFraise, move: Move) -> Plan:
    """The plan that brings hosts back to releases that they still have."""
    hosts = {}
    for name, release in move.hosts.items():
        hosts[name] = _host_release(resolved, _checked(release) if release else None)
    # What is good is the ledger's to say: a rollback that did not hold has marked the release that must serve again.
    now: dict[str, Any] = {
        "fraisier_activate_bad_release_id": move.bad_release_id,
        "fraisier_activate_allow_bad": True,
    }
    if move.schema is not None and move.schema_release and database_of(resolved):
        now["fraisier_rollback_migrate_target"] = move.schema
        release = _checked(move.schema_release)
        now["fraisier_migrate_directory"] = Template(f"{{{{ fraisier_app_path }}}}/releases/{release.release_id}")
    return _plan(resolved, playbook_of(resolved, "rollback"), now, None, hosts)


def undo_replace_plan(resolved: ResolvedFraise, release: Release, host: str) -> Plan:
    """The plan that lets the database serve again that did before ``release``, on the host that has replaced it."""
    now = _release_variables(_checked(release))
    return _plan(resolved, f"{COLLECTION}.undo_replace", now, None, {host: {}})


def restore_plan(resolved: ResolvedFraise, at: str) -> Plan:
    """The plan that brings the newest copy up to the moment ``at`` back ('' for the newest), on the host where copies are made."""
    first = [host.name for host in resolved.settings.hosts][:1]
    now = {"fraisier_restore_at": at, **(backup.restoring(resolved) if resolved.type == "backup" else {})}
    plan = _plan(resolved, f"{COLLECTION}.restore", now, None, {name: {} for name in first})
    if not plan.variables.get("fraisier_backup_source"):
        raise UsageError(
            f"{resolved.target}: no copies are made of it",
            hint="database.backup_before_deploy: true makes them, or a fraise of type backup",
        )
    return plan


def status_plan(resolved: ResolvedFraise, release: Release | None) -> Plan:
    """The plan that asks every host what is true now and changes nothing. ``release``: what the ledger believes."""
    now = {
        **(_release_variables(release) if release else {}),
        "fraisier_health_expected_version": _expected(resolved, release) if release else "",
    }
    return _plan(resolved, playbook_of(resolved, "status"), now, release)


def job_plan(resolved: ResolvedFraise, params: Mapping[str, str]) -> Plan:
    """The plan that runs the job ``resolved.target.job`` on all hosts of the target. Raises UsageError when there is no such job."""
    module, target = module_of(resolved), resolved.target
    names = resolved.settings.jobs_to_run()
    if target.job not in names:
        known = f"jobs: {', '.join(names)}" if names else f"fraisier deploy {target.fraise} {target.environment}"
        raise UsageError(f"{target}: there is no such job to run", hint=known)
    secrets = Secrets()
    run = cast("RunsJobs", module).job(resolved, params, secrets)
    plan = _plan(resolved, run.playbook, run.variables, None)
    return replace(plan, secrets={**plan.secrets, **secrets.found})


def collect_plan(resolved: ResolvedFraise, since: Mapping[str, int]) -> Plan:
    """The plan that brings back what jobs have left on each host of runs that ended after ``since``, in seconds since the epoch."""
    hosts = {name: {"fraisier_runs_since": moment} for name, moment in since.items()}
    return _plan(resolved, f"{COLLECTION}.collect", {}, None, hosts)


def stop_plan(resolved: ResolvedFraise) -> Plan:
    """The plan that ends what a cut off run still does on the hosts: that of the deployment, or of the job that ``resolved`` is of."""
    now = job_plan(resolved, {}).variables if resolved.target.job else {}
    return _plan(resolved, playbook_of(resolved, "stop"), now, None)


def doctor_plan(resolved: ResolvedFraise) -> Plan:
    """The plan that looks at everything that a deployment needs of the hosts and changes nothing."""
    now = {"fraisier_git_branch": repository_of(resolved)[1], "fraisier_health_expected_version": ""}
    return _plan(resolved, playbook_of(resolved, "doctor"), now, None)


def playbook_of(resolved: ResolvedFraise, word: str) -> str:
    """The playbook for ``word``: rollback, status, doctor or stop."""
    theirs: Mapping[str, str] = getattr(module_of(resolved), "PLAYBOOKS", {})
    return theirs.get(word, f"{COLLECTION}.{word}")


def config_hash(resolved: ResolvedFraise) -> str:
    """SHA-256 of what the configuration alone contributes to a deployment: whether it changed since the last one."""
    secrets = Secrets()
    variables = target_variables(resolved, secrets)
    hosts = {host.name: _host_variables(resolved, host, secrets) for host in resolved.settings.hosts}
    helpers = _helpers(resolved, hosts, secrets)
    templates = {name: secret.template for name, secret in secrets.found.items()}
    theirs = [inventory_groups(resolved), _inventory_digest(resolved)]
    return digest([module_of(resolved).PLAYBOOK, hosts, helpers, variables, templates, theirs])


def _plan(
    resolved: ResolvedFraise,
    playbook: str,
    now: Mapping[str, Any],
    release: Release | None,
    host_variables: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    secrets = Secrets()
    variables = {**target_variables(resolved, secrets), **now}
    hosts = {
        host.name: {
            **_ours(resolved, host, variables),
            **_host_variables(resolved, host, secrets),
            **(host_variables or {}).get(host.name, {}),
        }
        for host in resolved.settings.hosts
        if host_variables is None or host.name in host_variables
    }
    return Plan(
        target=resolved.target,
        playbook=playbook,
        hosts=hosts,
        helpers=_helpers(resolved, hosts, secrets),
        variables=variables,
        secrets=secrets.found,
        release=release,
        config_hash=config_hash(resolved),
        timeout_seconds=resolved.settings.timeout_seconds,
        groups=inventory_groups(resolved),
        inventories=resolved.estate.sources if resolved.estate else (),
        inventory_digest=_inventory_digest(resolved),
    )


def _ours(resolved: ResolvedFraise, host: Host, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the target that the user's inventories have for this host, too: only as host variables do ours win."""
    theirs = resolved.estate.variables.get(host.name, frozenset()) if resolved.estate else frozenset()
    return {name: value for name, value in variables.items() if name in theirs}


def _inventory_digest(resolved: ResolvedFraise) -> str:
    if resolved.settings.inventory and resolved.estate is None:
        raise FraisierError(f"{resolved.target}: compiled before its inventory was asked for its hosts")
    names = [host.name for host in resolved.settings.hosts]
    return digest([resolved.estate.peers.get(name) for name in names]) if resolved.estate else ""


def _host_variables(resolved: ResolvedFraise, host: Host, secrets: Secrets) -> dict[str, Any]:
    return {**server_variables(resolved, host), **connection_variables(resolved, host, secrets)}


def _helpers(resolved: ResolvedFraise, hosts: Mapping[str, Any], secrets: Secrets) -> dict[str, dict[str, Any]]:
    return {
        host.name: connection_variables(resolved, host, secrets) for host in helping_hosts(resolved.settings, hosts)
    }


def _host_release(resolved: ResolvedFraise, release: Release | None) -> dict[str, Any]:
    if release is None:
        return {"fraisier_release_id": "", "fraisier_version": "", "fraisier_health_expected_version": ""}
    return {**_release_variables(release), "fraisier_health_expected_version": _expected(resolved, release)}


def _release_variables(release: Release) -> dict[str, Any]:
    return {"fraisier_release_id": release.release_id, "fraisier_version": release.version}


def _expected(resolved: ResolvedFraise, release: Release) -> str:
    """The version that hosts must answer with, or '' when the health check cannot tell."""
    check = getattr(resolved.settings, "health_check", None)
    asks = isinstance(check, HealthCheck) and (check.version_json or check.version_header)
    return release.version if asks else ""


def _checked(release: Release) -> Release:
    """Release id and commit come from the ledger, a git server or a user: their shape is all that is trusted."""
    if not RELEASE_ID.fullmatch(release.release_id):
        raise UsageError(f"'{release.release_id}' is not a release id")
    if not is_commit(release.version):
        raise UsageError(f"'{release.version}' is not a full commit hash (40 or 64 hexadecimal digits)")
    return release
