"""Fraise type ``scheduled``: jobs that run by the clock from one release."""

from collections.abc import Iterator
from typing import Final

from pydantic import Field

from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import Command, EnvironmentVariables, Line, Seconds, Section
from fraisier.fraise_types.release import Release

PLAYBOOK: Final = "fraisier.deploy.scheduled"
BUILT: Final = False


class Job(Section):
    """One job of a scheduled fraise."""

    schedule: Line | None = Field(
        None, description="When it runs, in cron's five fields. This or `calendar` is required."
    )
    calendar: Line | None = Field(
        None, description="When it runs, as a systemd calendar expression, e.g. Mon..Fri 06:00."
    )
    command: Command | None = Field(
        None, description="What runs, inside the release: text for `sh -c`, or words. Required."
    )
    depends_on: tuple[Line, ...] = Field(
        (), description="Jobs of this fraise that must have succeeded before. Default: none."
    )
    timeout_seconds: Seconds = Field(3600, description="Longest time for one run, in seconds. Default: 3600.")
    environment: EnvironmentVariables = Field(
        {}, description="Environment variables for this job only, on top of `environment`. Default: none."
    )


class Settings(Release):
    """Settings of a scheduled fraise in one environment."""

    jobs: dict[str, Job] = Field({}, description="The jobs, by name. At least one is required.")
    database: Database | None = Field(None, description="Migrations. Default: none.")

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if not self.jobs:
            yield "jobs is missing", "name at least one job"
