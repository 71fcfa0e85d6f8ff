"""Which migration tools there are: ours, which the collection speaks to, and those of packages, which stand for commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from fraisier.errors import ConfigError
from fraisier.installed import Installed, without

if TYPE_CHECKING:
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


def _missing(tool: object) -> list[str]:
    missing = without(tool, "fault_of", "commands")
    return missing if isinstance(getattr(tool, "pending_rc", None), int) else [*missing, "pending_rc"]


THEIRS: Final[Mapping[str, MigrationTool]] = Installed("migration tool", ENTRY_POINTS, _missing, reserved=OURS)


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
