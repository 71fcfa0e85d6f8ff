"""What every migration tool has in common: the request, what a look at the database said, the tools by name. Pure."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.fraisier.deploy.plugins.plugin_utils.archive import Wanted
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import (
    COMMIT,
    RELEASE_ID,
    VARIABLE,
    ArgumentError,
    Arguments,
    named_command,
    relative_path,
)
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.releases import release_environment
from ansible_collections.fraisier.deploy.plugins.plugin_utils.repository import Repository, parse_repository
from ansible_collections.fraisier.deploy.plugins.plugin_utils.shell import Command

STATES = ("latest", "at", "status")
FETCH_SECONDS = 300
COMMANDS = ("current", "pending", "up", "down")
ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:@+~-]*")


@dataclass(frozen=True)
class Request:
    app_path: str
    directory: str
    version: str
    repository: Repository | None
    sent: Wanted | None
    tool: str
    state: str
    target: str
    bin_dir: str
    config: str
    migrations_dir: str
    environment: dict[str, str]
    commands: dict[str, Command]
    pending_rc: int
    allow_database_ahead: bool
    extra_args: list[str]
    timeout_seconds: int
    lock_timeout_seconds: int
    planned: list[str] | None
    url_variable: str
    database: str
    explain: bool


def parse(arguments: Arguments) -> Request:
    app_path = arguments.app_path()
    release_id = arguments.release_id()
    repo = arguments.text("repo")
    repository = parse_repository(repo) if repo else None
    version = arguments.text("version", pattern=COMMIT)
    target = arguments.text("target", pattern=TARGET)
    planned, is_bound = arguments.lines("planned"), arguments.boolean("bound")
    return Request(
        app_path=app_path,
        directory=_directory(app_path, release_id, arguments),
        version=version,
        repository=repository,
        sent=_sent(arguments, repository, version),
        tool=arguments.text("tool", required=True),
        state=arguments.choice("state", STATES, "latest"),
        target="" if target == "base" else target,
        bin_dir=_inside(arguments, "bin_dir"),
        config=_inside(arguments, "config"),
        migrations_dir=_inside(arguments, "migrations_dir"),
        environment={
            **arguments.environment(),
            **release_environment(app_path, release_id, version),
            "FRAISIER_TARGET": target,
        },
        commands=_commands(arguments),
        pending_rc=arguments.integer("pending_rc", 1, maximum=255),
        allow_database_ahead=arguments.boolean("allow_database_ahead"),
        extra_args=arguments.lines("extra_args"),
        timeout_seconds=arguments.integer("timeout_seconds", 600, minimum=1),
        lock_timeout_seconds=arguments.integer("lock_timeout_seconds", 60),
        planned=planned if is_bound else None,
        url_variable=arguments.text("url_variable", "DATABASE_URL", pattern=VARIABLE),
        database=arguments.text("database", pattern=ALIAS),
        explain=arguments.boolean("explain"),
    )


def _sent(arguments: Arguments, repository: Repository | None, version: str) -> Wanted | None:
    """The archive for a look, where the controller fetches."""
    push, submodules, cache = arguments.boolean("push"), arguments.boolean("submodules"), arguments.path("cache")
    return Wanted(repository, version, submodules, {}, FETCH_SECONDS, cache) if push and repository else None


def _directory(app_path: str, release_id: str, arguments: Arguments) -> str:
    """The release to run in, by id or by path."""
    given = arguments.text("directory") or release_id
    return f"{app_path}/releases/{given}" if RELEASE_ID.fullmatch(given) else arguments.path("directory")


def _inside(arguments: Arguments, name: str) -> str:
    value = arguments.text(name)
    return relative_path(name, value).rstrip("/") if value else ""


def _commands(arguments: Arguments) -> dict[str, Command]:
    given = arguments.mapping("commands")
    unknown = sorted(set(given) - set(COMMANDS))
    if unknown:
        raise ArgumentError(f"commands has unknown entries: {', '.join(unknown)}; known are {', '.join(COMMANDS)}")
    found = {name: named_command(f"commands.{name}", value) for name, value in given.items()}
    return {name: command for name, command in found.items() if command}


@dataclass(frozen=True)
class Reading:
    """What a look at the database said. ``at`` is None when the tool has no way to tell; ``is_known``: it can name what is pending.

    ``stuck``: migration -> why it has no way back, for those of which that is known.
    """

    at: str | None
    pending: list[str]
    ahead: list[str]
    is_pending: bool
    is_known: bool = True
    stuck: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One pending migration: the SQL that it sends, or what its tool says of it as (grade, what is done); None where neither can be had."""

    name: str
    sql: str | None = None
    grades: Sequence[tuple[str, str]] | None = None


def marks(answer: Answer) -> dict[str, str]:
    """Migration -> why it has no way back, from lines of a name and a reason."""
    found = (line.partition(" ") for line in answer.lines("marked"))
    return {name: reason or "it is marked as irreversible" for name, _, reason in found}


def sections(answer: Answer, names: Sequence[str], head: re.Pattern[str]) -> list[Change]:
    """The SQL of each migration, which stands below a line that ``head`` matches and that has the ``name`` in it."""
    texts: dict[str, list[str]] = {}
    name = ""
    for line in answer.lines("sql"):
        if match := head.fullmatch(line):
            name = match["name"]
            texts[name] = []
        elif name:
            texts[name].append(line)
    if answer.flag("sql_stopped"):
        texts.pop(name, None)
    return [Change(each, "\n".join(texts[each]) if each in texts else None) for each in names]


class Tool(Protocol):
    """One migration tool: a shell file of its own, and how to read what it answers."""

    @property
    def script(self) -> str:
        """Name of its shell file: tool_look, tool_up and tool_down."""

    def check(self, request: Request) -> None:
        """Refuses a request that this tool cannot do."""

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        """The functions and variables that its shell file wants."""

    def looks_first(self, request: Request) -> bool:
        """True when the way to the target (up or down) is known only after a look."""

    def is_reversible(self, request: Request) -> bool: ...

    def read(self, answer: Answer) -> Reading:
        """What the database was at before anything was done."""

    def place(self, answer: Answer, moment: str) -> str | None:
        """What the database was at ``before`` or ``after``, in the words of the ledger."""

    def unreachable(self, target: str, answer: Answer, reading: Reading) -> str:
        """Why the tool cannot go there, where a look can tell; empty when nothing speaks against it."""

    def is_upwards(self, target: str, reading: Reading) -> bool:
        """Whether the way to the target is the step ``up``."""

    def changes(self, answer: Answer, reading: Reading) -> list[Change]:
        """What the pending migrations would do, as far as the tool can tell."""

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        """What was applied and what was rolled back."""
