"""What is copied and where the copies are kept, from the arguments of `backup` and `restore`; and the shell that does it. Pure."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError, Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.database_url import (
    kind_of,
    libpq_environment,
    sqlite_path,
)

KINDS = ("postgresql", "sqlite", "files")
FORMATS = ("custom", "directory")
STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
# The name of a folder and of restic's tag.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
SSH_HOST = re.compile(r"(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][\w.:-]*")
# Words of rsync's -e, which knows no quotes that all its versions agree on.
SSH_FILE = re.compile(r"/[^\s'\"\\]+")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]+")
# No secrets, so that they may stand in the text of a program.
PLAIN = {"PGCONNECT_TIMEOUT": "20", "PGAPPNAME": "fraisier"}
COUNTS = ("keep_last", "keep_daily", "keep_weekly", "keep_monthly", "max_age_days")


@dataclass(frozen=True)
class Source:
    """What is copied. ``environment`` is libpq's, for PostgreSQL; ``paths`` are absolute."""

    kind: str
    environment: Mapping[str, str]
    path: str
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    format: str
    jobs: int
    bin_dir: str
    min_tables: int
    may_be_missing: bool


@dataclass(frozen=True)
class Destination:
    """Where copies are kept: a folder of this host, of another (``host``), or an S3 bucket; below ``folder``, a name of their own."""

    folder: str
    host: str
    port: int
    ssh_key: str
    known_hosts: str
    bucket: str
    access: Mapping[str, str]
    password: str
    compress: bool

    @property
    def store(self) -> str:
        return "s3" if self.bucket else "host" if self.host else "folder"

    @property
    def ssh(self) -> str:
        """Words, none with a space in it: an unknown or changed host key ends it, and nobody is asked for anything."""
        words = ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20"]
        words += ["-o", "ServerAliveInterval=15"]
        words += ["-p", str(self.port)] if self.port else []
        words += ["-i", self.ssh_key, "-o", "IdentitiesOnly=yes"] if self.ssh_key else []
        words += ["-o", f"UserKnownHostsFile={self.known_hosts}"] if self.known_hosts else []
        return " ".join(words)

    @property
    def rsync_host(self) -> str:
        """The host as rsync tells it from a path: an address with colons in brackets."""
        user, at, address = self.host.rpartition("@")
        return f"{user}{at}[{address}]" if ":" in address else self.host

    @property
    def repository(self) -> str:
        """Where restic keeps files."""
        if self.bucket:
            return f"s3:{self.access['endpoint'] or 's3.amazonaws.com'}/{self.folder}"
        return f"sftp:{self.rsync_host}:{self.folder}" if self.host else self.folder

    @property
    def place(self) -> str:
        """Where the copies are, for people."""
        return f"s3:{self.folder}" if self.bucket else f"{self.host}:{self.folder}" if self.host else self.folder


def parse_source(given: Mapping[str, Any]) -> Source:
    """Raises ArgumentError, which names the entry and never its value."""
    return _inside("source", given, _source)


def parse_destination(given: Mapping[str, Any], name: str) -> Destination:
    """``name`` keeps the copies of one target apart from those of others in the same place."""
    return _inside("destination", given, lambda arguments: _destination(arguments, name))


def retention(given: Mapping[str, Any]) -> str:
    """The variables of retention.awk as words ``name=value`` after -v each; the numbers are checked."""
    arguments = Arguments(given)
    numbers = {name: arguments.integer(name, 7 if name == "keep_last" else 0) for name in COUNTS}
    arguments.finish()
    return " ".join(f"-v {name.removeprefix('keep_')}={number}" for name, number in numbers.items())


def _inside(name: str, given: Mapping[str, Any], read: Any) -> Any:
    arguments = Arguments(given)
    try:
        found = read(arguments)
        arguments.finish()
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None
    return found


def _source(arguments: Arguments) -> Source:
    url = arguments.text("url")
    kind = arguments.choice("kind", ("", *KINDS)) or kind_of(url)
    if not kind:
        raise ArgumentError("kind is required where url does not say it: postgresql, sqlite or files")
    if url and kind_of(url) != kind:
        raise ArgumentError(f"url is no address of a {kind} database")
    path = sqlite_path(url) if kind == "sqlite" and url else arguments.path("path")
    paths = tuple(arguments.lines("paths"))
    if kind == "sqlite" and not path:
        raise ArgumentError("path is required for sqlite")
    if kind == "files" and not (paths and all(_is_absolute(each) for each in paths)):
        raise ArgumentError("paths is required for files: absolute paths without '.' and '..'")
    database = arguments.text("database")
    environment = libpq_environment(url) if kind == "postgresql" and url else {}
    return Source(
        kind=kind,
        environment={**environment, **({"PGDATABASE": database} if database else {})},
        path=path,
        paths=paths,
        exclude=tuple(arguments.lines("exclude")),
        format=arguments.choice("format", FORMATS, "custom"),
        jobs=arguments.integer("jobs", 1, minimum=1, maximum=64),
        bin_dir=arguments.path("bin_dir"),
        min_tables=arguments.integer("min_tables", 0),
        may_be_missing=arguments.boolean("may_be_missing"),
    )


def _is_absolute(path: str) -> bool:
    return path.startswith("/") and not {".", ".."} & set(path.split("/")) and any(path.split("/"))


def _destination(arguments: Arguments, name: str) -> Destination:
    bucket, host, path = (
        arguments.text("bucket", pattern=BUCKET),
        arguments.text("host", pattern=SSH_HOST),
        arguments.path("path"),
    )
    if bucket and host:
        raise ArgumentError("bucket stands beside host: give one of them")
    if not (path or bucket):
        raise ArgumentError("path is required")
    access = {key: arguments.text(key) for key in ("endpoint", "region", "access_key", "secret_key")}
    return Destination(
        folder="/".join(
            part for part in (bucket, path.strip("/") if bucket else path.rstrip("/"), name) if part or not bucket
        ),
        host=host,
        port=arguments.integer("port", 0, maximum=65535),
        ssh_key=arguments.text("ssh_key", pattern=SSH_FILE),
        known_hosts=arguments.text("known_hosts", pattern=SSH_FILE),
        bucket=bucket,
        access=access if bucket else {},
        password=arguments.text("password"),
        compress=arguments.boolean("compress", True),
    )


def environment_of(source: Source, destination: Destination, given: Mapping[str, str]) -> dict[str, str]:
    """What the tools are told by their environment, and nowhere else: addresses, passwords, and what the user has given."""
    return {**given, **source.environment, **_keys(source, destination)}


def _keys(source: Source, destination: Destination) -> dict[str, str]:
    """What opens the destination: as restic reads it for files, as rclone reads it for dumps."""
    access = destination.access
    if source.kind == "files":
        names = {
            "AWS_ACCESS_KEY_ID": "access_key",
            "AWS_SECRET_ACCESS_KEY": "secret_key",
            "AWS_DEFAULT_REGION": "region",
        }
        found = {name: access[key] for name, key in names.items() if access.get(key)}
        return {"RESTIC_PASSWORD": destination.password, **found}
    if destination.store != "s3":
        return {}
    settings = {
        "TYPE": "s3",
        "PROVIDER": "Other" if access["endpoint"] else "AWS",
        "ENV_AUTH": "" if access["access_key"] else "true",
        "ACCESS_KEY_ID": access["access_key"],
        "SECRET_ACCESS_KEY": access["secret_key"],
        "ENDPOINT": access["endpoint"],
        "REGION": access["region"],
        "NO_CHECK_BUCKET": "true",
    }
    named = {f"RCLONE_CONFIG_FRAISIER_{name}": text for name, text in settings.items() if text}
    return {"RCLONE_CONFIG": "/dev/null", **named}


def taking(arguments: Arguments) -> list[str]:
    """Variables of backup.sh that say when a copy is made, how long it may take and which stay."""
    return [
        shell.assign("reuse_seconds", arguments.integer("reuse_seconds", 0)),
        shell.assign("max_age_seconds", arguments.integer("max_age_seconds", 0)),
        shell.assign("timeout_seconds", arguments.integer("timeout_seconds", 3600, minimum=1)),
        shell.assign("lock_timeout_seconds", arguments.integer("lock_timeout_seconds", 60)),
        shell.assign("keep", retention(arguments.mapping("retention"))),
        shell.assign("retention", shell.program("retention.awk")),
    ]


def parts(source: Source, destination: Destination, environment: Mapping[str, str]) -> list[str]:
    """Variables and functions of the scripts, and those scripts that are chosen by what is copied to where. ``environment``: what they set
    for the tools themselves; nothing, where whoever runs them has done so.
    """
    way = _files(source, destination) if source.kind == "files" else _dumps(source, destination)
    return [
        shell.exporting("backup_environment", {**PLAIN, **environment}),
        shell.assign("kind", source.kind),
        shell.assign("path", source.path),
        shell.assign("format", source.format if source.kind == "postgresql" else "online backup"),
        shell.assign("jobs", source.jobs),
        shell.assign("bin_dir", source.bin_dir),
        shell.assign("min_tables", source.min_tables),
        shell.assign("may_be_missing", source.may_be_missing),
        shell.assign("compress", destination.compress),
        shell.source("backup_run"),
        *way,
    ]


def _dumps(source: Source, destination: Destination) -> list[str]:
    given = [shell.assign("store", destination.folder)]
    if destination.store == "host":
        given += [
            shell.assign("store_there", shlex.quote(destination.folder)),
            shell.assign("ssh", destination.ssh),
            shell.assign("host", destination.host),
            shell.assign("rsync_host", destination.rsync_host),
        ]
    if destination.store == "s3":
        given.append(shell.assign("bucket", destination.bucket))
    return given + [
        shell.source(name) for name in ("backup_dump", f"backup_{source.kind}", f"store_{destination.store}")
    ]


def _files(source: Source, destination: Destination) -> list[str]:
    if not destination.password:
        raise ArgumentError("destination: password is required for files: restic keeps them encrypted by it")
    words = [*(f"--exclude={each}" for each in source.exclude), "--", *source.paths]
    return [
        shell.assign("repository", destination.repository),
        shell.assign("sftp", f"{destination.ssh} {destination.host} -s sftp" if destination.store == "host" else ""),
        f'copy_files() {{ "$@" {shlex.join(words)}; }}',
        f'each_path() {{ for f_each in {shlex.join(source.paths)}; do "$1" "$f_each" || return 1; done; }}',
        shell.source("backup_files"),
    ]
