"""Where copies of a database or of files are kept, for how long, and what a good one is; of type backup, and before migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from fraisier.fraise_types.fields import NUMBER, AbsolutePath, Line, Port, Secret, Section, matching

if TYPE_CHECKING:
    from fraisier.plan import Secrets
    from fraisier.vocabulary import Target

Number = Annotated[int, Field(ge=0), NUMBER]
KEYS = ("access_key", "secret_key", "password")
SshHost = Annotated[str, matching(r"(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][\w.:-]*", "expected [user@]host")]
# Words of rsync's option for ssh, which knows no quotes that all its versions agree on.
HostFile = Annotated[AbsolutePath, matching(r"/[^\s'\"\\]+", "expected an absolute path without spaces and quotes")]
BucketName = Annotated[str, matching(r"[a-z0-9][a-z0-9.-]+", "expected the name of a bucket")]
Jobs = Annotated[int, Field(ge=1, le=64), NUMBER]


class Destination(Section):
    """Where the copies are kept."""

    path: AbsolutePath | None = Field(
        None, description="Folder for the copies; each target has one of its own in it. Required for type backup."
    )
    host: SshHost | None = Field(
        None, description="Host to send the copies to, [user@]host. Default: they stay on their host."
    )
    port: Port | None = Field(None, description="Port of that host's ssh server. Default: what ssh chooses, 22.")
    ssh_key: HostFile | None = Field(
        None,
        description="Private key for that host, a file of the host that makes the copies. Default: what ssh chooses.",
    )
    known_hosts: HostFile | None = Field(
        None, description="Known host keys, a file there: an unknown key is refused. Default: what ssh chooses."
    )
    bucket: BucketName | None = Field(
        None, description="S3 bucket to send the copies to, into `path` as a folder. Default: none."
    )
    endpoint: Line | None = Field(
        None, description="Address of an S3 service, e.g. https://s3.example.com. Default: that of AWS."
    )
    region: Line | None = Field(None, description="Region of the bucket. Default: the service's own.")
    access_key: Secret | None = Field(
        None,
        description="Access key of the bucket. A secret. Default: what the host has, such as the role of its instance.",
    )
    secret_key: Secret | None = Field(None, description="Secret key that belongs to it. Default: as `access_key`.")
    password: Secret | None = Field(
        None, description="Password that copies of `files` are encrypted with. A secret. Required for them."
    )
    compress: bool = Field(True, description="Compress the copies. Default: true.")

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """What cannot be meant together, and the next step."""
        if self.host and self.bucket:
            yield "destination has both host and bucket", "give one of them"
        for name in ("port", "ssh_key", "known_hosts"):
            if getattr(self, name) and not self.host:
                yield f"destination.{name} has no effect", "it is for destination.host"
        for name in ("endpoint", "region", "access_key", "secret_key"):
            if getattr(self, name) and not self.bucket:
                yield f"destination.{name} has no effect", "it is for destination.bucket"


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


STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def stamp(text: str) -> str:
    """A moment as copies are named, in UTC. A day alone is its end; without a zone, a time is UTC. Raises ValueError."""
    if STAMP.fullmatch(text):
        return text
    found = datetime.fromisoformat(text)
    if DAY.fullmatch(text):
        found += timedelta(days=1, seconds=-1)
    return f"{found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC):%Y%m%dT%H%M%SZ}"


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


def destination_variables(destination: Destination, secrets: Secrets) -> dict[str, Any]:
    plain = destination.model_dump(exclude_none=True, exclude=set(KEYS))
    keys = {name: secrets.value(f"destination_{name}", found) for name in KEYS if (found := getattr(destination, name))}
    return {**plain, **keys}
