"""Where copies of a database or of files are kept, for how long, and what a good one is; of type backup, and before migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from fraisier.fraise_types.fields import NUMBER, AbsolutePath, Line, Section

if TYPE_CHECKING:
    from fraisier.vocabulary import Target

Number = Annotated[int, Field(ge=0), NUMBER]
Jobs = Annotated[int, Field(ge=1, le=64), NUMBER]


class Destination(Section):
    """Where the copies are kept."""

    path: AbsolutePath | None = Field(
        None, description="Folder for the copies; each target has one of its own in it. Required for type backup."
    )
    host: Line | None = Field(
        None, description="Host to send the copies to, [user@]host. Default: they stay on their host."
    )
    compress: bool = Field(True, description="Compress the copies. Default: true.")


class Retention(Section):
    """How many copies are kept. The newest good one is never removed."""

    keep_last: Number = Field(7, description="Newest copies kept. Default: 7.")
    keep_daily: Number = Field(0, description="Days of which the last copy is kept. Default: 0.")
    keep_weekly: Number = Field(0, description="Weeks of which the last copy is kept. Default: 0.")
    keep_monthly: Number = Field(0, description="Months of which the last copy is kept. Default: 0.")
    max_age_days: Number = Field(
        0, description="Copies that are older than so many days go, whatever the numbers say; 0: never. Default: 0."
    )


class Dump(Section):
    """How a database is dumped, and what a good dump is."""

    format: Literal["custom", "directory"] = Field(
        "custom", description="Format of pg_dump: `custom`, one file, or `directory`. Default: custom."
    )
    jobs: Jobs = Field(1, description="Tables that pg_dump copies at once, for format `directory`. Default: 1.")
    bin_dir: AbsolutePath | None = Field(
        None, description="Folder of pg_dump, psql or sqlite3 on the host. Default: found on PATH."
    )
    min_tables: Number = Field(0, description="A copy with fewer tables is not good. Default: 0.")


def folder_name(target: Target) -> str:
    """What keeps the copies of one target apart from those of others in the same place."""
    return f"{target.fraise}-{target.environment}"


def dump_variables(dump: Dump) -> dict[str, Any]:
    return {
        "format": dump.format,
        "jobs": dump.jobs,
        "bin_dir": dump.bin_dir or "",
        "min_tables": dump.min_tables,
    }
