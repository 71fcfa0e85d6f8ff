"""Migrations of a fraise's database."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from fraisier.fraise_types.copies import Destination, Dump, Number, Retention, stamp
from fraisier.fraise_types.fields import NUMBER, Command, Line, Seconds, Secret, Section, VariableName, refuse
from fraisier.fraise_types.migration_tools import OURS, THEIRS
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.plan import Secrets
from fraisier.vocabulary import NAME


def _installed(name: str) -> str:
    known = (*OURS, *THEIRS)
    if name not in known:
        raise refuse(f"expected one of {', '.join(known)}", hint=did_you_mean(name, known))
    return name


# Packages may add tools, so the schema says which there are and takes others too.
Tool = Annotated[
    str,
    AfterValidator(_installed),
    WithJsonSchema(
        {"anyOf": [{"enum": list(OURS), "type": "string"}, {"pattern": f"^{NAME.pattern}$", "type": "string"}]}
    ),
]


def _stamp(text: str) -> str:
    try:
        return stamp(text)
    except ValueError:
        raise refuse("expected a moment: 2026-11-22, 2026-11-22T03:00 or 2026-11-22T03:00+01:00") from None


class MigrationCommands(Section):
    """Your own migration tool, for `tool: command`: each text for `sh -c` or a list of words, run in the release."""

    current: Command | None = Field(None, description="Prints the version that the database is at. Default: none.")
    pending: Command | None = Field(
        None, description="Says by its exit code (`pending_rc`) whether there is something to apply. Default: none."
    )
    up: Command | None = Field(None, description="Applies what is pending. Required.")
    down: Command | None = Field(
        None,
        description="Goes back to the version in FRAISIER_TARGET. Default: none; migrations then stay applied.",
    )


class BackupBefore(Dump):
    """The copy that a deployment makes before it migrates."""

    destination: Destination = Field(
        Destination(), description="Where the copies are kept. Default: backups/ in app_path."
    )
    retention: Retention = Field(Retention(), description="How many copies are kept. Default: the last 7.")
    reuse_seconds: Number = Field(
        0,
        description="With a good copy that is not older than this, that one is verified and none is made. Default: 0.",
    )
    timeout_seconds: Seconds = Field(
        3600, description="Longest time for making and verifying the copy, in seconds. Default: 3600."
    )


class RestoreFrom(Section):
    """Copies of another target's database, or of this one's."""

    fraise: Line | None = Field(
        None,
        description="Fraise that makes the copies, of type backup or with `backup_before_deploy`. Default: this one.",
    )
    environment: Line | None = Field(None, description="In which environment it makes them. Required.")
    at: Annotated[Line, AfterValidator(_stamp)] | None = Field(
        None,
        description="Newest copy that may be taken: 2026-11-22, 2026-11-22T03:00 or 2026-11-22T03:00+01:00. Default: the newest of all.",
    )


class Database(Section):
    """How the database follows the release."""

    tool: Tool | None = Field(
        None, description="Migration tool; `command` runs `commands`. A package may add others. Required."
    )
    url: Secret | None = Field(
        None, description="Address of the database. A secret: write ${DATABASE_URL}. Default: none."
    )
    url_variable: VariableName = Field(
        "DATABASE_URL", description="Environment variable in which the tool is given `url`. Default: DATABASE_URL."
    )
    name: Line | None = Field(
        None, description="Alias of the database in Django's settings, for `tool: django`. Default: default."
    )
    migrations_dir: Line | None = Field(
        None, description="Folder of the migrations inside the release. Default: the tool's own."
    )
    config: Line | None = Field(
        None,
        description="The tool's configuration file inside the release, e.g. alembic.ini, or Django's manage.py. Default: the tool's own.",
    )
    bin_dir: Line | None = Field(
        None,
        description="Folder of the tool's command, relative to the release, e.g. venv/bin. Default: found on PATH.",
    )
    commands: MigrationCommands = Field(MigrationCommands(), description="Commands of `tool: command`. Default: none.")
    pending_rc: Annotated[int, Field(ge=0, le=255), NUMBER] = Field(
        1, description="Exit code by which `commands.pending` says that something is pending. Default: 1."
    )
    strategy: Literal["apply", "rebuild", "restore_migrate"] = Field(
        "apply",
        description="`apply` pending migrations; `rebuild`: replace the database by an empty one, then apply all; `restore_migrate`: "
        "replace it by a copy, then apply what that lacks. The last two lose what is in it: refused in a `protected` environment. "
        "For PostgreSQL and SQLite; they need `url`. Default: apply.",
    )
    restore_from: RestoreFrom = Field(
        RestoreFrom(), description="Which copies `strategy: restore_migrate` takes. Required there. Default: none."
    )
    backup_before_deploy: bool = Field(
        False,
        description="Copy the database in the backup phase, and migrate only when that copy is verified. Needs `url`. Default: false.",
    )
    backup: BackupBefore = Field(
        BackupBefore(), description="How that copy is made and kept. Default: as dumps in app_path."
    )
    timeout_seconds: Seconds = Field(600, description="Longest time for all migrations, in seconds. Default: 600.")
    lock_timeout_seconds: Seconds = Field(
        60,
        description="Longest wait for another migration in the same app_path, and then of the same database, in seconds. Default: 60.",
    )
    allow_database_ahead: bool = Field(
        False,
        description="Deploy although the database is at a version that the release does not know. Default: false.",
    )
    extra_args: tuple[Line, ...] = Field((), description="More arguments for the migration tool. Default: none.")

    @property
    def is_replaced(self) -> bool:
        """Whether each deployment puts another database in the place of the one that serves."""
        return self.strategy != "apply"

    def variables(self, secrets: Secrets) -> dict[str, str]:
        """The environment variable by which programs know the database; none when its address is not given."""
        return {} if self.url is None else {self.url_variable: secrets.value("database_url", self.url)}
