"""Fraise type ``scheduled``: jobs that run by the clock from one release, each a service and a timer of systemd on its hosts."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from fraisier.errors import UsageError
from fraisier.fraise_types import JobRun, Resolved
from fraisier.fraise_types.clock import zone
from fraisier.fraise_types.cron import calendar_of
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import (
    NUMBER,
    Command,
    EnvironmentVariables,
    Line,
    Seconds,
    Section,
    one_or_many,
    refuse,
)
from fraisier.fraise_types.health import words
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.run import Units, clock_variables, needs_root, unit_prefix
from fraisier.plan import Secrets
from fraisier.vocabulary import Target

PLAYBOOK: Final = "fraisier.deploy.scheduled"
BUILT: Final = True


def _cron(text: str) -> str:
    try:
        calendar_of(text)
    except ValueError as error:
        raise refuse(str(error)) from None
    return text


class Job(Section):
    """One job of a scheduled fraise."""

    schedule: Annotated[Line, AfterValidator(_cron)] | None = Field(
        None, description="When it runs, in cron's five fields. This or `calendar` is required."
    )
    calendar: Line | None = Field(
        None, description="When it runs, as a systemd calendar expression, e.g. Mon..Fri 06:00."
    )
    timezone: Annotated[Line, AfterValidator(zone)] | None = Field(
        None, description="Time zone of `schedule` or `calendar`, e.g. Europe/Paris. Default: that of the host."
    )
    jitter_seconds: Annotated[int, Field(ge=0), NUMBER] = Field(
        0, description="Each run begins up to so much later, by chance, in seconds. Default: 0."
    )
    persistent: bool = Field(
        True, description="A moment that passed while the host was down is made up for, once. Default: true."
    )
    command: Command | None = Field(
        None, description="What runs, inside the release: text for `sh -c`, or words. Required."
    )
    depends_on: Annotated[tuple[Line, ...], BeforeValidator(one_or_many(str))] = Field(
        (),
        description="Jobs of this fraise that must have succeeded since this one ran last, one or a list. Default: none.",
        json_schema_extra={"x-or-one": True},
    )
    timeout_seconds: Seconds = Field(3600, description="Longest time for one run, in seconds. Default: 3600.")
    environment: EnvironmentVariables = Field(
        {}, description="Environment variables for this job only, on top of `environment`. Default: none."
    )

    @property
    def on_calendar(self) -> list[str]:
        """Its moments as systemd calendar expressions."""
        found = calendar_of(self.schedule) if self.schedule else (self.calendar or "",)
        return [f"{text} {self.timezone}" if self.timezone else text for text in found]


class Settings(Release):
    """Settings of a scheduled fraise in one environment."""

    jobs: dict[str, Job] = Field({}, description="The jobs, by name. At least one is required.")
    run: Units = Field(Units(), description="As whom they run, and within which limits. Default: as who deploys.")
    database: Database | None = Field(None, description="Migrations. Default: none.")

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if not self.jobs:
            yield "jobs is missing", "name at least one job"

    def jobs_to_run(self) -> tuple[str, ...]:
        return tuple(self.jobs)

    def has_timers(self) -> bool:
        return True

    def units(self, target: Target) -> Iterator[tuple[str, str]]:
        for name in self.jobs:
            yield self.run.scope, f"{unit_prefix(target)}-{name}.service"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    settings = resolved.settings
    assert isinstance(settings, Settings)
    jobs = {name: _job(name, each, settings, secrets) for name, each in settings.jobs.items()}
    return clock_variables(resolved, settings.run, jobs)


def _job(name: str, job: Job, settings: Settings, secrets: Secrets) -> dict[str, Any]:
    database = settings.database.variables(secrets) if settings.database else {}
    return {
        "command": words(job.command or ""),
        "on_calendar": job.on_calendar,
        "depends_on": list(job.depends_on),
        "environment": {**database, **secrets.mapping(f"job_{name}", job.environment)},
        "timeout_seconds": job.timeout_seconds,
        "jitter_seconds": job.jitter_seconds,
        "persistent": job.persistent,
    }


def job(resolved: Resolved, params: Mapping[str, str], secrets: Secrets) -> JobRun:  # noqa: ARG001 - its unit has them
    """One run: the job's own unit is started, as its timer would, so that no two runs of it are ever at work."""
    settings, target = resolved.settings, resolved.target
    assert isinstance(settings, Settings)
    if params:
        raise UsageError(f"{target}: a job by the clock takes no parameters", hint="an etl does: type: etl")
    found = {
        "name": target.job,
        "manager": "unit",
        "unit": f"{unit_prefix(target)}-{target.job}.service",
        "scope": settings.run.scope,
        "timeout_seconds": settings.jobs[target.job].timeout_seconds,
        "become": needs_root(resolved, settings.run),
    }
    return JobRun("fraisier.deploy.run", {f"fraisier_job_{name}": value for name, value in found.items()})
