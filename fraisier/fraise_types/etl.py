"""Fraise type ``etl``: a program that moves data and ends, on demand or by the clock."""

from collections.abc import Iterator
from typing import Final

from pydantic import Field

from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import Line, RelativePath
from fraisier.fraise_types.release import Release

PLAYBOOK: Final = "fraisier.deploy.etl"
BUILT: Final = False


class Settings(Release):
    """Settings of an etl in one environment."""

    script: RelativePath | None = Field(None, description="Program to run, relative to the release. Required.")
    args: tuple[Line, ...] = Field((), description="Arguments of the program. Default: none.")
    schedule: Line | None = Field(
        None, description="When it runs: cron's five fields, or a systemd calendar expression. Default: on demand only."
    )
    database: Database | None = Field(None, description="Migrations. Default: none.")

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if self.script is None:
            yield "script is missing", "say which program of the repository to run"
