"""Which migration tools there are: ours, which the collection speaks to, and those of packages, which stand for commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol, cast

from fraisier.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from fraisier.fraise_types.database import Database

ENTRY_POINTS: Final = "fraisier.migration_tools"
OURS: Final = ("command", "alembic", "confiture", "django", "flask_migrate")
COMMANDS: Final = ("current", "pending", "up", "down")

Command = str | list[str]


class MigrationTool(Protocol):
    """What a migration tool of a package must have; a module will do. It is asked when a deployment is compiled: pure, and on no host."""

    @property
    def name(self) -> str:
        """The name after ``tool:``, and of the entry point."""

    @property
    def pending_rc(self) -> int:
        """Exit code by which ``pending`` says that something is pending; 0 means that any output says so."""

    def fault_of(self, database: Database) -> str:
        """What is missing or wrong in the settings, in a few words; '' when nothing is."""

    def commands(self, database: Database) -> Mapping[str, Command]:
        """``current``, ``pending``, ``up`` and ``down``, as ``tool: command`` has them: each a text for `sh -c` or a list of words."""


class _Tools(Mapping[str, MigrationTool]):
    """Names -> tools of packages. Looking up one that is installed and cannot be used raises ConfigError; one that is not, KeyError."""

    def __getitem__(self, name: str) -> MigrationTool:
        return _loaded(self._theirs[name])

    def __contains__(self, name: object) -> bool:
        return name in self._theirs

    def __iter__(self) -> Iterator[str]:
        yield from self._theirs

    def __len__(self) -> int:
        return len(self._theirs)

    @cached_property
    def _theirs(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points

        found = {each.name: each for each in entry_points(group=ENTRY_POINTS)}
        return {name: found[name] for name in sorted(found) if name not in OURS}


def _loaded(entry_point: EntryPoint) -> MigrationTool:
    name, package = entry_point.name, entry_point.dist.name if entry_point.dist else entry_point.value
    try:
        tool = entry_point.load()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the migration tool {name!r} of {package} cannot be loaded: {fault}") from error
    missing = [each for each in ("fault_of", "commands") if not callable(getattr(tool, each, None))]
    if not isinstance(getattr(tool, "pending_rc", None), int):
        missing.append("pending_rc")
    if missing:
        raise ConfigError(f"the migration tool {name!r} of {package} has no {', '.join(missing)}")
    if getattr(tool, "name", None) != name:
        raise ConfigError(f"the migration tool {name!r} of {package} calls itself {getattr(tool, 'name', None)!r}")
    return cast("MigrationTool", tool)


THEIRS: Final[Mapping[str, MigrationTool]] = _Tools()


def commands_of(database: Database) -> Mapping[str, Command]:
    """The commands behind ``tool: command``, or behind a tool of a package; none for the others. Raises ConfigError for what are none."""
    if not database.tool or database.tool not in THEIRS:
        own = database.commands.model_dump(exclude_none=True)
        return {name: command if isinstance(command, str) else list(command) for name, command in own.items()}
    found = dict(THEIRS[database.tool].commands(database))
    if unknown := [name for name, command in found.items() if name not in COMMANDS or not _is_command(command)]:
        raise ConfigError(
            f"the migration tool {database.tool!r} gives what is no command: {', '.join(map(str, unknown))}"
        )
    if "up" not in found:
        raise ConfigError(f"the migration tool {database.tool!r} has no command up")
    return found


def _is_command(command: object) -> bool:
    words = [command] if isinstance(command, str) else command
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) and word for word in words)
