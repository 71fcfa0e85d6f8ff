"""2. Target + configuration -> Plan. Pure: no disk, clock, network or environment; the same input gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.errors import NotBuiltYet, UsageError
from fraisier.fraise_types import TYPES, api
from fraisier.plan import Plan, Release, Template, digest
from fraisier.secrets import SecretRef
from fraisier.vocabulary import is_commit

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types.settings import Host

COLLECTION = "fraisier.deploy"
RELEASE_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}-[a-z0-9]{6}")
LOG_LINES = 20
NOT_RUN_YET = ("_backup", "_drain", "_reattach")


def deploy_plan(resolved: ResolvedFraise, release: Release, *, protect: Sequence[str] = ()) -> Plan:
    """The plan that puts ``release`` on all hosts of the target. ``protect``: release ids that pruning must leave alone."""
    _checked(release)
    now = {
        **_release_variables(release),
        "fraisier_prune_protect": list(protect),
        "fraisier_health_expected_version": _expected(resolved, release),
    }
    return _plan(resolved, TYPES[resolved.type].PLAYBOOK, now, release)


def is_reversible(resolved: ResolvedFraise) -> bool:
    """Whether the schema can be asked to go back: False only for a tool of the user's own that has no command for it."""
    database = settings_of(resolved).database
    return database is not None and (database.tool != "command" or database.commands.down is not None)


def settings_of(resolved: ResolvedFraise) -> api.Settings:
    """The settings of a fraise that can be deployed. Raises NotBuiltYet for types whose engine does not exist yet."""
    if not isinstance(resolved.settings, api.Settings):
        raise NotBuiltYet(
            f"{resolved.target}: fraises of type '{resolved.type}' can be configured, but this version cannot deploy them yet",
            hint="the status table in the README says what works",
        )
    return resolved.settings


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
    now: dict[str, Any] = {"fraisier_activate_bad_release_id": move.bad_release_id}
    if move.schema is not None and move.schema_release and settings_of(resolved).database:
        now["fraisier_rollback_migrate_target"] = move.schema
        release = _checked(move.schema_release)
        now["fraisier_migrate_directory"] = Template(f"{{{{ fraisier_app_path }}}}/releases/{release.release_id}")
    return _plan(resolved, f"{COLLECTION}.rollback", now, None, hosts)


def status_plan(resolved: ResolvedFraise, release: Release | None) -> Plan:
    """The plan that asks every host what is true now and changes nothing. ``release``: what the ledger believes."""
    now = {
        **(_release_variables(release) if release else {}),
        "fraisier_health_expected_version": _expected(resolved, release) if release else "",
    }
    return _plan(resolved, f"{COLLECTION}.status", now, release)


def config_hash(resolved: ResolvedFraise) -> str:
    """SHA-256 of what the configuration alone contributes to a deployment: whether it changed since the last one."""
    secrets = _Secrets()
    variables = _variables(resolved, secrets)
    hosts = {host.name: _host(resolved, host, secrets) for host in resolved.settings.hosts}
    templates = {name: secret.template for name, secret in secrets.found.items()}
    return digest([TYPES[resolved.type].PLAYBOOK, hosts, variables, templates])


def _plan(
    resolved: ResolvedFraise,
    playbook: str,
    now: Mapping[str, Any],
    release: Release | None,
    host_variables: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    secrets = _Secrets()
    variables = {**_variables(resolved, secrets), **now}
    hosts = {
        host.name: {**_host(resolved, host, secrets), **(host_variables or {}).get(host.name, {})}
        for host in resolved.settings.hosts
        if host_variables is None or host.name in host_variables
    }
    return Plan(
        target=resolved.target,
        playbook=playbook,
        hosts=hosts,
        variables=variables,
        secrets=secrets.found,
        release=release,
        config_hash=config_hash(resolved),
        timeout_seconds=resolved.settings.timeout_seconds,
    )


@dataclass
class _Secrets:
    """Collects the secrets that variables refer to; a plan holds their names and where they come from, never a value."""

    found: dict[str, SecretRef] = field(default_factory=dict)

    def value(self, name: str, given: str | SecretRef) -> str:
        """``given`` as it is when it is plain text, else the template that reads it at run time."""
        if not isinstance(given, SecretRef):
            return given
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)
        while self.found.get(key, given) != given:
            key += "_"
        self.found[key] = given
        return Template(f"{{{{ fraisier_secrets.{key} }}}}")

    def mapping(self, name: str, given: Mapping[str, str | SecretRef]) -> dict[str, str]:
        return {key: self.value(f"{name}_{key}", value) for key, value in given.items()}


def _variables(resolved: ResolvedFraise, secrets: _Secrets) -> dict[str, Any]:
    settings = settings_of(resolved)
    found: dict[str, Any] = {
        "fraisier_target": resolved.target.slug,
        "fraisier_app_path": settings.app_path,
        "fraisier_become": settings.become,
        "fraisier_become_user": settings.become_user or "",
        "fraisier_environment": secrets.mapping("environment", settings.environment),
        "fraisier_prune_keep": settings.keep_releases,
        "fraisier_hooks": {name: _hook_path(resolved, name, path) for name, path in settings.hooks.items()},
    }
    found |= _fetch_variables(resolved) | _build_variables(resolved, secrets) | _migrate_variables(resolved, secrets)
    found |= _service_variables(resolved, secrets) | _health_variables(resolved, secrets)
    return found | {key: _trusted(value, key, secrets) for key, value in settings.vars.items()}


def _fetch_variables(resolved: ResolvedFraise) -> dict[str, Any]:
    settings = settings_of(resolved)
    if settings.fetch != "host":
        raise NotBuiltYet(
            f"{resolved.target}: fetch: {settings.fetch} is not built yet; hosts fetch for themselves (fetch: host)"
        )
    return {
        "fraisier_preflight_tools": ["git", "tar"],
        "fraisier_preflight_min_free_mb": settings.min_free_mb,
        "fraisier_git_repo": settings.git_repo,
        "fraisier_git_submodules": settings.git_submodules,
        "fraisier_git_shared": list(settings.shared),
    }


def _build_variables(resolved: ResolvedFraise, secrets: _Secrets) -> dict[str, Any]:
    install = settings_of(resolved).install
    if install is None:
        return {"fraisier_build_commands": []}
    return {
        "fraisier_build_commands": [_command(command) for command in install.commands],
        "fraisier_build_environment": secrets.mapping("install", install.environment),
        "fraisier_build_timeout_seconds": install.timeout_seconds,
    }


def _migrate_variables(resolved: ResolvedFraise, secrets: _Secrets) -> dict[str, Any]:
    database = settings_of(resolved).database
    if database is None or database.tool is None:
        return {"fraisier_migrate_tool": ""}
    if database.tool not in ("command", "alembic"):
        raise NotBuiltYet(
            f"{resolved.target}: migrations with '{database.tool}' are not built yet; 'alembic' and 'command' are"
        )
    if database.strategy != "apply" or database.backup_before_deploy:
        asked = "backup_before_deploy" if database.backup_before_deploy else f"strategy: {database.strategy}"
        raise NotBuiltYet(f"{resolved.target}: database.{asked} is not built yet")
    environment = {}
    if database.url is not None:
        environment[database.url_variable] = secrets.value("database_url", database.url)
    commands = database.commands.model_dump(exclude_none=True)
    return {
        "fraisier_migrate_tool": database.tool,
        "fraisier_migrate_environment": environment,
        "fraisier_migrate_bin_dir": database.bin_dir or "",
        "fraisier_migrate_config": database.config or "",
        "fraisier_migrate_migrations_dir": database.migrations_dir or "",
        "fraisier_migrate_commands": {name: _command(command) for name, command in commands.items()},
        "fraisier_migrate_pending_rc": database.pending_rc,
        "fraisier_migrate_extra_args": list(database.extra_args),
        "fraisier_migrate_allow_database_ahead": database.allow_database_ahead,
        "fraisier_migrate_timeout_seconds": database.timeout_seconds,
        "fraisier_migrate_lock_timeout_seconds": database.lock_timeout_seconds,
    }


def _service_variables(resolved: ResolvedFraise, secrets: _Secrets) -> dict[str, Any]:
    settings = settings_of(resolved)
    service = settings.service
    manager = service.manager if service else "systemd"
    database = {}
    if settings.database and settings.database.url is not None:
        database[settings.database.url_variable] = secrets.value("database_url", settings.database.url)
    environment = {**database, **(secrets.mapping("service", service.environment) if service else {})}
    found: dict[str, Any] = {"fraisier_service_manager": manager, "fraisier_preflight_manager": manager}
    if manager == "none":
        return found
    common: dict[str, Any] = {"exec": "", "environment": environment}
    if service:
        common |= {
            "exec": service.exec or "",
            "stop_timeout_seconds": service.stop_timeout_seconds,
            "start_timeout_seconds": service.start_timeout_seconds,
        }
    unit = api.unit_name(resolved)
    if manager == "supervisor":
        assert service
        special = {"program": unit.removesuffix(".service"), "home": service.home or ""}
        special["python"] = service.python or "python3"
    else:
        special = _unit_variables(resolved, unit)
    return found | {f"fraisier_{manager}_{key}": value for key, value in {**common, **special}.items()}


def _unit_variables(resolved: ResolvedFraise, unit: str) -> dict[str, Any]:
    service = settings_of(resolved).service
    found: dict[str, Any] = {"unit": unit, "description": resolved.description or resolved.target.slug}
    found["become"] = resolved.settings.connection == "ssh"
    if service is None:
        return found
    return found | {
        "scope": service.scope,
        "user": service.user or "",
        "group": service.group or "",
        "options": dict(service.options),
        "become": found["become"] and service.scope == "system",
    }


def _health_variables(resolved: ResolvedFraise, secrets: _Secrets) -> dict[str, Any]:
    check = settings_of(resolved).health_check
    service = _service_variables(resolved, _Secrets())
    manager = service["fraisier_service_manager"]
    found = {
        "manager": manager,
        "unit": service.get("fraisier_systemd_unit", ""),
        "scope": service.get("fraisier_systemd_scope", "system"),
        "program": service.get("fraisier_supervisor_program", ""),
        "home": service.get("fraisier_supervisor_home", ""),
        "log_lines": LOG_LINES,
    }
    if check:
        headers = secrets.mapping("header", check.headers)
        if check.auth_token is not None:
            token = secrets.value("health_auth_token", check.auth_token)
            headers["Authorization"] = Template(f"Bearer {token}")
        found |= {
            "url": check.url or "",
            "status": list(check.status),
            "timeout_seconds": check.timeout_seconds,
            "interval_seconds": check.interval_seconds,
            "request_timeout_seconds": check.request_timeout_seconds,
            "version_json": check.version_json or "",
            "version_header": check.version_header or "",
            "headers": headers,
            "command": _command(check.command) if check.command else "",
            "verify_tls": check.verify_tls,
            "after_start": check.after_start,
        }
    return {f"fraisier_health_{key}": value for key, value in found.items()}


def _host(resolved: ResolvedFraise, host: Host, secrets: _Secrets) -> dict[str, Any]:
    """Connection variables of one host; what the host does not say itself comes from the environment."""
    settings = resolved.settings
    if settings.connection == "local":
        found: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": Template("{{ ansible_playbook_python }}"),
        }
    else:
        found = {
            "ansible_host": host.address or host.name,
            "ansible_port": host.port or settings.port,
            "ansible_user": host.user or settings.user,
            "ansible_ssh_private_key_file": host.ssh_key or settings.ssh_key,
            "ansible_python_interpreter": settings.python_interpreter,
        }
        if bastion := host.bastion or settings.bastion:
            found["ansible_ssh_common_args"] = f"-o ProxyJump={bastion}"
    found = {key: value for key, value in found.items() if value is not None}
    return found | {key: _trusted(value, f"{host.name}_{key}", secrets) for key, value in host.vars.items()}


def _host_release(resolved: ResolvedFraise, release: Release | None) -> dict[str, Any]:
    if release is None:
        return {"fraisier_release_id": "", "fraisier_version": "", "fraisier_health_expected_version": ""}
    return {**_release_variables(release), "fraisier_health_expected_version": _expected(resolved, release)}


def _release_variables(release: Release) -> dict[str, Any]:
    return {"fraisier_release_id": release.release_id, "fraisier_version": release.version}


def _expected(resolved: ResolvedFraise, release: Release) -> str:
    """The version that hosts must answer with, or '' when the health check cannot tell."""
    check = settings_of(resolved).health_check
    return release.version if check and (check.version_json or check.version_header) else ""


def _checked(release: Release) -> Release:
    """Release id and commit come from the ledger, a git server or a user: their shape is all that is trusted."""
    if not RELEASE_ID.fullmatch(release.release_id):
        raise UsageError(f"'{release.release_id}' is not a release id")
    if not is_commit(release.version):
        raise UsageError(f"'{release.version}' is not a full commit hash (40 or 64 hexadecimal digits)")
    return release


def _command(command: str | Iterable[str]) -> str | list[str]:
    return command if isinstance(command, str) else list(command)


def _hook_path(resolved: ResolvedFraise, name: str, path: str) -> str:
    if name.endswith(NOT_RUN_YET):
        raise NotBuiltYet(f"{resolved.target}: hooks.{name}: that phase is not built yet")
    return str(resolved.root / path)


def _trusted(value: Any, name: str, secrets: _Secrets) -> Any:
    """``vars:`` go to Ansible as they are: the one place where the user's text is a template."""
    if isinstance(value, SecretRef):
        return secrets.value(name, value)
    if isinstance(value, str):
        return Template(value)
    if isinstance(value, Mapping):
        return {key: _trusted(item, f"{name}_{key}", secrets) for key, item in value.items()}
    return [_trusted(item, name, secrets) for item in value] if isinstance(value, list | tuple) else value
