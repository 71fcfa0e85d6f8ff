"""2. What the roles read, from a target's settings. Pure, as compiling is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.balancer import balancer_variables
from fraisier.errors import NotBuiltYet
from fraisier.fraise_types import api
from fraisier.plan import Template
from fraisier.secrets import SecretRef

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise

LOG_LINES = 20


NOT_RUN_YET = ("_backup",)


def settings_of(resolved: ResolvedFraise) -> api.Settings:
    """The settings of a fraise that can be deployed. Raises NotBuiltYet for types whose engine does not exist yet."""
    if not isinstance(resolved.settings, api.Settings):
        raise NotBuiltYet(
            f"{resolved.target}: fraises of type '{resolved.type}' can be configured, but this version cannot deploy them yet",
            hint="the status table in the README says what works",
        )
    return resolved.settings


@dataclass
class Secrets:
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


def target_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
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
    found |= _service_variables(resolved, secrets) | _health_variables(resolved, secrets) | balancer_variables(resolved)
    return found | {key: trusted(value, key, secrets) for key, value in settings.vars.items()}


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


def _build_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    install = settings_of(resolved).install
    if install is None:
        return {"fraisier_build_commands": []}
    return {
        "fraisier_build_commands": [_command(command) for command in install.commands],
        "fraisier_build_environment": secrets.mapping("install", install.environment),
        "fraisier_build_timeout_seconds": install.timeout_seconds,
    }


def _migrate_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    database = settings_of(resolved).database
    if database is None or database.tool is None:
        return {"fraisier_migrate_tool": ""}
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
        "fraisier_migrate_url_variable": database.url_variable,
        "fraisier_migrate_database": database.name or "",
        "fraisier_migrate_commands": {name: _command(command) for name, command in commands.items()},
        "fraisier_migrate_pending_rc": database.pending_rc,
        "fraisier_migrate_extra_args": list(database.extra_args),
        "fraisier_migrate_allow_database_ahead": database.allow_database_ahead,
        "fraisier_migrate_timeout_seconds": database.timeout_seconds,
        "fraisier_migrate_lock_timeout_seconds": database.lock_timeout_seconds,
    }


def _service_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    settings = settings_of(resolved)
    service = settings.service
    manager = service.manager if service else "systemd"
    database = {}
    if settings.database and settings.database.url is not None:
        database[settings.database.url_variable] = secrets.value("database_url", settings.database.url)
    environment = {**database, **(secrets.mapping("service", service.environment) if service else {})}
    found: dict[str, Any] = {"fraisier_service_manager": manager, "fraisier_preflight_manager": manager}
    if service and service.blue_green:
        found["fraisier_blue_green"] = service.blue_green.model_dump()
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


def _health_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    check = settings_of(resolved).health_check
    service = _service_variables(resolved, Secrets())
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


def _command(command: str | Iterable[str]) -> str | list[str]:
    return command if isinstance(command, str) else list(command)


def _hook_path(resolved: ResolvedFraise, name: str, path: str) -> str:
    if name.endswith(NOT_RUN_YET):
        raise NotBuiltYet(f"{resolved.target}: hooks.{name}: that phase is not built yet")
    return str(resolved.root / path)


def trusted(value: Any, name: str, secrets: Secrets) -> Any:
    """``vars:`` go to Ansible as they are: the one place where the user's text is a template."""
    if isinstance(value, SecretRef):
        return secrets.value(name, value)
    if isinstance(value, str):
        return Template(value)
    if isinstance(value, Mapping):
        return {key: trusted(item, f"{name}_{key}", secrets) for key, item in value.items()}
    return [trusted(item, name, secrets) for item in value] if isinstance(value, list | tuple) else value
