"""2. What the roles read, from a target's settings. Pure, as compiling is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fraisier.balancer import balancer_variables
from fraisier.errors import NotBuiltYet, UsageError
from fraisier.fraise_types import TYPES, backup
from fraisier.fraise_types.copies import Destination, destination_variables, dump_variables, folder_name
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.health import words
from fraisier.fraise_types.migration_tools import THEIRS, commands_of
from fraisier.fraise_types.release import FromGit, Release
from fraisier.plan import Secrets, Template
from fraisier.secrets import SecretRef

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types import FraiseTypeModule


def module_of(resolved: ResolvedFraise) -> FraiseTypeModule:
    """The module of a fraise that can be deployed. Raises NotBuiltYet for types whose engine does not exist yet."""
    module = TYPES[resolved.type]
    if not module.BUILT:
        raise NotBuiltYet(
            f"{resolved.target}: fraises of type '{resolved.type}' can be configured, but this version cannot deploy them yet",
            hint="the status table in the README says what works",
        )
    return module


def repository_of(resolved: ResolvedFraise) -> tuple[str, str]:
    """Repository and branch that a fraise is made from; two empty texts for one that is made from its settings alone.

    Raises NotBuiltYet as ``module_of`` does.
    """
    module_of(resolved)
    settings = resolved.settings
    return (settings.git_repo or "", settings.branch) if isinstance(settings, FromGit) else ("", "")


def database_of(resolved: ResolvedFraise) -> Database | None:
    """The database that follows the release, for types that have one."""
    found = getattr(resolved.settings, "database", None)
    return found if isinstance(found, Database) else None


def target_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    module, settings = module_of(resolved), resolved.settings
    found: dict[str, Any] = {
        "fraisier_target": resolved.target.slug,
        "fraisier_become": settings.become,
        "fraisier_become_user": settings.become_user or "",
        "fraisier_environment": secrets.mapping("environment", settings.environment),
    }
    if isinstance(settings, Release):
        found |= _release_variables(resolved, settings, secrets)
    found |= _backup_variables(resolved, secrets) | _migrate_variables(resolved, secrets)
    found |= module.variables(resolved, secrets) | balancer_variables(resolved)
    return found | {key: trusted(value, key, secrets) for key, value in settings.vars.items()}


def _release_variables(resolved: ResolvedFraise, settings: Release, secrets: Secrets) -> dict[str, Any]:
    """What phases preflight, fetch, build and prune need of every fraise that is made from a repository."""
    return {
        "fraisier_app_path": settings.app_path,
        "fraisier_prune_keep": settings.keep_releases,
        "fraisier_hooks": {name: str(resolved.root / path) for name, path in settings.hooks.items()},
        **_fetch_variables(settings),
        **_build_variables(settings, secrets),
    }


def _fetch_variables(settings: Release) -> dict[str, Any]:
    pushes = settings.fetch == "push"
    return {
        "fraisier_preflight_tools": ["gzip", "tar"] if pushes else ["git", "tar"],
        "fraisier_preflight_min_free_mb": settings.min_free_mb,
        "fraisier_git_repo": settings.git_repo,
        "fraisier_git_submodules": settings.git_submodules,
        **({"fraisier_git_push": True} if pushes else {}),
        "fraisier_git_shared": list(settings.shared),
    }


def _build_variables(settings: Release, secrets: Secrets) -> dict[str, Any]:
    install = settings.install
    if install is None:
        return {"fraisier_build_commands": []}
    return {
        "fraisier_build_commands": [words(command) for command in install.commands],
        "fraisier_build_environment": secrets.mapping("install", install.environment),
        "fraisier_build_timeout_seconds": install.timeout_seconds,
    }


def _backup_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    """The copy before migrations; without one the phase has nothing to do."""
    database, settings = database_of(resolved), resolved.settings
    if database is None or not database.backup_before_deploy or not isinstance(settings, Release):
        return {"fraisier_backup_source": {}}
    backup = database.backup
    url = secrets.value("database_url", database.url) if database.url else ""
    destination = {"path": f"{settings.app_path}/backups", **destination_variables(backup.destination, secrets)}
    return {
        "fraisier_backup_name": folder_name(resolved.target),
        "fraisier_backup_source": {"url": url, "may_be_missing": True, **dump_variables(backup)},
        "fraisier_backup_destination": destination,
        "fraisier_backup_retention": backup.retention.model_dump(),
        "fraisier_backup_reuse_seconds": backup.reuse_seconds,
        "fraisier_backup_timeout_seconds": backup.timeout_seconds,
    }


def _migrate_variables(resolved: ResolvedFraise, secrets: Secrets) -> dict[str, Any]:
    database = database_of(resolved)
    if database is None or database.tool is None:
        return {"fraisier_migrate_tool": ""}
    environment = {}
    if database.url is not None:
        environment[database.url_variable] = secrets.value("database_url", database.url)
    is_ours = database.tool not in THEIRS
    return {
        "fraisier_migrate_tool": database.tool if is_ours else "command",
        "fraisier_migrate_environment": environment,
        "fraisier_migrate_bin_dir": database.bin_dir or "",
        "fraisier_migrate_config": database.config or "",
        "fraisier_migrate_migrations_dir": database.migrations_dir or "",
        "fraisier_migrate_url_variable": database.url_variable,
        "fraisier_migrate_database": database.name or "",
        "fraisier_migrate_commands": dict(commands_of(database)),
        "fraisier_migrate_pending_rc": database.pending_rc if is_ours else THEIRS[database.tool].pending_rc,
        "fraisier_migrate_extra_args": list(database.extra_args),
        "fraisier_migrate_allow_database_ahead": database.allow_database_ahead,
        "fraisier_migrate_timeout_seconds": database.timeout_seconds,
        "fraisier_migrate_lock_timeout_seconds": database.lock_timeout_seconds,
        **(_replace_variables(resolved, database, secrets) if database.is_replaced else {}),
    }


def _replace_variables(resolved: ResolvedFraise, database: Database, secrets: Secrets) -> dict[str, Any]:
    """What takes the place of the database before migrations. Raises UsageError where it cannot be told."""
    if database.url is None:
        raise UsageError(f"{resolved.target}: database.strategy: {database.strategy} needs database.url")
    return {
        "fraisier_replace_by": "nothing" if database.strategy == "rebuild" else "copy",
        "fraisier_replace_source": {
            "url": secrets.value("database_url", database.url),
            **dump_variables(database.backup),
        },
        "fraisier_replace_copies": _copies(resolved, database, secrets),
        "fraisier_replace_bin_dir": database.bin_dir or "",
        "fraisier_replace_timeout_seconds": database.backup.timeout_seconds,
        "fraisier_replace_lock_timeout_seconds": database.lock_timeout_seconds,
    }


def _copies(resolved: ResolvedFraise, database: Database, secrets: Secrets) -> dict[str, Any]:
    """Whose copies take the place of the database, and where they are."""
    if database.strategy == "rebuild":
        return {}
    origin, wanted = resolved.origin, database.restore_from
    if origin is None:
        raise UsageError(f"{resolved.target}: database.restore_from names no target of this file")
    path = f"{getattr(origin.settings, 'app_path', '')}/backups"
    found = {"path": path, **destination_variables(_kept_in(origin), secrets)}
    return {"name": folder_name(origin.target), "destination": found, **({"at": wanted.at} if wanted.at else {})}


def _kept_in(origin: ResolvedFraise) -> Destination:
    if isinstance(origin.settings, backup.Settings):
        return origin.settings.destination
    database = database_of(origin)
    return database.backup.destination if database else Destination()


def trusted(value: Any, name: str, secrets: Secrets) -> Any:
    """``vars:`` go to Ansible as they are: the one place where the user's text is a template."""
    if isinstance(value, SecretRef):
        return secrets.value(name, value)
    if isinstance(value, str):
        return Template(value)
    if isinstance(value, Mapping):
        return {key: trusted(item, f"{name}_{key}", secrets) for key, item in value.items()}
    return [trusted(item, name, secrets) for item in value] if isinstance(value, list | tuple) else value
