"""Fraise type ``etl``: a program that moves data and ends. A deployment brings it to its hosts, `fraisier run` runs it there."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from fraisier.fraise_types import JobRun, Resolved
from fraisier.fraise_types.clock import moments
from fraisier.fraise_types.cron import on_calendar
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import Line, RelativePath
from fraisier.fraise_types.health import health_variables
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.run import Run, clock_variables, needs_root, unit_prefix
from fraisier.plan import Secrets
from fraisier.vocabulary import Target

PLAYBOOK: Final = "fraisier.deploy.etl"
BUILT: Final = True
RUN: Final = "run"
"""What its one job is called: it has a line of its own, so that neither a run nor a deployment waits for the other."""


class Settings(Release):
    """Settings of an etl in one environment."""

    script: RelativePath | None = Field(
        None, description="Program to run, relative to the release; it must be executable. Required."
    )
    args: tuple[Line, ...] = Field((), description="Arguments of the program. Default: none.")
    run: Run = Field(Run(), description="As whom it runs, and within which limits. Default: a transient unit.")
    schedule: Annotated[Line, AfterValidator(moments)] | None = Field(
        None, description="When it runs: cron's five fields, or a systemd calendar expression. Default: on demand only."
    )
    database: Database | None = Field(None, description="Migrations. Default: none.")

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if self.script is None:
            yield "script is missing", "say which program of the repository to run"
        if self.schedule and self.run.manager == "none":
            yield (
                "schedule needs systemd",
                "set run.manager to systemd, or leave schedule out and let your own clock call fraisier run",
            )

    def jobs_to_run(self) -> tuple[str, ...]:
        return (RUN,)

    def has_timers(self) -> bool:
        return self.schedule is not None

    def units(self, target: Target) -> Iterator[tuple[str, str]]:
        if self.run.manager == "systemd":
            yield self.run.scope, f"{unit_prefix(target)}-{RUN}.service"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """A deployment has brought the program when its timer waits; or, without a schedule, when it is there and may be run."""
    settings = resolved.settings
    assert isinstance(settings, Settings)
    run = settings.run
    if settings.schedule:
        job = {
            "command": _command(settings),
            "on_calendar": on_calendar(settings.schedule),
            "environment": settings.database.variables(secrets) if settings.database else {},
            "timeout_seconds": run.timeout_seconds,
        }
        return clock_variables(resolved, run, {RUN: job})
    health = {
        **health_variables(None, secrets, manager="none"),
        "fraisier_health_command": ["test", "-x", settings.script or ""],
    }
    if run.manager == "none":
        return {"fraisier_service_manager": "none", "fraisier_preflight_manager": "none", **health}
    no_units = clock_variables(resolved, run, {})  # those of a schedule that it had before go
    return {**no_units, "fraisier_health_role": "health", **health}


def job(resolved: Resolved, params: Mapping[str, str], secrets: Secrets) -> JobRun:
    """One run: parameters are arguments, ``--name=text``, behind those of the settings. What needs none starts the unit of the clock."""
    settings = resolved.settings
    assert isinstance(settings, Settings)
    run, prefix = settings.run, unit_prefix(resolved.target)
    found: dict[str, Any] = {"name": RUN, "manager": run.manager, "timeout_seconds": run.timeout_seconds}
    if run.manager == "systemd":
        found |= {"scope": run.scope, "become": needs_root(resolved, run)}
    if settings.schedule and not params:
        found |= {"manager": "unit", "unit": f"{prefix}-{RUN}.service"}
        return JobRun("fraisier.deploy.run", _named(found))
    found |= {
        "command": [*_command(settings), *(f"--{name}={text}" for name, text in params.items())],
        "environment": settings.database.variables(secrets) if settings.database else {},
    }
    if run.manager == "systemd":
        unit = f"{prefix}-{RUN}-once.service" if settings.schedule else f"{prefix}-{RUN}.service"
        found |= {"unit": unit, "user": run.user or "", "group": run.group or "", "options": dict(run.options)}
        found |= {"besides": [f"{prefix}-{RUN}.service"]} if settings.schedule else {}
    return JobRun("fraisier.deploy.run", _named(found))


def _command(settings: Settings) -> list[str]:
    return [f"./{settings.script}", *settings.args]


def _named(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {f"fraisier_job_{name}": value for name, value in variables.items()}
