"""Fraise type ``backup``: copies of a database or of files, kept for a while."""

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import Field

from fraisier.fraise_types.copies import Destination, Dump, Retention
from fraisier.fraise_types.fields import AbsolutePath, Line, Secret
from fraisier.fraise_types.settings import Placement

PLAYBOOK: Final = "fraisier.deploy.backup"
BUILT: Final = False


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

    source: Source = Field(Source(), description="What is copied. Required.")
    destination: Destination = Field(Destination(), description="Where the copies are kept. Required.")
    retention: Retention = Field(Retention(), description="How many copies are kept. Default: the last 7.")
    schedule: Line | None = Field(
        None, description="When it runs: cron's five fields, or a systemd calendar expression. Default: on demand only."
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        source = self.source
        if source.kind is None:
            yield "source.kind is missing", "say what is copied: postgresql, sqlite or files"
        if source.kind == "sqlite" and source.path is None:
            yield "source.path is missing", "say which database file is copied"
        if source.kind == "files" and not source.paths:
            yield "source.paths is missing", "say which files and folders are copied"
        if self.destination.path is None:
            yield "destination.path is missing", "say which folder the copies go to"
