"""Fraise type ``backup``: copies of a database or of files, made by the clock of one host, verified, and kept for a while."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from fraisier.errors import UsageError
from fraisier.fraise_types import JobRun, Resolved
from fraisier.fraise_types.clock import moments
from fraisier.fraise_types.copies import (
    Destination,
    Dump,
    Retention,
    destination_variables,
    dump_variables,
    folder_name,
)
from fraisier.fraise_types.cron import on_calendar
from fraisier.fraise_types.fields import AbsolutePath, Line, Secret
from fraisier.fraise_types.run import Run, clock_variables, needs_root, unit_prefix
from fraisier.fraise_types.settings import Placement
from fraisier.plan import Secrets
from fraisier.vocabulary import Target

PLAYBOOK: Final = "fraisier.deploy.backup"
BUILT: Final = True
COPY: Final = "copy"
"""What its one job is called."""
GRACE_SECONDS: Final = 90
"""So much longer than a copy may take lives its unit: it waits for another one first, and tells what was too slow."""


class Source(Dump):
    """What is copied."""

    kind: Literal["postgresql", "sqlite", "files"] | None = Field(None, description="What is copied. Required.")
    url: Secret | None = Field(
        None, description="Address of the database, for `postgresql`. A secret. Default: the tool's own."
    )
    database: Line | None = Field(
        None, description="Name of the database, for `postgresql`. Default: the one in `url`."
    )
    path: AbsolutePath | None = Field(None, description="The database file, for `sqlite`. Required there.")
    paths: tuple[AbsolutePath, ...] = Field((), description="Files and folders, for `files`. Required there.")
    exclude: tuple[Line, ...] = Field((), description="Patterns left out, for `files`. Default: none.")


class Settings(Placement):
    """Settings of a backup in one environment."""

    app_path: AbsolutePath | None = Field(
        None,
        description="Directory on the host for its units, locks and records; not for the copies. Absolute. Required.",
    )
    source: Source = Field(Source(), description="What is copied. Required.")
    destination: Destination = Field(Destination(), description="Where the copies are kept. Required.")
    retention: Retention = Field(Retention(), description="How many copies are kept. Default: the last 7.")
    schedule: Annotated[Line, AfterValidator(moments)] | None = Field(
        None, description="When it runs: cron's five fields, or a systemd calendar expression. Default: on demand only."
    )
    run: Run = Field(
        Run(), description="As whom copies are made, and within which limits. Default: a unit, as who deploys."
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        source = self.source
        if self.app_path is None:
            yield "app_path is missing", "say which folder of the host is for its units, locks and records"
        if source.kind is None:
            yield "source.kind is missing", "say what is copied: postgresql, sqlite or files"
        if source.kind == "sqlite" and source.path is None:
            yield "source.path is missing", "say which database file is copied"
        if source.kind == "files" and not source.paths:
            yield "source.paths is missing", "say which files and folders are copied"
        yield from self.destination.conflicts()
        if source.kind == "files" and self.destination.password is None:
            yield "destination.password is missing", "files are kept encrypted: say by which password"
        if self.destination.path is None:
            yield "destination.path is missing", "say which folder the copies go to"
        if len(self.hosts) > 1:
            yield "hosts has several", "a backup is made on one host: say which with `server`"
        if self.schedule and self.run.manager == "none":
            yield (
                "schedule needs systemd",
                "set run.manager to systemd, or leave schedule out and let your own clock call fraisier run",
            )

    def jobs_to_run(self) -> tuple[str, ...]:
        return (COPY,)

    def has_timers(self) -> bool:
        return self.schedule is not None

    def units(self, target: Target) -> Iterator[tuple[str, str]]:
        if self.run.manager == "systemd":
            yield self.run.scope, f"{unit_prefix(target)}-{COPY}.service"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """A deployment has brought the program when its unit is there and its timer waits; or, without systemd, when a copy could be made."""
    settings = _settings(resolved)
    run, copying = settings.run, _copying(resolved, secrets)
    found = {
        "fraisier_app_path": settings.app_path,
        "fraisier_preflight_tools": [],
        "fraisier_backup_state": "ready",
        **{f"fraisier_backup_{name}": value for name, value in copying.items()},
    }
    if run.manager == "none":
        return found | {"fraisier_service_manager": "none", "fraisier_health_role": "backup"}
    job = {
        "backup": copying,
        "on_calendar": on_calendar(settings.schedule) if settings.schedule else [],
        "timeout_seconds": run.timeout_seconds + GRACE_SECONDS,
    }
    return found | clock_variables(resolved, run, {COPY: job})


def job(resolved: Resolved, params: Mapping[str, str], secrets: Secrets) -> JobRun:
    """One copy, made now: by its own unit, as its timer would start it, so that no two are ever made at once."""
    settings = _settings(resolved)
    run, target = settings.run, resolved.target
    if params:
        raise UsageError(f"{target}: a backup takes no parameters", hint="an etl does: type: etl")
    found: dict[str, Any] = {"name": COPY, "timeout_seconds": run.timeout_seconds + GRACE_SECONDS}
    if run.manager == "none":
        found |= {"manager": "none", "backup": _copying(resolved, secrets)}
    else:
        unit = f"{unit_prefix(target)}-{COPY}.service"
        found |= {"manager": "unit", "unit": unit, "scope": run.scope, "become": needs_root(resolved, run)}
    return JobRun("fraisier.deploy.run", {f"fraisier_job_{name}": value for name, value in found.items()})


def restoring(resolved: Resolved) -> dict[str, Any]:
    """What bringing a copy back needs besides: the lock that who makes copies holds, as the user who may read them."""
    settings = _settings(resolved)
    found: dict[str, Any] = {"fraisier_app_path": f"{settings.app_path}/work"}
    if settings.run.user and settings.run.scope == "system" and settings.run.manager == "systemd":
        found |= {"fraisier_become": True, "fraisier_become_user": settings.run.user}
    return found


def _settings(resolved: Resolved) -> Settings:
    settings = resolved.settings
    assert isinstance(settings, Settings)
    if len(settings.hosts) > 1:
        names = ", ".join(host.name for host in settings.hosts)
        raise UsageError(
            f"{resolved.target}: a backup is made on one host, and these are {names}", hint="say which with `server`"
        )
    return settings


def _copying(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """What role backup reads, by name."""
    settings = _settings(resolved)
    source = settings.source
    what: dict[str, Any] = {
        "url": secrets.value("source_url", source.url) if source.url else "",
        "database": source.database or "",
        "path": source.path or "",
        "paths": list(source.paths),
        "exclude": list(source.exclude),
    }
    return {
        "name": folder_name(resolved.target),
        "source": {
            "kind": source.kind,
            **{key: value for key, value in what.items() if value},
            **dump_variables(source),
        },
        "destination": destination_variables(settings.destination, secrets),
        "retention": settings.retention.model_dump(),
        "timeout_seconds": settings.run.timeout_seconds,
    }
